"""How much one request may ask for, and what is said of more."""

from dataclasses import dataclass

from tweet_sentiment.errors import StudyError
from tweet_sentiment.serving.problems import ProblemError


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, posts and characters; times in seconds.

    ``requests`` is how many may be under way at once; ``waiting`` how many posts may wait for the model; ``batch`` how
    many it gets in one call.
    """

    body: int = 1_000_000
    csv_body: int = 20_000_000
    posts: int = 1_000
    explained_posts: int = 20
    csv_rows: int = 50_000
    characters: int = 10_000
    seconds: float = 30
    csv_seconds: float = 600
    requests: int = 500
    waiting: int = 20_000
    batch: int = 256

    def __post_init__(self) -> None:
        """Refuse a limit that nothing could pass.

        Raises:
            StudyError: a limit is not above 0; it is named.
        """
        for name, value in vars(self).items():
            if not value > 0:
                raise StudyError(f"The limit {name} is {value}: give a number above 0.")


def check_posts(texts: list[str], most: int, limits: Limits) -> None:
    """Refuse no posts, too many, and too long ones.

    Raises:
        ProblemError: with status 422 for an empty list, 413 for too much of anything; the message names the post.
    """
    if not texts:
        raise ProblemError(422, "texts: the list is empty. Send one text or more.")
    if len(texts) > most:
        raise ProblemError(413, f"texts: {len(texts):,} posts, at most {most:,} a request. Send them in parts.")
    for place, text in enumerate(texts):
        if len(text) > limits.characters:
            raise ProblemError(
                413,
                f"texts[{place}]: {len(text):,} characters, at most {limits.characters:,} a post. Shorten it: "
                "the model reads only the beginning.",
            )

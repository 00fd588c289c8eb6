"""The limits of the service. The options of ``kedro serve`` and the table in docs/serve.md are made from them."""

from dataclasses import dataclass, field
from typing import Any

from tweet_sentiment.errors import StudyError

KEY, HOSTS = "TWEET_SENTIMENT_API_KEY", "TWEET_SENTIMENT_ALLOWED_HOSTS"  # in the environment


def _limit(default: float, about: str, option: str | None = None) -> Any:
    return field(default=default, metadata={"about": about, "option": option})


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, posts and characters; times in seconds."""

    body: int = _limit(1_000_000, "bytes of a request", "--max-body")
    csv_body: int = _limit(20_000_000, "bytes of a CSV", "--max-csv")
    held: int = _limit(200_000_000, "bytes of all requests held at once; the same again for CSVs")
    headers: int = _limit(32_768, "bytes of a request's headers")
    posts: int = _limit(1_000, "posts of a request", "--max-posts")
    explained_posts: int = _limit(20, "posts of a request to `/explain`")
    characters: int = _limit(10_000, "characters of a post", "--max-characters")
    csv_rows: int = _limit(50_000, "rows of a CSV")
    csv_lines: int = _limit(200_000, "lines of a CSV: a post may have several")
    csv_columns: int = _limit(1_000, "columns of a CSV")
    csv_fields: int = _limit(2_000_000, "fields of a CSV")
    waiting: int = _limit(20_000, "posts that wait for the model")
    batch: int = _limit(64, "posts in one call of the model; longer requests take turns")
    connections: int = _limit(2_000, "connections at once")
    header_seconds: float = _limit(10, "seconds until a connection's next request has its headers")
    body_seconds: float = _limit(30, "seconds until a request has its body", "--body-timeout")
    seconds: float = _limit(30, "seconds from the body to the answer", "--timeout")
    csv_seconds: float = _limit(600, "seconds for a CSV")
    taking_seconds: float = _limit(120, "seconds until the client has read an answer")
    stop_seconds: int = _limit(20, "seconds to finish current requests when the service is told to stop")

    def __post_init__(self) -> None:
        """Refuse a limit that nothing could pass.

        Raises:
            StudyError: a limit is not above 0; it is named.
        """
        for name, value in vars(self).items():
            if not value > 0:
                raise StudyError(f"The limit {name} is {value}: give a number above 0.")

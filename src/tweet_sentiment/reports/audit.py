"""What holds of the data, and the leakage audit in words: what is known of the test posts, and what that is worth."""

from dataclasses import dataclass
from typing import Any

from tweet_sentiment.reports.tables import Table, paragraphs, percent

_DIGITS = 16  # of a sha256
PAPER, SAMPLE = "68ebaee4f44bda5d", "ff6b97a6f484db1e"  # twitter_training.csv and sample_training.csv


@dataclass(frozen=True)
class About:
    """Whose file it is, told by its hash, and whether it has ids that are trusted, and entities.

    ``paper``: the paper's figures and claims may stand beside ours; they do beside the sample's too, which is made to
    show the project. What older files do not tell counts as so.
    """

    paper: bool
    invented: bool
    ids: bool
    entities: bool

    @classmethod
    def of(cls, files: dict[str, Any]) -> "About":
        """Read it from the files of the row counts."""
        training = files.get("training", {})
        known = str(training.get("sha256", ""))[:_DIGITS]
        ids = str(training.get("ids", "trusted")) == "trusted"
        return cls(known in (PAPER, SAMPLE, ""), known == SAMPLE, ids, bool(training.get("entities", True)))

    @property
    def unit(self) -> str:
        """What a bootstrap draws."""
        return ("tweet ids" if self.paper else "ids") if self.ids else "posts"

    @property
    def shared(self) -> str:
        """What posts on both sides of a split may not share."""
        own = ("a tweet id, " if self.paper else "an id, ") if self.ids else ""
        return f"{own}a text or a near-duplicate text"


def kinds(figures: dict[str, Any]) -> dict[str, str]:
    """Say in words what a test post of each kind that was looked for does, the most telling kind first."""
    near = f"stand almost word for word in training (similarity {figures['near_duplicate_threshold']:g} of 100 or more)"
    kinds = {
        "id": "share an id with training",
        "text": "stand word for word in training",
        "normalised_text": "stand in training but for case, spaces and punctuation",
        "near_duplicate": near,
    }
    return {kind: words for kind, words in kinds.items() if f"{kind}_count" in figures["overlap"]}


def headline(figures: dict[str, Any]) -> str:
    """Return one line: the largest share of known test posts, loud if it exceeds ``data.audit.overlap_limit``."""
    found, words, posts = figures["overlap"], kinds(figures), figures["posts"]["validation"]
    kind = max(words, key=lambda name: found[f"{name}_share"])
    share, count = found[f"{kind}_share"], found[f"{kind}_count"]
    known = f"{percent(share)} of the test posts ({count:,} of {posts:,}) {words[kind]}."
    return f"LEAK: {known} Accuracy on them is memory." if share > figures["overlap_limit"] else known


def audit_paragraphs(figures: dict[str, Any], paper: bool = True) -> list[str]:
    """Write the audit for a person: the headline, the sides, the labels, and what a look-up gets right.

    ``paper``: the posts are tweets.
    """
    return paragraphs("audit", figures=figures, headline=headline(figures), paper=paper)


def audit_tables(figures: dict[str, Any]) -> list[Table]:
    """Return the overlap by kind, and the classes of both sides."""
    found, balance = figures["overlap"], figures["class_balance"]
    overlap = [
        [words, f"{found[f'{kind}_count']:,}", percent(found[f"{kind}_share"])]
        for kind, words in [*kinds(figures).items(), ("any", "any of these")]
    ]
    classes = []
    for label in sorted(set(balance["training"]) | set(balance["validation"])):
        sides = [balance[side].get(label, {"posts": 0, "share": 0.0}) for side in ("training", "validation")]
        classes.append([label, *(cell for s in sides for cell in (f"{s['posts']:,}", percent(s["share"])))])
    return [
        Table("Test posts that are known from training", ["they", "posts", "share"], overlap),
        Table("Classes", ["label", "training", "share", "validation", "share"], classes),
    ]

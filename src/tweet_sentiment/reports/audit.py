"""What holds of the data, and the leakage audit in words: what is known of the test posts, and what that is worth."""

from dataclasses import dataclass
from typing import Any

from tweet_sentiment.reports.tables import Table

_DIGITS = 16  # of a sha256
PAPER, SAMPLE = "68ebaee4f44bda5d", "75f91a3233830bcf"  # twitter_training.csv and sample_training.csv


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
        return "tweet ids" if self.ids else "posts"

    @property
    def shared(self) -> str:
        """What posts on both sides of a split may not share."""
        return "a tweet id, a text or a near-duplicate text" if self.ids else "a text or a near-duplicate text"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}".removesuffix(".0") + " %"


def kinds(figures: dict[str, Any]) -> dict[str, str]:
    """Say in words what a test post of each kind that was looked for does, the most telling kind first."""
    near = f"stand almost word for word in training (similarity {figures['near_duplicate_threshold']:g} of 100 or more)"
    kinds = {
        "id": "share a tweet id with training",
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
    known = f"{_percent(share)} of the test posts ({count:,} of {posts:,}) {words[kind]}."
    return f"LEAK: {known} Accuracy on them is memory." if share > figures["overlap_limit"] else known


def audit_paragraphs(figures: dict[str, Any], ids: str = "tweet ids") -> list[str]:
    """Write the audit for a person: the headline, the sides, the labels, and what a look-up gets right.

    ``ids``: what copies of a post would be known by.
    """
    posts, conflicts, probe = figures["posts"], figures["conflicting_labels"], figures["memorisation"]
    sides = f"{posts['training']:,} training posts, {posts['validation']:,} test posts."
    if figures["validation_drawn"]:
        sides += " There is no validation file: the test posts were drawn at random from the training file."
    if not figures["ids_known"]:
        sides += f" The file has no {ids}: copies that were reworded a good deal go unseen, by leak_free as well."
    labels = (
        f"Texts that stand under two labels or more: {conflicts['training_texts']:,} in training, "
        f"{conflicts['validation_texts']:,} in validation. Test posts whose text has another label in training: "
        f"{conflicts['validation_posts_labelled_otherwise_in_training']:,}."
    )
    before, after = (
        "cannot be measured" if probe[name]["accuracy"] is None else f"is {probe[name]['accuracy']:.4f}"
        for name in ("published", "leak_free")
    )
    memory = (
        "A look-up learns nothing: it gives each test post the label of the most similar training post. Its "
        f"accuracy {before} with the training posts as they stand "
        f"({probe['published']['training_posts']:,}), and {after} with those out that give "
        f"test posts away ({probe['leak_free']['training_posts']:,} left). Always answering "
        f"{probe['majority_label']} is right for {_percent(probe['majority_share'])}."
    )
    return [headline(figures), sides, labels, memory]


def audit_tables(figures: dict[str, Any]) -> list[Table]:
    """Return the overlap by kind, and the classes of both sides."""
    found, balance = figures["overlap"], figures["class_balance"]
    overlap = [
        [words, f"{found[f'{kind}_count']:,}", _percent(found[f"{kind}_share"])]
        for kind, words in [*kinds(figures).items(), ("any", "any of these")]
    ]
    classes = []
    for label in sorted(set(balance["training"]) | set(balance["validation"])):
        sides = [balance[side].get(label, {"posts": 0, "share": 0.0}) for side in ("training", "validation")]
        classes.append([label, *(cell for s in sides for cell in (f"{s['posts']:,}", _percent(s["share"])))])
    return [
        Table("Test posts that are known from training", ["they", "posts", "share"], overlap),
        Table("Classes", ["label", "training", "share", "validation", "share"], classes),
    ]

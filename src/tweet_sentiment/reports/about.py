"""What holds of the data that a report or a card is about: what does not hold is not said."""

from dataclasses import dataclass
from typing import Any

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
        """Read it from the files of a row counts."""
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

"""The ways of cleaning, and what each is compared with."""

from dataclasses import dataclass
from itertools import product

LETTERS_KEPT = "published_letters_kept"
CLEANINGS = ("published", "corrected", "none")
STEPS = {
    (False, False): "plain",
    (True, False): "no stop words",
    (False, True): "lemmas",
    (True, True): "no stop words, lemmas",
}


@dataclass(frozen=True)
class Variant:
    """One way: a key of ``data.cleaning.VARIANTS``; then, if true, stop words go and words become lemmas."""

    cleaning: str
    stop_words_removed: bool
    lemmatised: bool

    @property
    def steps(self) -> str:
        """What is done beside the cleaning, in words."""
        return STEPS[self.stop_words_removed, self.lemmatised]

    @property
    def name(self) -> str:
        """The namespace of its nodes and data."""
        return f"{self.cleaning}_{self.steps.replace(', ', '_').replace(' ', '_')}"

    @property
    def reference(self) -> str:
        """Name what it is compared with; of ``corrected_plain`` nothing (``""``).

        A way with one of the steps: the same cleaning without them. The published one that keeps its letters: the
        published one. Another plain way: the corrected one.
        """
        if self.cleaning == LETTERS_KEPT:
            return Variant("published", False, False).name
        plain = Variant(self.cleaning, False, False)
        if self != plain:
            return plain.name
        return "" if self.cleaning == "corrected" else Variant("corrected", False, False).name


VARIANTS = (
    *(Variant(cleaning, *steps) for cleaning, steps in product(CLEANINGS, STEPS)),
    Variant(LETTERS_KEPT, False, False),
)

"""Classical models in use: texts go in whole, there are no word pieces and no torch."""

from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Self

import numpy as np

from tweet_sentiment.classical.folders import ClassicalModel, load_classical
from tweet_sentiment.data.checking import checked_texts
from tweet_sentiment.errors import StudyError
from tweet_sentiment.predictor.leaving_out import Explained, explain_by_leaving_out
from tweet_sentiment.predictor.predictor import Inputs, Predictor, Probabilities


class ClassicalPredictor(Predictor):
    """A :class:`Predictor` of a classical model; safe to be asked from several threads."""

    def __init__(self, model: ClassicalModel, name: str) -> None:
        self.description = f"scikit-learn {version('scikit-learn')} cpu"
        self._describe(model.manifest, name)
        self._model = model

    @classmethod
    def open(cls, folder: Path, device: str = "auto", fp16: bool = False, precision: str = "auto") -> Self:
        """Load a classical model's folder.

        Raises:
            StudyError: it is damaged, or a GPU or another precision is asked for.
        """
        if device not in ("auto", "cpu") or fp16 or precision == "bf16":
            raise StudyError(
                f"{folder} is a classical model: it runs on the CPU, in fp64. Leave device and precision out."
            )
        return cls(load_classical(folder), str(folder))

    def inputs(self, texts: Iterable[str], entities: Iterable[str] | None = None) -> Inputs:
        """Return the cleaned texts: nothing is cut."""
        cleaned = self.cleaned(texts)
        self.checked_entities(len(cleaned), entities)
        emptied = np.array([not text.strip() for text in cleaned], dtype=bool)
        return Inputs(cleaned, np.zeros(len(cleaned), dtype=bool), emptied)

    def probabilities_of(self, inputs: Inputs, done: Callable[[int], object] = lambda texts: None) -> Probabilities:
        """Return the probability of each class, shape (texts, classes), order kept."""
        found = self._model.probabilities(inputs.input_ids)
        done(len(found))
        return found

    @property
    def explains(self) -> bool:
        """A classical model explains by leaving words out."""
        return True

    def explain(self, texts: Iterable[str], entities: Iterable[str] | None = None) -> Explained:
        """Return each word of each text with its share in the decision; see :mod:`.leaving_out`."""
        cleaned = self.cleaned(checked_texts(texts, keep_blank=True))
        self.checked_entities(len(cleaned), entities)
        return explain_by_leaving_out(lambda given, of: self._model.probabilities(given), cleaned)

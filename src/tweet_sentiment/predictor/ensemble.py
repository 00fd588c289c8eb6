"""Ensembles in use: each member reads the texts in its own way, and their probabilities are averaged."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self

import numpy as np

from tweet_sentiment.data.checking import checked_texts
from tweet_sentiment.errors import StudyError
from tweet_sentiment.manifests import ENCODER, checked_manifest, format_of, members_of, read_manifest
from tweet_sentiment.predictor.leaving_out import Explained, explain_by_leaving_out
from tweet_sentiment.predictor.predictor import Inputs, Predictor, Probabilities


class EnsemblePredictor(Predictor):
    """A :class:`Predictor` whose probabilities are the mean of its members'; ``members`` are predictors by name."""

    def __init__(self, members: dict[str, Predictor], manifest: dict[str, object], name: str) -> None:
        self.members = members
        self.description = "mean of " + ", ".join(dict.fromkeys(one.description for one in members.values()))
        self._describe(manifest, name)
        for member, one in members.items():
            if one.labels != self.labels:
                raise StudyError(f"{name}: its member {member} has the labels {one.labels}, not {self.labels}.")

    @classmethod
    def open(cls, folder: Path, device: str = "auto", fp16: bool = False, precision: str = "auto") -> Self:
        """Load an ensemble's folder and its members'; device and precision are those of its encoders.

        Raises:
            StudyError: a member is missing, has changed or is damaged, or the device or precision is not there.
        """
        manifest = checked_manifest(folder)
        folders = members_of(folder, manifest)
        encoders = {name for name, path in folders.items() if format_of(read_manifest(path), path) == ENCODER}
        members = {
            name: Predictor.load(path, device, fp16, precision)
            if name in encoders or not encoders
            else Predictor.load(path)
            for name, path in folders.items()
        }
        return cls(members, manifest, str(folder))

    def inputs(self, texts: Iterable[str], entities: Iterable[str] | None = None) -> Inputs:
        """Return what each member reads; a text is cut, or emptied by cleaning, if it is for one of them."""
        given = list(texts)
        named = self.checked_entities(len(given), entities)
        each = [one.inputs(given, named if one.reads_entities else None) for one in self.members.values()]
        truncated, emptied = (np.any([getattr(one, what) for one in each], axis=0) for what in ("truncated", "emptied"))
        return Inputs(each, truncated, emptied)

    def probabilities_of(self, inputs: Inputs, done: Callable[[int], object] = lambda texts: None) -> Probabilities:
        """Return the mean probability of each class, shape (texts, classes), order kept."""
        each = [one.probabilities_of(part) for one, part in zip(self.members.values(), inputs.input_ids, strict=True)]
        done(len(inputs.truncated))
        return np.asarray(np.mean(each, axis=0))

    @property
    def explains(self) -> bool:
        """An ensemble explains by leaving words out."""
        return True

    def explain(self, texts: Iterable[str], entities: Iterable[str] | None = None) -> Explained:
        """Return each word of each text with its share in the decision; see :mod:`.leaving_out`."""
        given = checked_texts(texts, keep_blank=True)
        named = self.checked_entities(len(given), entities)

        def ask(variants: list[str], positions: list[int]) -> Probabilities:
            of = None if named is None else [named[position] for position in positions]
            return self.probabilities_of(self.inputs(variants, of))

        return explain_by_leaving_out(ask, given)

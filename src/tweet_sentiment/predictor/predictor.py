"""Texts to labels and probabilities, with the cleaning and the prompt that the model was trained with."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from tweet_sentiment.data.cleaning import EMPTIED, checked_texts, cleaner, fault_of_entity
from tweet_sentiment.errors import StudyError
from tweet_sentiment.manifests import (
    CLASSICAL,
    ENCODER,
    ENSEMBLE,
    checked_manifest,
    format_of,
    members_of,
    read_manifest,
)
from tweet_sentiment.modeling.batching import in_batches
from tweet_sentiment.modeling.tokenization import read_tokenizer, word_pieces
from tweet_sentiment.parameters import InputSettings
from tweet_sentiment.predictor.explanation import Explained, by_gradients, by_leaving_out
from tweet_sentiment.predictor.remote import model_at
from tweet_sentiment.scoring.metrics import PROBABILITY, probabilities_of
from tweet_sentiment.storage import settle

if TYPE_CHECKING:
    import pandas as pd

    from tweet_sentiment.modeling.devices import Device
    from tweet_sentiment.modeling.model_folder import TrainedModel

logger = logging.getLogger(__name__)

Probabilities = NDArray[np.float64]


class Backend(Protocol):
    """The runtime of a model: it turns the unpadded word pieces of a batch into logits of shape (rows, classes).

    ``description`` names runtime, device and precision, which decide the last digits of a probability.
    ``tokens_a_batch``: the largest number of word pieces, with padding, at which it is still fastest.
    ``batches_at_once``: the best number of parallel batches.
    """

    description: str
    tokens_a_batch: int
    batches_at_once: int

    def logits(self, input_ids: list[list[int]]) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class Inputs:
    """The model's input for each text, whether ``max_length`` cut the text, and whether cleaning emptied it.

    ``input_ids`` are word pieces, or the corresponding input of a model that is not an encoder.
    """

    input_ids: list[Any]
    truncated: NDArray[np.bool_]
    emptied: NDArray[np.bool_]


class Predictor:
    """A model ready to predict, here an encoder. ``labels`` are its classes, ``manifest`` comes from its folder.

    ``description`` names runtime, device and precision, which decide the last digits of a probability.

    A text that is longer than the model reads is cut, as in training, and the log says how many were. One that
    cleaning leaves nothing of (only links, say) is at fault, as a blank one is: a label for it would mean nothing.
    """

    def __init__(self, tokenizer: Any, manifest: dict[str, Any], backend: Backend, name: str = "The model") -> None:
        self.tokenizer = tokenizer
        self.backend: Any = backend  # None for a model that is no encoder
        self._describe(manifest, name, backend.description)

    def _describe(self, manifest: dict[str, Any], name: str, description: str) -> None:
        self.manifest, self.description = manifest, description
        self.labels: list[str] = list(manifest["labels"])
        self.input = _input_settings(manifest, name)

    @classmethod
    def load(cls, folder: str | Path, device: str = "auto", fp16: bool = False, precision: str = "auto") -> "Predictor":
        """Load a model folder of any technique, exported or not; its files are checked against the manifest's hashes.

        ``folder`` may be an address (s3://…) too: see ``remote.model_at``.

        Raises:
            StudyError: there is no model there, it is damaged, or the device or precision is not there.
        """
        path, choice = model_at(folder), (device, fp16, precision)
        settle(path)
        manifest = read_manifest(path)
        _input_settings(manifest, str(path))  # fail fast, before importing torch
        if (kind := format_of(manifest, path)) == CLASSICAL:
            return ClassicalPredictor(path, *choice)
        if kind == ENSEMBLE:
            return EnsemblePredictor(path, *choice)
        from tweet_sentiment.predictor.onnx import is_onnx, load_onnx

        if is_onnx(manifest):
            return cls(*load_onnx(path, *choice), str(path))
        from tweet_sentiment.modeling.devices import choose_device
        from tweet_sentiment.modeling.prediction import TorchBackend
        from tweet_sentiment.modeling.speed import load_network

        manifest = checked_manifest(path)
        tokenizer, model = read_tokenizer(path), load_network(path, manifest)
        return cls(tokenizer, manifest, TorchBackend(model, choose_device(*choice)), str(path))

    @classmethod
    def of(cls, trained: "TrainedModel", device: "Device", name: str = "The model") -> Self:
        """Make a predictor of a model; the model is moved and cast, so do not train or save it afterwards."""
        from tweet_sentiment.modeling.prediction import TorchBackend

        return cls(trained.tokenizer.backend_tokenizer, trained.manifest, TorchBackend(trained.model, device), name)

    def cleaned(self, texts: Iterable[str]) -> list[str]:
        """Return the texts as the model's training posts were cleaned."""
        settings = self.input
        clean = cleaner(settings.cleaning, settings.remove_stop_words, settings.lemmatize)
        return [clean(text) for text in texts]

    def inputs(self, texts: Iterable[str], entities: Iterable[str] | None = None) -> Inputs:
        """Turn texts into the model's input; ``entities``, one per text, if it reads entities.

        Raises:
            StudyError: entities are missing, or given to a model that does not read them.
        """
        cleaned = self.cleaned(texts)
        return self._inputs_of(cleaned, self.checked_entities(len(cleaned), entities))

    def _inputs_of(self, cleaned: list[str], entities: list[str] | None) -> Inputs:
        pieces, cut = word_pieces(cleaned, self.tokenizer, self.input.most_pieces, entities=entities)
        return Inputs(pieces, np.array(cut, dtype=bool), _blank(cleaned))

    @property
    def reads_entities(self) -> bool:
        """Whether the model also reads the entity that each text is about."""
        return self.input.second_segment is not None

    def check_entities(self, given: bool, remedy: str = "give one per text") -> None:
        """Refuse missing entities if the model reads them, and given ones if it does not."""
        if self.reads_entities and not given:
            raise StudyError(f"This model reads an entity with each text, and none is given: {remedy}.")
        if given and not self.reads_entities:
            raise StudyError("This model was trained on texts alone: leave the entities out.")

    def checked_entities(self, texts: int, entities: Iterable[str] | None) -> list[str] | None:
        """Return the entities, or the one entity of all texts, as a list; None if the model reads none.

        Raises:
            StudyError: they are missing or too many, or one is none (it names the position).
        """
        self.check_entities(entities is not None)
        if entities is None:
            return None
        given = [entities] * texts if isinstance(entities, str) else list(entities)
        if len(given) != texts:
            raise StudyError(f"Expected an entity per text: found {len(given)} entities, {texts} texts.")
        for place, entity in enumerate(given):
            if fault := fault_of_entity(entity):
                raise StudyError(f"entities[{place}]: {fault}.")
        return [str(entity) for entity in given]

    def probabilities_of(self, inputs: Inputs, done: Callable[[int], object] = lambda texts: None) -> Probabilities:
        """Return the probability of each class, shape (texts, classes), in order; ``done`` is called for each batch.

        Raises:
            StudyError: a logit is not finite, or the model has other classes than its manifest.
        """
        if not inputs.input_ids:
            return np.zeros((0, len(self.labels)))
        backend = self.backend
        logits = in_batches(backend.logits, inputs.input_ids, backend.tokens_a_batch, backend.batches_at_once, done)
        if logits.shape[1] != len(self.labels):
            raise StudyError(f"The model gives {logits.shape[1]} classes, its manifest names {len(self.labels)}.")
        return probabilities_of(logits)

    def probabilities(
        self, texts: Iterable[str], entities: Iterable[str] | None = None, keep_blank: bool = False
    ) -> Probabilities:
        """Return the probability of each class, shape (texts, classes), in the order of the texts.

        With ``keep_blank`` a blank text, or one that cleaning empties, is no error: its probabilities are NaN.

        Raises:
            StudyError: a text is None, no text, blank, emptied by cleaning, or holds NUL or half a character (it names
                the position); or the model gave logits that are not finite.
        """
        given = checked_texts(texts, keep_blank)
        inputs = self.inputs(given, entities)
        if not keep_blank:
            self.refuse_emptied(inputs.emptied)
        if count := int(inputs.truncated.sum()):
            logger.warning(
                "%d of %d texts are longer than the %d word pieces that the model reads; the rest of them was cut.",
                count,
                len(given),
                self.input.most_pieces,
            )
        probabilities = self.probabilities_of(inputs)
        probabilities[inputs.emptied | _blank(given)] = np.nan
        return probabilities

    def refuse_emptied(self, emptied: Sequence[bool] | NDArray[np.bool_]) -> None:
        """Refuse texts that cleaning has emptied; ``emptied`` marks them."""
        if np.any(emptied):
            raise StudyError(
                f"texts[{np.argmax(emptied)}]: {EMPTIED} (data.cleaning: {self.input.cleaning}).\n"
                "  Leave it out, or use a model that does not clean texts (data.cleaning: none)."
            )

    @property
    def explains(self) -> bool:
        """Whether the model can say which words mattered; an exported model has no gradients for it."""
        return self.backend is None or hasattr(type(self.backend), "in_fp32")

    def explain(self, texts: Iterable[str], entities: Iterable[str] | None = None) -> Explained:
        """Return each word of each text with its share in the decision, above 0 for the label, below 0 against it.

        The words are those of the cleaned text, which the model reads; the absolute values of the shares sum to 1.
        See ``predictor.explanation``.

        Raises:
            StudyError: the model is an exported one; or as in ``probabilities``, blank texts excepted.
        """
        cleaned = self.cleaned(checked_texts(texts, keep_blank=True))
        given = self.checked_entities(len(cleaned), entities)
        if self.backend is not None:
            return by_gradients(self, cleaned, given)

        def ask(variants: list[str], positions: list[int]) -> Probabilities:
            of = None if given is None else [given[position] for position in positions]
            return self.probabilities_of(self._inputs_of(variants, of))

        return by_leaving_out(ask, cleaned)

    def __call__(
        self,
        texts: Iterable[str],
        entities: Iterable[str] | None = None,
        keep_blank: bool = False,
        explain: bool = False,
    ) -> "pd.DataFrame":
        """Return one row per text: text, label, and one probability per class; see ``probabilities``.

        A single text, ``predictor("I love this")``, gives one row; the other methods take one too. The table has the
        index of a pandas Series. ``explain`` adds a column ``words``; see ``explain``.
        """
        import pandas as pd

        given = checked_texts(texts, keep_blank)
        probabilities = self.probabilities(given, entities, keep_blank)
        index = texts.index if isinstance(texts, pd.Series) else None
        table = pd.DataFrame({"text": given, "label": named(self.labels, probabilities)}, index, dtype="str")
        table[[f"{PROBABILITY}{label}" for label in self.labels]] = probabilities
        if explain:
            table["words"] = pd.Series(self.explain(given, entities), table.index, dtype="object")
        return table

    def records(
        self,
        texts: Iterable[str],
        entities: Iterable[str] | None = None,
        keep_blank: bool = False,
        explain: bool = False,
    ) -> list[dict[str, Any]]:
        """Return one dictionary per text: text, label, and probabilities by class; None for a blank text.

        ``explain`` adds ``words``, a list of ``{"word", "share"}``; see ``explain``.
        """
        given = checked_texts(texts, keep_blank)
        probabilities = self.probabilities(given, entities, keep_blank)
        records: list[dict[str, Any]] = [
            {
                "text": text,
                "label": label,
                "probabilities": None if label is None else dict(zip(self.labels, row.tolist(), strict=True)),
            }
            for text, label, row in zip(given, named(self.labels, probabilities), probabilities, strict=True)
        ]
        if explain:
            for record, words in zip(records, self.explain(given, entities), strict=True):
                record["words"] = [{"word": word, "share": share} for word, share in words]
        return records


class ClassicalPredictor(Predictor):
    """A ``Predictor`` of a classical model: it reads whole texts, without word pieces and torch.

    Raises:
        StudyError: the folder is damaged, or a GPU or another precision is asked for.
    """

    def __init__(self, folder: Path, device: str = "auto", fp16: bool = False, precision: str = "auto") -> None:
        from tweet_sentiment.classical import load_classical

        if device not in ("auto", "cpu") or fp16 or precision == "bf16":
            raise StudyError(
                f"{folder} is a classical model: it runs on the CPU, in fp64. Leave device and precision out."
            )
        self.backend, self._model = None, load_classical(folder)
        self._describe(self._model.manifest, str(folder), f"scikit-learn {version('scikit-learn')} cpu")

    def _inputs_of(self, cleaned: list[str], entities: list[str] | None) -> Inputs:
        return Inputs(cleaned, np.zeros(len(cleaned), dtype=bool), _blank(cleaned))

    def probabilities_of(self, inputs: Inputs, done: Callable[[int], object] = lambda texts: None) -> Probabilities:
        """Return the probability of each class, shape (texts, classes), in the order of the texts."""
        done(len(inputs.input_ids))
        return self._model.probabilities(inputs.input_ids)


class EnsemblePredictor(Predictor):
    """A ``Predictor`` whose probabilities are the mean of its members'; each member reads texts in its own way.

    ``members`` are predictors by name; device and precision are those of the encoders among them.

    Raises:
        StudyError: a member is missing, has changed or is damaged, or the device or precision is not there.
    """

    def __init__(self, folder: Path, device: str = "auto", fp16: bool = False, precision: str = "auto") -> None:
        manifest = checked_manifest(folder)
        folders = members_of(folder, manifest)
        encoders = [name for name, path in folders.items() if format_of(read_manifest(path), path) == ENCODER]
        self.members = {
            name: Predictor.load(path, device, fp16, precision)
            if name in (encoders or folders)
            else Predictor.load(path)
            for name, path in folders.items()
        }
        self.backend = None
        described = dict.fromkeys(member.description for member in self.members.values())
        self._describe(manifest, str(folder), f"mean of {', '.join(described)}")
        for name, member in self.members.items():
            if member.labels != self.labels:
                raise StudyError(f"{folder}: its member {name} has the labels {member.labels}, not {self.labels}.")

    def _inputs_of(self, cleaned: list[str], entities: list[str] | None) -> Inputs:
        """Return the input of each member; a text counts as cut or emptied if it is so for one of them."""
        each = [member.inputs(cleaned, entities if member.reads_entities else None) for member in self.members.values()]
        truncated, emptied = (np.any([getattr(one, what) for one in each], axis=0) for what in ("truncated", "emptied"))
        return Inputs(each, truncated, emptied)

    def probabilities_of(self, inputs: Inputs, done: Callable[[int], object] = lambda texts: None) -> Probabilities:
        """Return the mean probability of each class, shape (texts, classes), in the order of the texts."""
        parts = zip(self.members.values(), inputs.input_ids, strict=True)
        mean: Probabilities = np.mean([member.probabilities_of(part) for member, part in parts], axis=0)
        done(len(inputs.truncated))
        return mean


def named(labels: list[str], probabilities: Probabilities) -> list[str | None]:
    """Return the most probable label of each row; None if the probabilities are NaN."""
    known, best = ~np.isnan(probabilities[:, 0]), np.nan_to_num(probabilities).argmax(axis=1)
    return [labels[i] if it_is else None for i, it_is in zip(best.tolist(), known.tolist(), strict=True)]


def _blank(texts: list[str]) -> NDArray[np.bool_]:
    return np.array([not text.strip() for text in texts], dtype=bool)


def _input_settings(manifest: dict[str, Any], name: str) -> InputSettings:
    try:
        return InputSettings.model_validate(manifest.get("input"))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'input'}: {e['msg']}" for e in error.errors())
        raise StudyError(
            f"{name}: its manifest does not say how a text becomes its input ({wrong}).\n"
            "  Train the model again: kedro run --pipelines=<technique>"
        ) from None

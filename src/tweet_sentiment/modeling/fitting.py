"""The inputs and the result of a technique's ``fit``, and the training through the encoder that most of them share.

A technique is ``fit(examples, parameters, setup, on_epoch) -> Fitted``.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from datasets import Dataset
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerFast, TrainerCallback

from tweet_sentiment.data.splitting import dev_split
from tweet_sentiment.errors import StudyError
from tweet_sentiment.manifests import input_settings, manifest_of
from tweet_sentiment.modeling.devices import Device, device_of
from tweet_sentiment.modeling.encoder_files import checkpoint_folder
from tweet_sentiment.modeling.encoders import MEAN_NOTE, load_classifier, load_tokenizer, pools_mean
from tweet_sentiment.modeling.freezing import count_trainable
from tweet_sentiment.modeling.model_folder import TrainedModel
from tweet_sentiment.modeling.tokenization import TEXTS, layout, tokenize
from tweet_sentiment.modeling.trainer import Loss, OnEpoch, ignore, train, training_loss
from tweet_sentiment.parameters import (
    Compute,
    ModelParameters,
    Study,
    TrainerParameters,
    TrainingParameters,
    posts_measured,
)
from tweet_sentiment.scoring.metrics import dev_scores


@dataclass(frozen=True)
class Setup:
    """What every fit depends on besides its technique's parameters, and the folder of its checkpoints.

    ``row_counts`` is data_processing's record of the rows, with each file's hash and the parameters of the data.
    """

    study: Study
    model: ModelParameters
    training: TrainingParameters
    compute: Compute
    row_counts: dict[str, Any]
    working_folder: Path

    @cached_property
    def device(self) -> Device:
        """The device and the precision; a missing device is an error."""
        return device_of(self.compute)

    @property
    def labels(self) -> list[str]:
        """The classes, in the order of the logits."""
        return self.study.labels

    @property
    def texts(self) -> str:
        """How the texts were cleaned, in a few words."""
        return str(self.row_counts["texts"])

    def seeded(self, seed: int) -> "Setup":
        """Return the setup under another seed."""
        return replace(self, study=self.study.model_copy(update={"seed": seed}))

    def within(self, folder: str) -> "Setup":
        """Return the setup with its checkpoints in a subfolder."""
        return replace(self, working_folder=self.working_folder / folder)

    def identity(self) -> dict[str, Any]:
        """Return everything except the technique that decides the weights; if it differs nothing is resumed."""
        parts = {name: getattr(self, name).identity() for name in ("study", "model", "training", "compute")}
        return parts | {"row_counts": self.row_counts}

    def manifest(self, technique: str, parameters: dict[str, Any], figures: dict[str, Any]) -> dict[str, Any]:
        """Return the content of a model folder's ``manifest.json``: the model's origin and its figures.

        ``parameters`` are the sections of conf that the model depends on besides those of the setup.
        """
        reads = input_settings(self.row_counts, self.model.max_length, figures.get("second_segment"))
        sections = {"model": self.model.model_dump(), "training": self.training.model_dump()}
        return manifest_of(
            technique,
            self.study,
            self.row_counts,
            {"encoder": self.model.checkpoint, "input": reads, **figures},
            {**self.compute.model_dump(), **sections, **parameters},
        )


@dataclass(frozen=True)
class Examples:
    """Rows to train on and to evaluate on: tables of posts, or tokens with one feature vector per row if cached.

    Both have a column ``label``; training rows have a column ``dev`` that marks the dev split.
    """

    training: Any
    evaluation: Any
    training_features: NDArray[np.float32] | None = None
    evaluation_features: NDArray[np.float32] | None = None

    @property
    def has_dev_split(self) -> bool:
        """Whether the training rows have a dev split; under the published protocol they do not."""
        return bool(np.any(self.training["dev"]))

    def with_dev_split(self) -> "Examples":
        """Evaluate on the dev split and train on the rest; without one, evaluation stays on the test posts."""
        if not self.has_dev_split:
            return self
        features = self.training_features
        cached = features is not None and len(features)
        vectors = dev_split(self.training, features) if cached else (None, None)
        return Examples(*dev_split(self.training), *vectors)

    def limited(self, rows: int | None) -> "Examples":
        """Return the examples with the first rows to train on; None: all."""
        if rows is None or rows >= len(self.training):
            return self
        vectors = None if self.training_features is None else self.training_features[:rows]
        table = self.training
        first = table.head(rows) if isinstance(table, pd.DataFrame) else table.select(range(rows))
        return replace(self, training=first, training_features=vectors)


def from_inputs(given: dict[str, Any], reads: Sequence[str]) -> tuple[Setup, Examples, dict[str, Any]]:
    """Sort a node's inputs into the setup, the examples of the datasets ``reads``, and the rest.

    Raises:
        StudyError: the encoder was adapted to other posts; see ``refuse_adapted_to_other_posts``.
    """
    names = [field.name for field in fields(Setup)]
    rest = {name: value for name, value in given.items() if name not in (*names, *reads)}
    setup = Setup(**{name: given[name] for name in names})
    refuse_adapted_to_other_posts(setup.model.checkpoint, setup.row_counts)
    return setup, Examples(*(given[name] for name in reads)), rest


@dataclass(frozen=True)
class Fitted:
    """A classifier (or peft's wrapper of one), its tokenizer, its curves, and the figures of the fit.

    ``curves`` has one row per log or evaluation; ``measured_on`` names the posts.
    """

    classifier: Any
    tokenizer: PreTrainedTokenizerFast
    curves: pd.DataFrame
    figures: dict[str, Any]

    def model(self, manifest: dict[str, Any]) -> TrainedModel:
        """Return the model for a model folder."""
        return TrainedModel(self.classifier, self.tokenizer, manifest)


Fit = Callable[..., Fitted]


def new_classifier(parameters: TrainerParameters, setup: Setup) -> Any:
    """Put an untrained head on the encoder that the technique starts from."""
    return load_classifier(parameters.checkpoint or setup.model.checkpoint, setup.labels, setup.study.seed)


def fit_encoder(
    model: Any,
    examples: Examples,
    parameters: TrainerParameters,
    setup: Setup,
    *,
    hard_prompt: str = "",
    optimizer_groups: list[dict[str, Any]] | None = None,
    callbacks: Sequence[TrainerCallback] = (),
    targets: Callable[[Dataset], Dataset] | None = None,
    loss: Loss | None = None,
    identity: Any = None,
    on_epoch: OnEpoch = ignore,
) -> Fitted:
    """Train the trainable weights of ``model``, in place, through the encoder; the same call resumes after a kill.

    ``hard_prompt`` is put before each post. ``targets`` replaces the posts' own labels, with its own ``loss``.
    ``identity`` is what else decides the weights.
    """
    start, checkpoint = perf_counter(), parameters.checkpoint or setup.model.checkpoint
    refuse_adapted_to_other_posts(checkpoint, setup.row_counts)
    tokenizer = load_tokenizer(checkpoint)
    holds_out = examples.has_dev_split and (parameters.load_best_model_at_end or parameters.hold_out_dev_split)
    chosen = (examples.with_dev_split() if holds_out else examples).limited(parameters.row_limit)

    def tokens(posts: pd.DataFrame) -> tuple[Dataset, int]:
        return tokenize(posts, tokenizer, setup.labels, setup.model.max_length, hard_prompt, parameters.second_segment)

    (training, truncated), (evaluation, _) = tokens(chosen.training), tokens(chosen.evaluation)
    weights = class_weights(setup.training.class_weights, setup.labels, training["label"])
    outcome = train(
        model,
        training if targets is None else targets(training),
        evaluation,
        parameters.hyperparameters,
        setup,
        identity={"technique": parameters.identity(), "hard_prompt": hard_prompt, "other": identity},
        load_best_model_at_end=parameters.load_best_model_at_end,
        early_stopping_patience=parameters.early_stopping_patience,
        loss=loss or training_loss(weights, parameters.label_smoothing_factor),
        optimizer_groups=optimizer_groups,
        callbacks=callbacks,
        on_epoch=on_epoch,
    )
    figures = {
        "encoder": checkpoint,
        "texts": setup.texts,
        "second_segment": parameters.second_segment,
        "notes": _notes(model, tokenizer, parameters),
        "dev_split_held_out": holds_out,
        "trainable_parameters": count_trainable(model),
        "n_train": len(training),
        "truncated": truncated,
        "hyperparameters": parameters.hyperparameters.model_dump(),
        "device": setup.device.name,
        "dtype": setup.device.precision,
        "steps": outcome.steps,
        "epoch": outcome.epoch,
        "seconds": outcome.seconds_before + perf_counter() - start,
        "evaluated": outcome.evaluated,
    }
    if parameters.load_best_model_at_end:
        figures["chosen_on"] = setup.study.chosen_on
    if holds_out:
        figures |= dev_scores(outcome.evaluated)
    curves = outcome.curves.assign(measured_on=posts_measured(holds_out))
    return Fitted(model, tokenizer, curves, figures)


def refuse_adapted_to_other_posts(checkpoint: str, row_counts: dict[str, Any]) -> None:
    """Refuse an encoder that ``domain_adaptation`` has adapted to posts which are now held out, by ``row_counts``.

    Raises:
        StudyError: it was adapted under another protocol or seed, or to other files.
    """
    path = checkpoint_folder(checkpoint) / "manifest.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if found.get("technique") != "domain_adaptation":
        return
    now = {"protocol": row_counts["protocol"], "seed": row_counts["seed"], "data": row_counts["files"]}
    words = {"protocol": "another protocol", "seed": "another seed", "data": "other files"}
    if other := [words[name] for name, value in now.items() if found[name] != value]:
        raise StudyError(
            f"{checkpoint}: this encoder was adapted with {' and '.join(other)}, so it may have read the "
            f"posts that are held out now.\n  Adapt one for this run:  kedro run --pipelines=domain_adaptation"
        )


def _notes(model: Any, tokenizer: PreTrainedTokenizerFast, parameters: TrainerParameters) -> list[str]:
    """Return notes for users of the model folder, for its manifest."""
    texts = dict(zip(TEXTS, (parameters.second_segment, "post"), strict=True))
    joined = " ".join(str(texts.get(part, part)) for part, _ in layout(tokenizer, pair=True))
    segment = f"The input is '{joined}': predictions depend on both."
    return [*([MEAN_NOTE] if pools_mean(model) else []), *([segment] if parameters.second_segment else [])]


def class_weights(setting: Any, labels: list[str], targets: list[int]) -> list[float] | None:
    """Turn ``training.class_weights`` into a weight per class.

    ``balanced``: posts / (classes * posts of the class), 0 for a class without posts after a limit of rows.
    """
    if setting is None:
        return None
    if isinstance(setting, dict):
        return [float(setting[label]) for label in labels]
    counts = np.bincount(np.asarray(targets), minlength=len(labels))
    return [len(targets) / (len(labels) * count) if count else 0.0 for count in counts.tolist()]

"""One soft prompt under one hard prompt: load, add the prompt, fit, keep what was fitted."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd
from datasets import Dataset
from transformers import PreTrainedTokenizerFast

from tweet_sentiment.modeling.devices import Device, choose_device
from tweet_sentiment.modeling.encoders import load_classifier, load_tokenizer
from tweet_sentiment.modeling.fitting import class_weights
from tweet_sentiment.modeling.freezing import count_trainable
from tweet_sentiment.modeling.model_folder import TrainedModel, load_model
from tweet_sentiment.modeling.prediction import scores_on
from tweet_sentiment.modeling.prompts import add_soft_prompt, describe, fold
from tweet_sentiment.modeling.tokenization import tokenize
from tweet_sentiment.modeling.training import train
from tweet_sentiment.parameters import Hyperparameters, StudyParameters
from tweet_sentiment.provenance import fingerprint
from tweet_sentiment.storage import atomic_write

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FinishedPrompt:
    """The folder of a trained prompt, its curves, and its figures."""

    folder: Path
    curves: pd.DataFrame
    figures: dict[str, Any]


def tokens_for(
    posts: pd.DataFrame, tokenizer: PreTrainedTokenizerFast, parameters: StudyParameters, hard_prompt: str
) -> tuple[Dataset, int]:
    """Tokenize posts behind a hard prompt; its word pieces count among the ``max_length``."""
    return tokenize(posts, tokenizer, parameters.labels, parameters.model.max_length, hard_prompt)


@dataclass(frozen=True)
class PromptRun:
    """What all the prompts of a run share: training posts, to choose on and to measure on, and settings."""

    training_posts: pd.DataFrame
    dev_posts: pd.DataFrame
    test_posts: pd.DataFrame
    hyperparameters: Hyperparameters
    parameters: StudyParameters

    @classmethod
    def of(
        cls,
        training_posts: pd.DataFrame,
        test_posts: pd.DataFrame,
        hyperparameters: dict[str, Any],
        parameters: StudyParameters,
    ) -> "PromptRun":
        """Part the marked posts from training; where none is marked, the test posts are chosen on."""
        marked = training_posts["dev"]
        rest = training_posts[~marked].head(parameters.prompt_tuning.row_limit or len(training_posts))
        selection = training_posts[marked] if marked.any() else test_posts
        return cls(rest, selection, test_posts, Hyperparameters(**hyperparameters), parameters)

    def train_prompt(self, hard_prompt: str, working_folder: Path, conditions: dict[str, Any]) -> FinishedPrompt:
        """Train a soft prompt under ``hard_prompt``, or take the one that was trained under the same conditions."""
        conditions = conditions | {
            "kept_as": "a plain classifier",
            "parameters": self.parameters.decisive(),
            "prompt_tuning": self.parameters.prompt_tuning.model_dump(
                exclude={"hard_prompts", "repeat_seeds", "heads_to_compare", "use_search_result", "hyperparameters"}
            ),
            "hyperparameters": self.hyperparameters.model_dump(),
        }
        mark = fingerprint(conditions, hard_prompt)
        folder = working_folder / f"finished-{mark}"
        if folder.is_dir():
            logger.info("Hard prompt '%s' is trained already.", hard_prompt)
        else:
            self._train(hard_prompt, folder, working_folder / "checkpoints", {"conditions": conditions, "mark": mark})
        figures = json.loads((folder / "figures.json").read_text(encoding="utf-8"))
        return FinishedPrompt(folder, pd.read_csv(folder / "curves.csv"), figures)

    def _train(self, hard_prompt: str, folder: Path, checkpoints: Path, mark: dict[str, Any]) -> None:
        parameters, prompt, start = self.parameters, self.parameters.prompt_tuning, perf_counter()
        tokenizer = load_tokenizer(parameters.model.checkpoint)
        training, cut = tokens_for(self.training_posts, tokenizer, parameters, hard_prompt)
        selection, _ = tokens_for(self.dev_posts, tokenizer, parameters, hard_prompt)
        classifier = load_classifier(parameters.model.checkpoint, parameters.labels, parameters.seed)
        model = add_soft_prompt(classifier, tokenizer, prompt, parameters.seed)
        device = choose_device(parameters.device, parameters.fp16, parameters.precision)
        logger.info("Hard prompt '%s': %d of %d posts truncated. %s", hard_prompt, cut, len(training), describe(model))
        outcome = train(
            model,
            tokenizer,
            training,
            selection,
            self.hyperparameters,
            parameters.training,
            load_best_model_at_end=prompt.load_best_model_at_end,
            padding=parameters.model.padding,
            max_length=parameters.model.max_length,
            class_weights=class_weights(parameters.training.class_weights, parameters.labels, training["label"]),
            seed=parameters.seed,
            device=device,
            working_folder=checkpoints,
            fingerprint=mark,
            names=parameters.labels,
        )
        seconds = perf_counter() - start
        chosen = _measured(outcome.curves, outcome.best_epoch if prompt.load_best_model_at_end else None)
        figures = {
            "hard_prompt": hard_prompt,
            **{f"chosen_by_{name}": value for name, value in chosen.items()},
            **self._score(model, tokenizer, hard_prompt, device),
            "epoch": outcome.best_epoch,
            "steps": outcome.steps,
            "truncated": cut,
            "trainable_parameters": count_trainable(model),
            "pooling": prompt.pooling,
            "device": device.name,
            "dtype": device.precision,
            "seconds": seconds,
        }
        folded = TrainedModel(*fold(model, tokenizer, hard_prompt), {"labels": parameters.labels})
        with atomic_write(folder) as new:
            folded.save(new)
            outcome.curves.to_csv(new / "curves.csv", index=False)
            (new / "figures.json").write_text(json.dumps(figures), encoding="utf-8")

    def _score(
        self, model: Any, tokenizer: PreTrainedTokenizerFast, hard_prompt: str, device: Device
    ) -> dict[str, float]:
        """Score on the test posts, for the record: nothing is chosen by it."""
        tokens, _ = tokens_for(self.test_posts, tokenizer, self.parameters, hard_prompt)
        scores = scores_on(model, tokens, device, self.parameters)
        return {name: value for name, value in scores.items() if name != "per_class"}

    def load(self, finished: FinishedPrompt, manifest: dict[str, Any]) -> TrainedModel:
        """Return the trained model with a manifest that tells all."""
        trained = load_model(finished.folder)
        return TrainedModel(trained.model, trained.tokenizer, {**manifest, **trained.manifest, **finished.figures})


def _measured(curves: pd.DataFrame, best_epoch: float | None) -> dict[str, float]:
    evaluated = curves.dropna(subset=["accuracy"])
    row = (
        evaluated.iloc[-1]
        if best_epoch is None
        else evaluated[evaluated["epoch"].round() == round(best_epoch)].iloc[-1]
    )
    names = ("eval_loss", "accuracy", "f1", "precision", "recall", "macro_f1")
    return {name: float(row[name]) for name in names}

"""A series of fits: each is stored once it is finished, and several run side by side (see ``training.at_once``)."""

import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import torch
from datasets import Dataset

from tweet_sentiment.modeling.checkpoints import is_whole, seal
from tweet_sentiment.modeling.fitting import Examples, Fit, Fitted, Setup
from tweet_sentiment.modeling.heads import Features, Head, evaluate_head
from tweet_sentiment.modeling.prediction import predictions_table, scores_on
from tweet_sentiment.modeling.tokenization import tokens_as_trained
from tweet_sentiment.scoring.metrics import score_table
from tweet_sentiment.storage import atomic_write, fingerprint

logger = logging.getLogger(__name__)

Name = TypeVar("Name")

UNFINISHED = "unfinished"
WORTH_PROCESSES = 5_000  # posts read in all epochs: below, a second process takes longer to start than it saves
SEED_COLUMNS = ["seed", "accuracy", "f1", "macro_f1", "eval_loss", "seconds"]


@dataclass(frozen=True)
class Finished:
    """The stored result of a fit: figures, curves, predictions on the rows to evaluate on, and the model if wanted."""

    figures: dict[str, Any]
    curves: pd.DataFrame
    predictions: pd.DataFrame
    model: Path


@dataclass(frozen=True)
class StoredFit:
    """A fit whose result is stored in the setup's working folder, so that an interrupted series of fits can resume.

    It is stored under a fingerprint of everything that decides it; a damaged one is repeated. ``beside``: the number of
    fits that run side by side; the fit's seconds are its share of theirs.
    """

    technique: str
    fit: Fit
    examples: Examples
    parameters: Any
    setup: Setup
    keep_model: bool = False
    beside: int = 1

    @cached_property
    def folder(self) -> Path:
        """The folder of the result."""
        identity = fingerprint(self.setup.identity(), self.technique, self.parameters.identity())
        return self.setup.working_folder / f"finished-{identity}"

    @cached_property
    def unfinished(self) -> Path:
        """The folder of the checkpoints, its own, so that fits can run side by side."""
        return self.folder.with_name(self.folder.name.replace("finished", UNFINISHED))

    @property
    def posts_read(self) -> int:
        """The number of posts to train on, counted again in each epoch."""
        posts = len(self.examples.limited(self.parameters.row_limit).training)
        return posts * int(self.parameters.hyperparameters.num_train_epochs)

    def result(self) -> Finished:
        """Return the stored result, or fit now and store it."""
        if not is_whole(self.folder):
            self._fit()
        return Finished(
            json.loads((self.folder / "figures.json").read_text(encoding="utf-8")),
            pd.read_csv(self.folder / "curves.csv"),
            pd.read_parquet(self.folder / "predictions.parquet"),
            self.folder / "model",
        )

    def _fit(self) -> None:
        setup = self.setup
        fitted = self.fit(self.examples, self.parameters, setup.within(self.unfinished.name))
        figures = fitted.figures | {"seconds": fitted.figures["seconds"] / self.beside}
        model, tokens = fitted.model({"labels": setup.labels}), _evaluation_tokens(fitted, self.examples, setup)
        predictions = predictions_table(model, tokens, setup.device, setup.model)
        with atomic_write(self.folder) as new:
            new.mkdir()
            predictions.to_parquet(new / "predictions.parquet")
            fitted.curves.to_csv(new / "curves.csv", index=False)
            (new / "figures.json").write_text(json.dumps(figures), encoding="utf-8")
            if self.keep_model:
                model.save(new / "model")
            seal(new)
        shutil.rmtree(self.unfinished, ignore_errors=True)


def fit_series(fits: Mapping[Name, StoredFit]) -> dict[Name, Finished]:
    """Return the results of several fits by name; those that are not stored yet run as ``training.at_once`` says.

    Raises:
        StudyError: one of a fit, or a process of a fit was killed.
    """
    by_folder = {one.folder: name for name, one in fits.items()}  # two of the same parameters are one fit
    todo = {name: fits[name] for folder, name in by_folder.items() if not is_whole(folder)}
    for folder in {one.setup.working_folder for one in todo.values()}:
        for other in set(folder.glob(f"{UNFINISHED}-*")) - {one.unfinished for one in todo.values()}:
            shutil.rmtree(other)
    if (at_once := fits_at_once(list(todo.values()))) > 1:
        from tweet_sentiment.modeling.processes import in_processes

        logger.info("%d trainings, %d side by side", len(todo), at_once)
        works = {f"{one.technique}, {name}": replace(one, beside=at_once).result for name, one in todo.items()}
        in_processes(works, at_once)
        todo = {}
    results = {}
    for name, one in fits.items():
        if name in todo:
            logger.info("%s, %s", one.technique, name)
        results[name] = one.result()
    return results


def fits_at_once(fits: Sequence[StoredFit]) -> int:
    """Return the number of fits to run side by side.

    On a CPU two trainings with half of the threads each take less time than one after the other with all threads.
    Twice as many trainings as threads are run all at once, each with a thread, so that none runs alone at the end.
    """
    if len(fits) < 2 or fits[0].setup.training.all_processes > 1:
        return 1
    setup, threads = fits[0].setup, torch.get_num_threads()
    if setup.training.at_once != "auto":
        return min(setup.training.at_once, len(fits))
    little = sum(one.posts_read for one in fits) < WORTH_PROCESSES
    if setup.device.kind != "cpu" or threads == 1 or little:
        return 1
    return len(fits) if len(fits) <= 2 * threads else threads


def repeat_with_seeds(
    technique: str, fit: Fit, examples: Examples, parameters: Any, setup: Setup, seeds: list[int]
) -> pd.DataFrame:
    """Fit once with each of ``seeds`` except the run's own; return one row per seed with its scores on the test posts.

    The seed decides the head, the order of the posts and the dropout. The data and their split do not change.
    """
    fits = {
        f"seed {seed}": StoredFit(technique, fit, examples, parameters, setup.seeded(seed).within("seeds"))
        for seed in seeds
        if seed != setup.study.seed
    }
    if isinstance(examples.training, pd.DataFrame):
        found = fit_series(fits)
        rows = [one.figures | score_table(one.predictions, setup.labels) for one in found.values()]
    else:
        rows = [_head_scores(one) for one in fits.values()]
    numbered = [row | {"seed": one.setup.study.seed} for row, one in zip(rows, fits.values(), strict=True)]
    return pd.DataFrame(numbered).reindex(columns=SEED_COLUMNS)


def _head_scores(one: StoredFit) -> dict[str, Any]:
    """Fit on cached features, and measure on those of the test posts, which the encoder need not read again."""
    fitted, examples, setup = one.fit(one.examples, one.parameters, one.setup), one.examples, one.setup
    if not fitted.figures.get("encoder_cached"):
        scores = scores_on(fitted.classifier, examples.evaluation, setup.device, setup)
    else:
        head = Head(fitted.classifier).to(setup.device.name)
        rows = Features(np.array(examples.evaluation_features), np.asarray(examples.evaluation["label"]))
        scores = evaluate_head(head, rows, setup.labels, setup.device.name)
    return fitted.figures | scores


def _evaluation_tokens(fitted: Fitted, examples: Examples, setup: Setup) -> Dataset:
    """Return the rows to evaluate on as the fitted model reads them."""
    if not isinstance(examples.evaluation, pd.DataFrame):
        return examples.evaluation
    manifest = {"labels": setup.labels, "second_segment": fitted.figures.get("second_segment")}
    return tokens_as_trained(fitted.model(manifest), examples.evaluation, setup.model.max_length)

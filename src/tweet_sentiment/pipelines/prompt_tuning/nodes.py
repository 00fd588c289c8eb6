"""Prompt tuning: every hard prompt trained and evaluated, the best kept (paper, section "Prompt tuning")."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from tweet_sentiment.parameters import Hyperparameters, StudyParameters
from tweet_sentiment.provenance import manifest

logger = logging.getLogger(__name__)


def take_parameters(parameters: StudyParameters) -> dict[str, Any]:
    """Take the hyperparameters from the parameters: the paper's best_params, unless changed."""
    return {"hyperparameters": parameters.prompt_tuning.hyperparameters.model_dump(), "source": "parameters"}


def take_best(best: dict[str, Any]) -> dict[str, Any]:
    """Take the hyperparameters that the search found, as the paper does."""
    return {"hyperparameters": best["hyperparameters"], "source": "hyperparameter_search"}


def train(
    training_posts: pd.DataFrame,
    validation_posts: pd.DataFrame,
    hyperparameters: dict[str, Any],
    row_account: dict[str, Any],
    working_folder: Path,
    parameters: StudyParameters,
) -> tuple[Any, pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Train a soft prompt under each hard prompt; return the best by validation metric.

    Returns the best model, the curves of all prompts, one row a prompt with its figures, and the best one's record.
    A prompt that an interrupted run had finished is taken from the working folder.
    """
    from .prompts import PromptRun

    posts = training_posts.head(parameters.prompt_tuning.row_limit or len(training_posts))
    run = PromptRun(posts, validation_posts, Hyperparameters(**hyperparameters["hyperparameters"]), parameters)
    conditions = {
        "parameters": parameters.model_dump(exclude={"reporting", "hyperparameter_search"}),
        "hyperparameters": hyperparameters["hyperparameters"],
        "account": row_account,
    }
    finished = [
        run.train_prompt(prompt, working_folder, conditions) for prompt in parameters.prompt_tuning.hard_prompts
    ]
    metric = parameters.training.metric_for_best_model
    sign = -1 if metric == "eval_loss" else 1
    best = max(finished, key=lambda one: sign * one.figures[metric])
    training = best.figures | {
        "n_train": len(posts),
        "seconds": sum(one.figures["seconds"] for one in finished),
        "hyperparameters": hyperparameters,
    }
    table = pd.DataFrame([{"chosen": one is best, **_plain(one.figures)} for one in finished])
    curves = pd.concat([one.curves.assign(prompt=one.figures["hard_prompt"]) for one in finished], ignore_index=True)
    logger.info("Best hard prompt: '%s', %s %.4f", best.figures["hard_prompt"], metric, best.figures[metric])
    model = run.load(best, manifest("prompt_tuning", parameters, row_account, training))
    return model, curves, table, training


def _plain(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in figures.items() if not isinstance(value, dict | list)}


def predict(model: Any, validation_posts: pd.DataFrame, parameters: StudyParameters) -> pd.DataFrame:
    """Return one row a validation post, as in evaluation, with the model's own hard prompt before each post."""
    from tweet_sentiment.modeling.devices import choose_device
    from tweet_sentiment.modeling.prediction import predictions_table

    from .prompts import tokens_for

    tokens, _ = tokens_for(validation_posts, model.tokenizer, parameters, model.manifest["hard_prompt"])
    device = choose_device(parameters.device, parameters.fp16, parameters.precision)
    return predictions_table(model, tokens, device, parameters.model)

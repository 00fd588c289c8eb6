"""Prompt tuning: every hard prompt trained and evaluated, the best kept (paper, section "Prompt tuning")."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from tweet_sentiment.parameters import StudyParameters
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
    """Train a soft prompt under each hard prompt; return the best by the metric on the posts to choose on.

    Those posts are parted from training; only under the published protocol they are the validation posts, as in the
    paper. Returns the best model, the curves of all prompts, one row a prompt with its figures, and the best one's
    record. A prompt that an interrupted run had finished is taken from the working folder.
    """
    from .prompts import PromptRun

    run = PromptRun.of(training_posts, validation_posts, hyperparameters["hyperparameters"], parameters)
    finished = [
        run.train_prompt(prompt, working_folder, {"account": row_account})
        for prompt in parameters.prompt_tuning.hard_prompts
    ]
    metric = parameters.training.metric_for_best_model
    sign = -1 if metric == "eval_loss" else 1
    best = max(finished, key=lambda one: sign * one.figures[f"chosen_by_{metric}"])
    training = best.figures | {
        "texts": parameters.data.texts,
        "n_train": len(run.training_posts),
        "seconds": sum(one.figures["seconds"] for one in finished),
        "hyperparameters": hyperparameters,
        "chosen_on": parameters.chosen_on,
        "selection_accuracy": best.figures["chosen_by_accuracy"] if parameters.chooses_apart else None,
    }
    table = pd.DataFrame([{"chosen": one is best, **_plain(one.figures)} for one in finished])
    curves = pd.concat([one.curves.assign(prompt=one.figures["hard_prompt"]) for one in finished], ignore_index=True)
    logger.info("Best hard prompt on the %s: '%s'", parameters.chosen_on, best.figures["hard_prompt"])
    model = run.load(best, manifest("prompt_tuning", parameters, row_account, training))
    return model, curves, table, training


def repeat_with_seeds(
    training_posts: pd.DataFrame,
    validation_posts: pd.DataFrame,
    hyperparameters: dict[str, Any],
    training: dict[str, Any],
    row_account: dict[str, Any],
    working_folder: Path,
    parameters: StudyParameters,
) -> pd.DataFrame:
    """With ``prompt_tuning.repeat_seeds``, train the chosen prompt with each further seed; one row a seed."""
    from tweet_sentiment.modeling.seeds import each_seed

    from .prompts import PromptRun

    def scores(seeded: StudyParameters) -> dict[str, Any]:
        run = PromptRun.of(training_posts, validation_posts, hyperparameters["hyperparameters"], seeded)
        return run.train_prompt(training["hard_prompt"], working_folder, {"account": row_account}).figures

    repeated = parameters.seeds if parameters.prompt_tuning.repeat_seeds else [parameters.seed]
    return each_seed(parameters.model_copy(update={"seeds": repeated}), scores)


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

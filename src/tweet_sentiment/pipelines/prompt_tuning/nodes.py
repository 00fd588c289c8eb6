"""Prompt tuning: every hard prompt trained and evaluated, the best kept (paper, section "Prompt tuning")."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import StudyParameters, check_warm_up
from tweet_sentiment.provenance import manifest
from tweet_sentiment.scoring.metrics import CHOSEN_BY, dev_scores

logger = logging.getLogger(__name__)


def choose_hyperparameters(found: dict[str, Any], parameters: StudyParameters) -> dict[str, Any]:
    """Return the hyperparameters to train with: the parameters', or with ``use_search_result`` the search's.

    ``found`` is what the search found; empty where it has not been run.

    Raises:
        StudyError: the search's are asked for, and it has not been run.
    """
    prompt = parameters.prompt_tuning
    if not prompt.use_search_result:
        return {"hyperparameters": prompt.hyperparameters.model_dump(), "source": "parameters"}
    if not found:
        raise StudyError(
            "prompt_tuning.use_search_result is true, but the search has not been run for this run and protocol.\n"
            "  Run it first:  kedro run --pipelines=hyperparameter_search\n"
            "  Or train with prompt_tuning.hyperparameters:  --params=prompt_tuning.use_search_result=false"
        )
    return {"hyperparameters": found["hyperparameters"], "source": "hyperparameter_search"}


def train(
    training_posts: pd.DataFrame,
    test_posts: pd.DataFrame,
    hyperparameters: dict[str, Any],
    row_counts: dict[str, Any],
    working_folder: Path,
    parameters: StudyParameters,
) -> tuple[Any, pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Train a soft prompt under each hard prompt; return the best by the metric on the dev split.

    Those posts are parted from training; only under the published protocol they are the test posts, as in the
    paper. Returns the best model, the curves of all prompts, one row a prompt with its figures, and the best one's
    record. A prompt that an interrupted run had finished is taken from the working folder.
    """
    from .prompts import PromptRun

    run = PromptRun.of(training_posts, test_posts, hyperparameters["hyperparameters"], parameters)
    found = hyperparameters["source"] == "hyperparameter_search"
    key = "What hyperparameter_search found for prompt_tuning" if found else "prompt_tuning.hyperparameters"
    check_warm_up(key, run.hyperparameters, len(run.training_posts), parameters)
    finished = [
        run.train_prompt(prompt, working_folder, {"account": row_counts})
        for prompt in parameters.prompt_tuning.hard_prompts
    ]
    best = max(finished, key=lambda one: parameters.training.goodness(one.figures, "chosen_by_"))
    training = best.figures | {
        "texts": parameters.data.texts,
        "n_train": len(run.training_posts),
        "seconds": sum(one.figures["seconds"] for one in finished),
        "hyperparameters": hyperparameters,
        "chosen_on": parameters.chosen_on,
        **dev_scores(_measured(best.figures) if parameters.has_dev_split else None),
    }
    table = pd.DataFrame([{"chosen": one is best, **_plain(one.figures)} for one in finished])
    curves = pd.concat([one.curves.assign(prompt=one.figures["hard_prompt"]) for one in finished], ignore_index=True)
    logger.info("Best hard prompt on the %s: '%s'", parameters.chosen_on, best.figures["hard_prompt"])
    model = run.load(best, manifest("prompt_tuning", parameters, row_counts, training))
    return model, curves, table, training


def repeat_with_seeds(
    training_posts: pd.DataFrame,
    test_posts: pd.DataFrame,
    hyperparameters: dict[str, Any],
    training: dict[str, Any],
    row_counts: dict[str, Any],
    working_folder: Path,
    parameters: StudyParameters,
) -> pd.DataFrame:
    """With ``prompt_tuning.repeat_seeds``, train the chosen prompt with each further seed; one row a seed."""
    from tweet_sentiment.modeling.seeds import each_seed

    from .prompts import PromptRun

    def scores(seeded: StudyParameters) -> dict[str, Any]:
        run = PromptRun.of(training_posts, test_posts, hyperparameters["hyperparameters"], seeded)
        return run.train_prompt(training["hard_prompt"], working_folder, {"account": row_counts}).figures

    repeated = parameters.seeds if parameters.prompt_tuning.repeat_seeds else [parameters.seed]
    return each_seed(parameters.model_copy(update={"seeds": repeated}), scores)


def _measured(figures: dict[str, Any]) -> dict[str, float]:
    return {name: figures[f"chosen_by_{name}"] for name in CHOSEN_BY}


def _plain(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in figures.items() if not isinstance(value, dict | list)}


def predict(model: Any, test_posts: pd.DataFrame, parameters: StudyParameters) -> pd.DataFrame:
    """Return one row a test post, as in evaluation, with the model's own hard prompt before each post."""
    from tweet_sentiment.modeling.devices import choose_device
    from tweet_sentiment.modeling.prediction import predictions_table
    from tweet_sentiment.modeling.tokenization import tokens_as_trained

    tokens = tokens_as_trained(model, test_posts, parameters.model.max_length)
    device = choose_device(parameters.device, parameters.fp16, parameters.precision)
    return predictions_table(model, tokens, device, parameters.model)

"""Every hard prompt trained and evaluated, the best kept (paper, section "Prompt tuning")."""

import logging
from dataclasses import replace
from typing import Any

import pandas as pd

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import Hyperparameters
from tweet_sentiment.scoring.metrics import SCORES, dev_scores, score_table
from tweet_sentiment.techniques import POSTS
from tweet_sentiment.techniques import prompt_tuning as technique

logger = logging.getLogger(__name__)


def choose_hyperparameters(found: dict[str, Any], prompt_tuning: technique.Parameters) -> dict[str, Any]:
    """Return the hyperparameters to train with: the parameters', or with ``use_search_result`` the search's.

    ``found`` is what the search found; empty where it has not been run.

    Raises:
        StudyError: the search's are asked for, and it has not been run.
    """
    if not prompt_tuning.use_search_result:
        return {"hyperparameters": prompt_tuning.hyperparameters.model_dump(), "source": "parameters"}
    if not found:
        raise StudyError(
            "prompt_tuning.use_search_result is true, but the search has not been run for this run and protocol.\n"
            "  Run it first:  kedro run --pipelines=hyperparameter_search\n"
            "  Or train with prompt_tuning.hyperparameters:  --params=prompt_tuning.use_search_result=false"
        )
    return {"hyperparameters": found["hyperparameters"], "source": "hyperparameter_search"}


def train(
    hyperparameters: dict[str, Any], prompt_tuning: technique.Parameters, **given: Any
) -> tuple[Any, pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Train a soft prompt under each hard prompt; return the best by the metric on the dev split.

    The dev split is parted from training; only under the published protocol it is the test posts, as in the paper.
    Returns the best model, the curves of all prompts, one row a prompt with its figures, and the best one's record. A
    prompt that an interrupted run had finished is taken from the working folder.
    """
    from tweet_sentiment.modeling.fitting import from_inputs
    from tweet_sentiment.modeling.model_folder import load_model
    from tweet_sentiment.modeling.series import StoredFit, fit_series

    setup, examples, _ = from_inputs(given, POSTS)
    study, training, chosen = setup.study, setup.training, Hyperparameters(**hyperparameters["hyperparameters"])
    found = hyperparameters["source"] == "hyperparameter_search"
    training.check_warm_up(
        "What hyperparameter_search found for prompt_tuning" if found else "prompt_tuning.hyperparameters",
        chosen,
        len(examples.with_dev_split().limited(prompt_tuning.row_limit).training),
    )
    fits = {}
    for hard_prompt in prompt_tuning.hard_prompts:
        one = prompt_tuning.one_prompt(hard_prompt).model_copy(update={"hyperparameters": chosen})
        fits[f"'{hard_prompt}'"] = StoredFit("prompt_tuning", technique.fit, examples, one, setup, keep_model=True)
    prompts = list(fit_series(fits).values())
    rows = [_row(one.figures, one.predictions, study.labels) for one in prompts]
    goodness = [training.goodness(row, "chosen_by_") for row in rows]
    best = prompts[goodness.index(max(goodness))]
    figures = best.figures | {
        "seconds": sum(one.figures["seconds"] for one in prompts),
        "hyperparameters": hyperparameters,
        "chosen_on": study.chosen_on,
        **dev_scores(best.figures["evaluated"] if study.has_dev_split else None),
    }
    logger.info("Best hard prompt on the %s: '%s'", study.chosen_on, figures["hard_prompt"])
    trained = load_model(best.model)
    made = setup.manifest("prompt_tuning", {"prompt_tuning": prompt_tuning.model_dump()}, figures)
    table = pd.DataFrame([{"chosen": one is best, **row} for one, row in zip(prompts, rows, strict=True)])
    curves = pd.concat([one.curves.assign(prompt=one.figures["hard_prompt"]) for one in prompts], ignore_index=True)
    return replace(trained, manifest=trained.manifest | made), curves, table, figures


def _row(figures: dict[str, Any], predictions: pd.DataFrame, labels: list[str]) -> dict[str, Any]:
    scores = score_table(predictions, labels)
    told = ("epoch", "steps", "truncated", "trainable_parameters", "pooling", "device", "dtype", "seconds")
    return {
        "hard_prompt": figures["hard_prompt"],
        **{f"chosen_by_{name}": figures["evaluated"][name] for name in SCORES},
        **{name: scores[name] for name in SCORES},
        **{name: figures[name] for name in told},
    }


def repeat_with_seeds(
    hyperparameters: dict[str, Any],
    chosen: dict[str, Any],
    prompt_tuning: technique.Parameters,
    seeds: list[int],
    **given: Any,
) -> pd.DataFrame:
    """With ``prompt_tuning.repeat_seeds``, train the chosen prompt with each further seed; one row per seed."""
    from tweet_sentiment.modeling import series
    from tweet_sentiment.modeling.fitting import from_inputs

    setup, examples, _ = from_inputs(given, POSTS)
    one = prompt_tuning.one_prompt(chosen["hard_prompt"]).model_copy(
        update={"hyperparameters": Hyperparameters(**hyperparameters["hyperparameters"])}
    )
    repeated = seeds if prompt_tuning.repeat_seeds else []
    return series.repeat_with_seeds("prompt_tuning", technique.fit, examples, one, setup, repeated)

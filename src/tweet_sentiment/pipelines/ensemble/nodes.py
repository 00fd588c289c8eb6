"""The mean of the probabilities that the members predicted; needs their predictions and no torch."""

from typing import Any

import pandas as pd

from tweet_sentiment.errors import StudyError
from tweet_sentiment.manifests import ENSEMBLE, Ensemble
from tweet_sentiment.parameters import InputSettings
from tweet_sentiment.provenance import manifest
from tweet_sentiment.scoring.metrics import PROBABILITY, dev_scores, score_table

TRAINED = ("layer_unfreezing", "hyperparameter_search", "prompt_tuning", "full_fine_tuning", "lora", "p_tuning")
MEMBERS = (*TRAINED, "distillation", "nearest_neighbour", "logistic_regression", "linear_svc")


def average(*given: Any) -> tuple[pd.DataFrame, dict[str, Any], Ensemble]:
    """Average the predictions of ``ensemble.members``; return predictions as any technique's, figures, and the model.

    ``given``: of each of ``MEMBERS`` predictions on the test posts; then the same on the dev split;
    then training's figures; then how fast each is; then the row counts and the parameters. What was not made is empty.
    The scores on the dev split are known if every member was trained without them.

    Raises:
        StudyError: a member has not been run, or the members' predictions are not about the same posts.
    """
    *tables, row_counts, parameters = given
    size, members, labels = len(MEMBERS), parameters.ensemble.members, parameters.labels
    predictions, on_dev, training, speeds = (
        dict(zip(MEMBERS, tables[at : at + size], strict=True)) for at in range(0, 4 * size, size)
    )
    if missing := [name for name in members if not len(predictions[name]) or not training[name]]:
        raise StudyError(
            f"ensemble.members: {', '.join(missing)} has no predictions under protocol {parameters.protocol}.\n"
            f"  Run it first:  kedro run --pipeline={missing[0]}   or take it out of conf/*/parameters_ensemble.yml"
        )
    chosen, known = [on_dev[name] for name in members], [training[name] | speeds[name] for name in members]
    milliseconds = [one.get("ms_per_post") for one in known]
    figures = {
        "members": members,
        "n_train": max(one["n_train"] for one in known),
        "trainable_parameters": sum(one["trainable_parameters"] for one in known),
        "seconds": sum(one["seconds"] + one.get("encoding_seconds", 0.0) for one in known),
        "ms_per_post": None if None in milliseconds else sum(milliseconds),
        "encoder": ", ".join(dict.fromkeys(one.get("encoder", parameters.model.checkpoint) for one in known)),
        "texts": "; ".join(dict.fromkeys(one["texts"] for one in known)),
        "device": known[0]["device"],
        "dtype": known[0]["dtype"],
        **dev_scores(score_table(_mean(chosen, labels), labels) if all(map(len, chosen)) else None),
    }
    reads = {"format": ENSEMBLE, "input": _input(members, known, parameters)}
    settings = parameters.model_dump(include={"labels", "protocol", "seed", "data", "ensemble"})
    model = Ensemble(members, manifest("ensemble", parameters, row_counts, figures | reads, settings))
    return _mean([predictions[name] for name in members], labels), figures, model


def _input(members: list[str], known: list[dict[str, Any]], parameters: Any) -> dict[str, Any]:
    """Return what the ensemble itself does with a text: nothing; each member cleans and cuts it in its own way."""
    encoders = {*members} & {*TRAINED, "distillation"}
    settings: dict[str, Any] = {
        "cleaning": "none",
        "remove_stop_words": False,
        "lemmatize": False,
        "max_length": parameters.model.max_length if encoders else None,
        "second_segment": next(filter(None, (one.get("second_segment") for one in known)), None),
    }
    return dict(InputSettings(**settings).model_dump())


def _mean(tables: list[pd.DataFrame], labels: list[str]) -> pd.DataFrame:
    first, *others = (table.sort_values("row", ignore_index=True) for table in tables)
    same, columns = ["row", "id", "label"], [f"{PROBABILITY}{label}" for label in labels]
    if any(not first[same].equals(other[same]) for other in others):
        raise StudyError(
            "The members' predictions are not about the same posts: some are from other data or settings.\n"
            "  Run their pipelines again, or name another run (--params=run=…)."
        )
    mean = sum((table[columns] for table in others), first[columns]) / len(tables)
    predicted = mean.set_axis(labels, axis=1).idxmax(axis=1)
    return first[same].assign(predicted=predicted, **{name: mean[name] for name in columns})

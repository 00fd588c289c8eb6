"""The ensemble: the mean of its members' predicted probabilities, without torch."""

from typing import TYPE_CHECKING, Any

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import Names, Strict
from tweet_sentiment.scoring.metrics import PROBABILITY, dev_scores, score_table

if TYPE_CHECKING:
    import pandas as pd


class Parameters(Strict):
    """``members``: the techniques, two or more, whose probabilities are averaged."""

    members: Names


def average(
    predictions: "dict[str, pd.DataFrame]",
    dev_predictions: "dict[str, pd.DataFrame]",
    metrics: dict[str, dict[str, Any]],
    members: list[str],
    labels: list[str],
) -> tuple["pd.DataFrame", dict[str, Any]]:
    """Return the mean predictions on the test posts, and figures; inputs are by technique, without missing ones.

    There are scores on the dev split if every member predicted it and was not trained on it.

    Raises:
        StudyError: a member has not been run, or the members' predictions are not about the same posts.
    """
    import pandas as pd

    if missing := [name for name in members if not len(predictions.get(name, ())) or not metrics.get(name)]:
        raise StudyError(
            f"ensemble.members: there are no predictions of {', '.join(missing)} under this protocol.\n"
            f"  Run first:  kedro run --pipelines={','.join(missing)}   or take them out of ensemble.members"
        )
    known = [metrics[name] for name in members]
    on_dev = [dev_predictions.get(name, pd.DataFrame()) for name in members]
    milliseconds = [one.get("ms_per_post") for one in known]
    figures = {
        "members": members,
        "n_train": max(one["n_train"] for one in known),
        "trainable_parameters": sum(one["trainable_parameters"] for one in known),
        "seconds": sum(one["seconds"] for one in known),
        "ms_per_post": None if None in milliseconds else sum(filter(None, milliseconds)),
        "encoder": ", ".join(dict.fromkeys(one["encoder"] for one in known)),
        "texts": "; ".join(dict.fromkeys(one["texts"] for one in known)),
        "second_segment": next(filter(None, (one.get("second_segment") for one in known)), None),
        "device": known[0]["device"],
        "dtype": known[0]["dtype"],
        **dev_scores(score_table(_mean(on_dev, labels), labels) if all(len(one) for one in on_dev) else None),
    }
    return _mean([predictions[name] for name in members], labels), figures


def _mean(tables: "list[pd.DataFrame]", labels: list[str]) -> "pd.DataFrame":
    first, *others = (table.sort_values("row", ignore_index=True) for table in tables)
    same, columns = ["row", "id", "label"], [f"{PROBABILITY}{label}" for label in labels]
    if any(not first[same].equals(other[same]) for other in others):
        raise StudyError(
            "The members' predictions are not for the same posts: some are from other data or settings.\n"
            "  Run their pipelines again, or name another run (--params=run=…)."
        )
    mean = sum((table[columns] for table in others), first[columns]) / len(tables)
    predicted = mean.set_axis(labels, axis=1).idxmax(axis=1)
    return first[same].assign(predicted=predicted, **{name: mean[name] for name in columns})

"""What is said of the choice of the best technique, in the same words in the comparison, the report and the card."""

from typing import Any

import pandas as pd

MAJORITY = "majority_class"
NAMED = "promotion.technique"  # in selected_by, where no figure was asked
NAMES: dict[Any, str] = {"accuracy": "accuracy", "macro_f1": "macro F1", "eval_loss": "loss"}


def choices(comparison: pd.DataFrame) -> list[str]:
    """Return one sentence a protocol on which technique was chosen, and advice where the choice needs some."""
    said = []
    for protocol, rows in comparison.groupby("protocol"):
        for chosen in rows[rows["selected"].eq(True)].to_dict("records"):
            said.append(f"Chosen under `{protocol}`: {_chosen(chosen)}.")
            if warning := advice(rows, chosen):
                said.append(warning)
    return said


def how_chosen(row: dict[Any, Any]) -> str:
    """Say in a few words what made a row the selected one."""
    metric = row.get("selected_by")
    return (
        "named by promotion.technique"
        if metric == NAMED
        else f"chosen on the dev split by {NAMES.get(metric, 'accuracy')}"
    )


def _chosen(row: dict[Any, Any]) -> str:
    metric, technique = row.get("selected_by"), row["technique"]
    here = f"accuracy {row['accuracy']:.4f} on the test posts"
    if metric not in NAMES:
        return f"{technique}, named by `promotion.technique`; {here}"
    figure = f"{NAMES[metric]} {row[f'dev_{metric}']:.4f}"
    return f"{technique}, the best by {figure} on the dev split; {here}"


def advice(rows: pd.DataFrame, chosen: dict[Any, Any]) -> str | None:
    """Advise to choose by macro F1 where saying the most frequent class alone is right more often than the best.

    ``rows`` are the results of one protocol, ``chosen`` is one of them; None where there is nothing to advise.
    """
    majority = rows[rows["technique"] == MAJORITY].to_dict("records")
    if not majority or chosen["technique"] == MAJORITY or chosen.get("selected_by") == "macro_f1":
        return None
    for name, posts in (("accuracy", "the test posts"), ("dev_accuracy", "the dev split")):
        always, best = majority[0].get(name), chosen.get(name)
        if not pd.isna(always) and not pd.isna(best) and always > best:
            return (
                f"The classes are unequal: to give every post the most frequent label is right more often on {posts} "
                f"({always:.4f}) than {chosen['technique']} ({best:.4f}), and says nothing. Choose by macro F1, which "
                "counts each class alike: --params=promotion.metric=macro_f1"
            )
    return None

"""Rows of a comparison, and what a report is made of."""

import pandas as pd

from tweet_sentiment.reports.inputs import ReportInputs
from tweet_sentiment.reports.tables import COLUMNS


def row(technique, protocol, accuracy, **more):
    scores = dict.fromkeys(("eval_loss", "f1", "precision", "recall", "macro_f1"), 0.5)
    known = {"technique": technique, "protocol": protocol, "accuracy": accuracy, "accuracy_mean": accuracy}
    known |= {"accuracy_low": accuracy - 0.03, "accuracy_high": accuracy + 0.03}
    known |= {"n_train": 10, "n_validation": 828, "trainable_parameters": 7, "seconds": 2.0, "seeds": 1}
    known |= {"expected_calibration_error": 0.5, "calibration_noise": 0.5, "texts": "raw", "measured": True}
    known |= {"chosen_on": None, "selected": False, "selected_by": None, "encoder": "e", "seed": 1}
    return dict.fromkeys(COLUMNS, float("nan")) | known | scores | more


def inputs(rows, files=None, **more):
    """Return what a report is made of; ``files`` by path, as a run leaves them."""
    tables = {"frontier": pd.DataFrame(), "claims": pd.DataFrame(), "level": 0.95, "run": "r"}
    loaders = {path: lambda one=one: one for path, one in (files or {}).items()}
    return ReportInputs(**{"comparison": pd.DataFrame(rows), "files": loaders, **tables, **more})


LEAKING = [row("nearest_neighbour", "published", 0.98), row("nearest_neighbour", "leak_free", 0.54)]

AUDIT = {
    "overlap": {"any_count": 8, "any_share": 1.0, "text_count": 8, "text_share": 1.0},
    "posts": {"training": 9, "validation": 8},
    "overlap_limit": 0.01,
    "near_duplicate_threshold": 85,
    "validation_drawn": False,
    "ids_known": True,
    "conflicting_labels": {
        "training_texts": 0,
        "validation_texts": 0,
        "validation_posts_labelled_otherwise_in_training": 0,
    },
    "class_balance": {"training": {}, "validation": {}},
    "memorisation": {
        "published": {"accuracy": 1.0, "training_posts": 9},
        "leak_free": {"accuracy": None, "training_posts": 0},
        "majority_label": "Positive",
        "majority_share": 0.5,
    },
}

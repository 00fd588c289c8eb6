"""Rows of a comparison, and what a report is made of."""

import pandas as pd

from tweet_sentiment.pipelines.reporting.nodes import PARTS
from tweet_sentiment.reports.inputs import ReportInputs


def row(technique, protocol, accuracy, **more):
    names = ("eval_loss", "f1", "precision", "recall", "macro_f1", "expected_calibration_error", "calibration_noise")
    scores = dict.fromkeys(names, 0.5)
    parts = {f"{part}_{figure}": float("nan") for part in PARTS for figure in ("posts", "accuracy", "low", "high")}
    return {
        "technique": technique,
        "protocol": protocol,
        "accuracy": accuracy,
        "accuracy_low": accuracy - 0.03,
        "accuracy_high": accuracy + 0.03,
        "paper_accuracy": float("nan"),
        "n_train": 10,
        "n_validation": 828,
        "trainable_parameters": 7,
        "seconds": 2.0,
        "chosen_on": None,
        "selected": False,
        "selected_by": None,
        "dev_accuracy": float("nan"),
        "seeds": 1,
        "accuracy_mean": accuracy,
        "accuracy_sd": float("nan"),
        "texts": "raw",
        "measured": True,
        **parts,
        **scores,
        **more,
    }


def material(rows, **more):
    tables = {name: pd.DataFrame() for name in ("audit_examples", "frontier", "claims")}
    known = {"run": "r", "comparison": pd.DataFrame(rows), "level": 0.95, "configured": {}, **tables}
    nothing = {name: {} for name in ReportInputs.__dataclass_fields__ if name not in known}
    return ReportInputs(**{**known, **nothing, **more})


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

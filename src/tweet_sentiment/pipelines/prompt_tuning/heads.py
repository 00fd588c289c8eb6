"""The soft prompt with and without layers of the head beside it: what learns how much of the accuracy."""

from pathlib import Path
from typing import Any

import pandas as pd

from tweet_sentiment.parameters import StudyParameters

ALONE = "none"


def sweep_heads(
    training_posts: pd.DataFrame,
    validation_posts: pd.DataFrame,
    row_account: dict[str, Any],
    working_folder: Path,
    parameters: StudyParameters,
) -> pd.DataFrame:
    """Train the last hard prompt with each of ``prompt_tuning.heads_to_compare``; return one row a head.

    Chosen by ``selection_accuracy``; ``accuracy``, ``low`` and ``high`` (Wilson's interval) are of the validation
    posts. A head that an interrupted sweep had finished is taken from the working folder.
    """
    from statsmodels.stats.proportion import proportion_confint

    from .prompts import PromptRun

    prompt = parameters.prompt_tuning
    rows = []
    for head in prompt.heads_to_compare:
        compared = parameters.model_copy(update={"prompt_tuning": prompt.model_copy(update={"trainable_head": head})})
        run = PromptRun.of(training_posts, validation_posts, prompt.hyperparameters.model_dump(), compared)
        conditions = {"account": row_account}
        figures = run.train_prompt(prompt.hard_prompts[-1], working_folder / "heads", conditions).figures
        posts = len(validation_posts)
        low, high = proportion_confint(
            figures["accuracy"] * posts, posts, alpha=1 - parameters.uncertainty.level, method="wilson"
        )
        rows.append(
            {
                "trainable_head": " and ".join(head) or ALONE,
                "selection_accuracy": figures["chosen_by_accuracy"],
                "accuracy": figures["accuracy"],
                "low": float(low),
                "high": float(high),
                "trainable_parameters": figures["trainable_parameters"],
                "n_train": len(run.training_posts),
                "seconds": figures["seconds"],
                "epoch": figures["epoch"],
                "seed": parameters.seed,
            }
        )
    return pd.DataFrame(rows)


def plot_heads(table_of_heads: pd.DataFrame, parameters: StudyParameters) -> Any:
    """Draw accuracy by what of the head learns beside the prompt."""
    from tweet_sentiment.reports.sweeps import sweep_figure

    return sweep_figure(
        table_of_heads, "trainable_head", "of the head beside the prompt", parameters.protocol, parameters.chosen_on
    )

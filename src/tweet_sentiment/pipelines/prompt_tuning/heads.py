"""The soft prompt with and without layers of the head beside it: what learns how much of the accuracy."""

from pathlib import Path
from typing import Any

import pandas as pd

from tweet_sentiment.parameters import StudyParameters
from tweet_sentiment.scoring.bootstrap import bootstrap_intervals

ALONE = "none"


def sweep_heads(
    training_posts: pd.DataFrame,
    test_posts: pd.DataFrame,
    row_counts: dict[str, Any],
    working_folder: Path,
    parameters: StudyParameters,
) -> pd.DataFrame:
    """Train the last hard prompt with each of ``prompt_tuning.heads_to_compare``; return one row a head.

    Chosen by ``dev_accuracy``; ``accuracy``, ``low`` and ``high`` are of the test posts. A head that an
    interrupted sweep had finished is taken from the working folder.
    """
    from tweet_sentiment.modeling.devices import choose_device
    from tweet_sentiment.modeling.prediction import predictions_table
    from tweet_sentiment.modeling.tokenization import tokens_as_trained

    from .prompts import PromptRun

    prompt, uncertainty = parameters.prompt_tuning, parameters.uncertainty
    device = choose_device(parameters.device, parameters.fp16, parameters.precision)
    rows = []
    for head in prompt.heads_to_compare:
        compared = parameters.model_copy(update={"prompt_tuning": prompt.model_copy(update={"trainable_head": head})})
        run = PromptRun.of(training_posts, test_posts, prompt.hyperparameters.model_dump(), compared)
        conditions = {"account": row_counts}
        finished = run.train_prompt(prompt.hard_prompts[-1], working_folder / "heads", conditions)
        figures, model = finished.figures, run.load(finished, {})
        tokens = tokens_as_trained(model, test_posts, parameters.model.max_length)
        low, high = bootstrap_intervals(
            predictions_table(model, tokens, device, parameters.model),
            parameters.labels,
            resamples=uncertainty.resamples,
            level=uncertainty.level,
            seed=parameters.seed,
        )["accuracy"]
        rows.append(
            {
                "trainable_head": " and ".join(head) or ALONE,
                "dev_accuracy": figures["chosen_by_accuracy"],
                "accuracy": figures["accuracy"],
                "low": low,
                "high": high,
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

"""Wiring of data_processing."""

from typing import Any

from kedro.pipeline import Pipeline, node

from tweet_sentiment.reports.figures import leaks_figure, plot_lengths

from .nodes import account_rows, audit_posts, clean_posts, filter_posts, read_posts, split_posts, tokenize_posts

DATA, DEV_SPLIT, MODEL, STUDY = (f"params:{name}" for name in ("data", "dev_split", "model", "study"))
READ, FILTERED, SPLIT = (
    [f"{step}_training_posts", f"{step}_{other}_posts"]
    for step, other in (("read", "validation"), ("filtered", "validation"), ("split", "test"))
)
CLEANED, TOKENS = ["training_posts", "test_posts"], ["training_tokens", "test_tokens", "tokenization_counts"]
COUNTS = ["read_counts", "filter_counts", "split_counts", "cleaning_counts", "tokenization_counts"]


def create_pipeline() -> Pipeline:
    """Process the raw CSV into tokens."""
    steps: Any = (  # what each reads and writes
        (read_posts, ["training_file", "validation_file", DATA, STUDY], [*READ, "read_counts"]),
        (filter_posts, [*READ, DATA, STUDY], [*FILTERED, "filter_counts"]),
        (audit_posts, [*FILTERED, DATA, STUDY], ["audit", "table_of_leaks"]),
        (split_posts, [*FILTERED, "table_of_label_issues", DATA, DEV_SPLIT, STUDY], [*SPLIT, "split_counts"]),
        (clean_posts, [*SPLIT, DATA], [*CLEANED, "cleaning_counts"]),
        (tokenize_posts, [*CLEANED, MODEL, STUDY], TOKENS),
        (account_rows, [*COUNTS, DATA, DEV_SPLIT, STUDY], "row_counts"),
        (plot_lengths, [*TOKENS, MODEL, STUDY], "figure_of_lengths"),
    )
    made = [node(step, reads, writes, name=step.__name__) for step, reads, writes in steps]
    draw = node(leaks_figure, "audit", "figure_of_leaks", name="plot_leaks")
    return Pipeline([*made, draw], tags="data_processing")

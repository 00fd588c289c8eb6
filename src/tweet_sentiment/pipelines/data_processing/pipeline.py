"""Wiring of data_processing."""

from kedro.pipeline import Pipeline, node

from .figures import plot_lengths
from .nodes import account_rows, audit_posts, clean_posts, filter_posts, read_posts, split_posts, tokenize_posts


def create_pipeline() -> Pipeline:
    """Chain raw CSV to tokens."""
    return Pipeline(
        [
            node(
                read_posts,
                ["training_file", "validation_file", "params:data", "params:study"],
                ["read_training_posts", "read_validation_posts", "read_counts"],
                name="read_posts",
            ),
            node(
                filter_posts,
                ["read_training_posts", "read_validation_posts", "params:data", "params:study"],
                ["filtered_training_posts", "filtered_validation_posts", "filter_counts"],
                name="filter_posts",
            ),
            node(
                audit_posts,
                ["filtered_training_posts", "filtered_validation_posts", "params:data", "params:study"],
                ["audit", "table_of_leaks"],
                name="audit_posts",
            ),
            node(
                split_posts,
                [
                    "filtered_training_posts",
                    "filtered_validation_posts",
                    "params:data",
                    "params:dev_split",
                    "params:study",
                ],
                ["split_training_posts", "split_test_posts", "split_counts"],
                name="split_posts",
            ),
            node(
                clean_posts,
                ["split_training_posts", "split_test_posts", "params:data"],
                ["training_posts", "test_posts", "cleaning_counts"],
                name="clean_posts",
            ),
            node(
                tokenize_posts,
                ["training_posts", "test_posts", "params:model", "params:study"],
                ["training_tokens", "test_tokens", "tokenization_counts"],
                name="tokenize_posts",
            ),
            node(
                account_rows,
                [
                    "read_counts",
                    "filter_counts",
                    "split_counts",
                    "cleaning_counts",
                    "tokenization_counts",
                    "params:data",
                    "params:dev_split",
                    "params:study",
                ],
                "row_counts",
                name="account_rows",
            ),
            node(
                plot_lengths,
                ["training_tokens", "test_tokens", "tokenization_counts", "params:model", "params:study"],
                "figure_of_lengths",
                name="plot_lengths",
            ),
        ],
        tags="data_processing",
    )

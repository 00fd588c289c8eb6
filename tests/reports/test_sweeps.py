"""The figure of a sweep says where its best was chosen."""

import pandas as pd

from tweet_sentiment.reports.sweeps import sweep_figure

TABLE = pd.DataFrame(
    {
        "k": [0, 1, 2],
        "dev_accuracy": [0.6, 0.8, 0.7],
        "accuracy": [0.9, 0.65, 0.7],
        "low": [0.8, 0.6, 0.6],
        "high": [0.95, 0.7, 0.8],
        "trainable_parameters": [10, 2000, 30],
        "seconds": [1.0, 2.0, 3.0],
    }
)


def test_the_title_names_the_setting_that_was_chosen_not_the_one_that_is_best_on_the_reported_posts():
    figure = sweep_figure(TABLE, "k", "blocks", "leak_free", "dev split")
    assert figure.layout.title.text == "Best on the dev split: 1 blocks, 65.0% (leak_free)"
    assert figure.data[0].text[1] == "2,000 parameters, 2 s"
    assert list(figure.data[0].error_y.array) == list(TABLE["high"] - TABLE["accuracy"])


def test_where_nothing_was_held_out_the_choice_is_by_the_validation_posts_and_said_so():
    for nothing in (None, float("nan")):
        figure = sweep_figure(TABLE.assign(dev_accuracy=nothing), "k", "blocks", "published", "test posts")
        assert figure.layout.title.text == "Best on the test posts: 0 blocks, 90.0% (published)"

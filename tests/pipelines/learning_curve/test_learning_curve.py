"""Learning curves: nested sets by tweet, a row a size, an expectation that says what it is, nothing fitted twice."""

import numpy as np
import pandas as pd
import pytest
from tests.modeling.tuned import few, tiny, tuning_data
from tweet_sentiment.modeling.wordings import by_tweet
from tweet_sentiment.pipelines.learning_curve.nodes import measure_sizes, plot_sizes
from tweet_sentiment.pipelines.learning_curve.sizes import at_size

from tweet_sentiment.errors import StudyError
from tweet_sentiment.pipelines.reporting.nodes import COLUMNS


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("curve")


@pytest.fixture
def small(parameters, encoder):
    curve = parameters.learning_curve.model_copy(
        update={"techniques": ["lora", "prompt_tuning"], "sizes": [8, 16, 24, 1000]}
    )
    techniques = {name: few(getattr(parameters, name), num_train_epochs=1) for name in ("lora", "prompt_tuning")}
    uncertainty = parameters.uncertainty.model_copy(update={"resamples": 100})
    return tiny(parameters, encoder, learning_curve=curve, uncertainty=uncertainty, **techniques)


def run(small, folder):
    data = tuning_data(folder)
    return measure_sizes(data.training_posts, data.test_posts, data.row_counts, folder, small)


def test_each_size_is_a_row_and_what_all_posts_would_give_is_not_called_measured(small, folder):
    table = run(small, folder)
    assert list(table["n_train"]) == [8, 16, 24, 30] * 2
    assert list(table["measured"]) == [True, True, True, False] * 2
    assert set(table["technique"]) == {"lora", "prompt_tuning"}
    assert not table["selected"].any()
    expected = table[~table["measured"]]
    assert expected["accuracy"].between(expected["accuracy_low"] - 0.2, expected["accuracy_high"] + 0.2).all()
    assert expected[["seconds", "dev_accuracy", "eval_loss"]].isna().all(axis=None)
    assert table.loc[table["measured"], ["dev_accuracy", "accuracy", "seconds"]].notna().all(axis=None)
    assert set(table) - {"error_floor", "error_excess", "exponent"} <= set(COLUMNS) | {"expected_calibration_error"}
    figure = plot_sizes(table, small)
    assert "not measured" in "".join(trace.name or "" for trace in figure.data)
    assert figure.layout.title.text.startswith("Expected of all posts: lora ")


def test_a_size_that_was_finished_is_kept_and_a_new_one_is_added(small, folder):
    before = run(small, folder)
    curve = small.learning_curve.model_copy(update={"sizes": [8, 16, 20, 24], "techniques": ["lora"]})
    table = run(small.model_copy(update={"learning_curve": curve}), folder).set_index("n_train")
    kept = before[before["technique"] == "lora"].set_index("n_train")
    assert list(table.index) == [8, 16, 20, 24, 30]
    assert all(table["seconds"][size] == kept["seconds"][size] for size in (8, 16, 24))


def test_too_few_sizes_below_the_posts_there_are_is_a_message(small, tmp_path):
    curve = small.learning_curve.model_copy(update={"sizes": [8, 16, 40]})
    with pytest.raises(StudyError, match=r"2 of \[8, 16, 40\] are below the 30 posts"):
        run(small.model_copy(update={"learning_curve": curve}), tmp_path)


def test_sets_are_nested_and_a_tweet_comes_with_its_wordings(tmp_path):
    posts = tuning_data(tmp_path).training_posts
    ordered = by_tweet(posts, seed=7)
    assert sorted(ordered["row"]) == sorted(posts["row"])
    changes = (ordered["id"] != ordered["id"].shift()).sum()
    assert changes == posts["id"].nunique()
    assert list(ordered["id"]) != list(by_tweet(posts, seed=8)["id"])
    pd.testing.assert_frame_equal(ordered, by_tweet(posts, seed=7))


def test_posts_without_ids_are_drawn_one_by_one(tmp_path):
    posts = tuning_data(tmp_path).training_posts.assign(id="")
    assert not np.array_equal(by_tweet(posts, seed=7)["row"], posts["row"])


def test_warm_up_is_the_same_share_of_a_shorter_training(parameters):
    lora = few(parameters.lora)
    warm = lora.hyperparameters.model_copy(update={"warmup_steps": 200})
    changed = parameters.model_copy(update={"lora": lora.model_copy(update={"hyperparameters": warm})})
    quarter = at_size("lora", 250, 1000, changed).lora
    assert (quarter.row_limit, quarter.hyperparameters.warmup_steps, quarter.hold_out_dev_split) == (250, 50, True)

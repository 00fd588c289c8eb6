"""Which posts an encoder may be adapted to, and what it leaves."""

import pandas as pd
import pytest
from tests.modeling.tuned import few, tiny

from tweet_sentiment.modeling.encoders import load_encoder
from tweet_sentiment.pipelines.domain_adaptation.nodes import adapt, collect_posts


def read(*rows):
    return pd.DataFrame(list(rows), columns=["id", "label", "post"])


TRAINING = read(
    ("1", "Positive", "a lovely long sentence about this and that"),
    ("2", "Irrelevant", "nothing to do with any of it, at all"),
    ("3", "Negative", "an id of the test posts"),
    ("4", "Neutral", "the very words of a test post"),
    ("5", "Neutral", "almost the words of a test post, every one"),
    ("6", "Neutral", "to choose on"),
    ("6", "Irrelevant", "a wording of what is chosen on"),
    ("7", "Negative", "   "),
    ("8", "Negative", "A lovely, long sentence about this and that"),
)
VALIDATION = read(
    ("3", "Negative", "other"),
    ("90", "Neutral", "The very words of a test post!"),
    ("91", "Neutral", "Almost the words of a test post, every  onee"),
)
SPLIT = TRAINING.assign(dev=TRAINING["post"] == "to choose on")


def collected(parameters, **changes):
    return set(collect_posts(TRAINING, SPLIT, VALIDATION, parameters.model_copy(update=changes))["id"])


def test_posts_of_any_label_are_taken_but_none_that_is_held_out_or_tied_to_one(parameters):
    posts = collect_posts(TRAINING, SPLIT, VALIDATION, parameters)
    assert set(posts["id"]) <= {"1", "2", "8"}
    assert "2" in set(posts["id"])
    assert posts["post"].is_unique
    assert collected(parameters, protocol="grouped") == set(posts["id"])


def test_published_takes_all_posts_as_it_does(parameters):
    assert {"3", "4", "5", "6"} <= collected(parameters, protocol="published")


def test_so_many_texts_as_the_limit_says(parameters):
    limited = parameters.domain_adaptation.model_copy(update={"row_limit": 1})
    assert len(collected(parameters, domain_adaptation=limited)) == 1


@pytest.mark.parametrize("column", ["label"])
def test_the_folder_is_an_encoder_and_labels_are_not_looked_at(parameters, encoder, tmp_path, column):
    chosen = few(parameters.domain_adaptation, num_train_epochs=1)
    small = tiny(parameters, encoder, domain_adaptation=chosen)
    posts = collect_posts(TRAINING, SPLIT, VALIDATION, small)
    assert column not in posts
    trained, curves, figures = adapt(posts, {"files": {}, "training_posts": 9}, tmp_path / "work", small)
    assert figures["n_adapted"] == len(posts) - 1
    assert curves["eval_loss"].notna().sum() == 1
    trained.save(tmp_path / "adapted")
    assert load_encoder(str(tmp_path / "adapted")).config.dim == 32

"""What a rival scores on the dev split, learnt without them."""

import pandas as pd
import pytest

from tweet_sentiment.pipelines.classical.nodes import fit_predict

ACCOUNT = {"files": {}, "training_posts": 1}


@pytest.fixture
def parameters(parameters):
    return parameters.model_copy(update={"labels": ["Negative", "Positive"]})


def test_a_rival_that_knows_nothing_but_its_posts_fails_on_the_posts_to_choose_on(parameters):
    """The marked posts have words of their own under labels that the others never have."""
    rows = [("Negative", f"bad thing {i}", False) for i in range(6)] + [
        ("Positive", f"lovely {i}", True) for i in range(4)
    ]
    training = pd.DataFrame(rows, columns=["label", "post", "dev"]).assign(id="1", row=range(10))
    validation = training.tail(4)
    posts = (training, validation, training, validation)
    predictions, on_dev, figures, _ = fit_predict("nearest_neighbour", *posts, ACCOUNT, parameters)
    assert (predictions["label"] == predictions["predicted"]).all()
    assert figures["dev_accuracy"] == 0.0
    assert on_dev["row"].tolist() == training["row"].tail(4).tolist()
    assert (on_dev["predicted"] == "Negative").all()
    assert figures["n_train"] == 10
    assert figures["ms_per_post"] > 0


def test_without_posts_to_choose_on_there_is_no_such_figure(parameters):
    training = pd.DataFrame({"label": ["Negative", "Positive"], "post": ["bad", "good"], "id": "1", "row": [0, 1]})
    for posts in (training, training.assign(dev=False)):
        _, on_dev, figures, _ = fit_predict("majority_class", *[posts] * 4, ACCOUNT, parameters)
        assert figures["dev_accuracy"] is None
        assert on_dev.empty

"""What the teachers say, each through its own inputs, and the order of things that are missing."""

import numpy as np
import pytest
from tests.modeling.tuned import tiny, tuning_data

from tweet_sentiment.datasets import StoredModel
from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.encoders import load_classifier, load_tokenizer
from tweet_sentiment.modeling.model_folder import TrainedModel
from tweet_sentiment.pipelines.distillation.nodes import TEACHERS, soften
from tweet_sentiment.pipelines.evaluation.nodes import predict_posts
from tweet_sentiment.scoring.metrics import PROBABILITY


def stored(folder, encoder, labels, seed, **manifest):
    model = load_classifier(str(encoder), labels, seed)
    TrainedModel(model, load_tokenizer(str(encoder)), {"labels": labels, **manifest}).save(folder)
    return StoredModel(str(folder)).load()


@pytest.fixture
def small(parameters, encoder):
    return tiny(parameters, encoder)


def softened(models, posts, small, **changes):
    distillation = small.distillation.model_copy(update=changes)
    given = [models.get(name) for name in TEACHERS]
    return soften(*given, *({} for _ in TEACHERS), posts, small.model_copy(update={"distillation": distillation}))


def test_the_mean_of_what_each_teacher_says_through_its_own_inputs(small, encoder, tmp_path):
    posts = tuning_data(tmp_path).training_posts
    models = {
        "lora": stored(tmp_path / "lora", encoder, small.labels, 1),
        "full_fine_tuning": stored(tmp_path / "full", encoder, small.labels, 2, second_segment="entity"),
    }
    found = softened(models, posts, small)
    columns = [f"{PROBABILITY}{label}" for label in small.labels]
    each = [predict_posts(load(), posts, small)[columns].to_numpy() for load in models.values()]
    np.testing.assert_allclose(found[columns], sum(each) / 2)
    assert found["row"].tolist() == posts["row"].tolist()

    hard = softened(models, posts, small, hard_label_weight=1.0)[columns].to_numpy()
    assert [small.labels[i] for i in hard.argmax(axis=1)] == posts["label"].tolist()
    assert set(hard.ravel()) == {0.0, 1.0}


def test_a_teacher_that_was_not_trained_is_named(small, tmp_path):
    posts = tuning_data(tmp_path).training_posts
    assert StoredModel(str(tmp_path / "nothing")).load() is None
    with pytest.raises(StudyError, match="kedro run --pipeline=full_fine_tuning"):
        softened({}, posts, small)

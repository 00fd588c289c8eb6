"""Distillation: the loss by hand, what the teachers say, and a student that is trained on that and not on labels."""

from functools import partial

import numpy as np
import pytest
import torch
from tests.trainings import LABELS, examples, few, fit, node_inputs, small, soft_labels, tweets

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.modeling.encoders import load_classifier, load_tokenizer
from tweet_sentiment.modeling.model_folder import TrainedModel, load_model
from tweet_sentiment.modeling.prediction import predict, predictions_table
from tweet_sentiment.modeling.tokenization import tokenize, tokens_as_trained
from tweet_sentiment.pipelines.technique.soft_labels import make_soft_labels
from tweet_sentiment.scoring.metrics import PROBABILITY
from tweet_sentiment.techniques.distillation import soft_loss, with_soft_labels

CPU = Device("cpu", "fp32")
COLUMNS = [f"{PROBABILITY}{label}" for label in LABELS]


def test_at_temperature_one_the_loss_is_the_cross_entropy_to_the_teachers():
    logits, said = torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 0.0]]), torch.tensor([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0]])
    by_hand = -(said * logits.log_softmax(-1)).sum(-1).mean()
    torch.testing.assert_close(soft_loss(1.0)(logits, said), by_hand, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_the_gradient_vanishes_where_the_student_says_what_the_teachers_say(temperature):
    said = torch.tensor([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0]])
    logits = said.clamp_min(1e-6).log().requires_grad_()
    soft_loss(temperature)(logits, said).backward()
    assert logits.grad.abs().max() < 1e-5


def test_a_student_is_trained_on_what_the_teachers_say_and_measured_on_the_labels(parameters, encoder, tmp_path):
    chosen = few(parameters.distillation, learning_rate=1e-2, num_train_epochs=6, hold_out_dev_split=False)
    sections = small(parameters, encoder, distillation=chosen.model_copy(update={"load_best_model_at_end": False}))
    said = soft_labels(tweets(), lambda row: "Positive")
    fitted = fit("distillation", sections, tmp_path, soft_labels=said)
    tokens, _ = tokenize(tweets(), fitted.tokenizer, LABELS, 64)
    assert (predict(fitted.classifier, tokens["input_ids"], CPU).argmax(axis=1) == LABELS.index("Positive")).all()
    assert fitted.curves["accuracy"].dropna().iloc[-1] == pytest.approx(1 / 3)


def test_a_post_without_a_soft_label_is_an_error_and_the_order_does_not_matter(encoder):
    posts = tweets()
    tokens, _ = tokenize(posts, load_tokenizer(str(encoder)), LABELS, 64)
    said = soft_labels(posts, lambda row: LABELS[row % 3]).sample(frac=1, random_state=0)
    assert np.argmax(with_soft_labels(tokens, said)["label"], axis=1).tolist() == [row % 3 for row in tokens["row"]]
    with pytest.raises(StudyError, match=r"2 of 36 training posts"):
        with_soft_labels(tokens, said.head(34))


@pytest.fixture
def softened(parameters, encoder, tmp_path):
    """Ask teachers, by name the seed of an untrained head and what it reads, as the node does."""

    def ask(teachers, **changes):
        models = {}
        for name, (seed, manifest) in teachers.items():
            model = load_classifier(str(encoder), LABELS, seed)
            folder, told = tmp_path / f"{name} {len(changes)}", {"labels": LABELS} | manifest
            TrainedModel(model, load_tokenizer(str(encoder)), told).save(folder)
            models[name] = partial(load_model, folder)
        sections = small(parameters, encoder, distillation=parameters.distillation.model_copy(update=changes))
        given = node_inputs(sections, tmp_path, "distillation")
        return models, make_soft_labels(models, examples().training, **given, lora={}, full_fine_tuning={})

    return ask


def test_soft_labels_are_the_mean_of_what_each_teacher_says_through_its_own_inputs(softened, parameters):
    teachers = {"lora": (1, {}), "full_fine_tuning": (2, {"second_segment": "entity"})}
    models, found = softened(teachers)
    posts, model = examples().training, parameters.model
    loaded = [load() for load in models.values()]
    each = [predictions_table(one, tokens_as_trained(one, posts, 64), CPU, model)[COLUMNS] for one in loaded]
    assert not np.allclose(*each)
    np.testing.assert_allclose(found[COLUMNS], sum(each) / 2)
    assert found["row"].tolist() == posts["row"].tolist()
    hard = softened(teachers, hard_label_weight=1.0)[1][COLUMNS].to_numpy()
    assert [LABELS[i] for i in hard.argmax(axis=1)] == posts["label"].tolist()
    assert set(hard.ravel()) == {0.0, 1.0}


def test_a_teacher_that_was_not_trained_is_named(softened):
    with pytest.raises(StudyError, match="kedro run --pipelines=full_fine_tuning"):
        softened({})

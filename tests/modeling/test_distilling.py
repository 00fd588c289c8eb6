"""Soft labels: the loss by hand, and a student that learns what it is told against its own labels."""

import numpy as np
import pandas as pd
import pytest
import torch
from tests.modeling.conftest import LABELS
from tests.modeling.tuned import few, tiny, tuning_data
from tweet_sentiment.modeling.distilling import SoftLabels
from tweet_sentiment.modeling.techniques import fit_student

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.modeling.prediction import predict
from tweet_sentiment.modeling.tokenization import tokenize

LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
SAID = torch.tensor([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0]])
NOTHING = pd.DataFrame()


def test_at_temperature_one_it_is_the_cross_entropy_to_the_teachers():
    by_hand = -(SAID * LOGITS.log_softmax(-1)).sum(-1).mean()
    torch.testing.assert_close(SoftLabels(NOTHING, 1.0).loss(LOGITS, SAID), by_hand, rtol=1e-4, atol=1e-4)


def test_its_gradient_vanishes_where_the_student_says_what_the_teachers_say_at_any_temperature():
    for temperature in (1.0, 3.0):
        logits = SAID.clamp_min(1e-6).log().requires_grad_()
        SoftLabels(NOTHING, temperature).loss(logits, SAID).backward()
        assert logits.grad.abs().max() < 1e-5


def soft(posts, told):
    """Say of each post that it is of the class that ``told`` names."""
    probabilities = {f"probability_{label}": [float(told(row) == label) for row in posts["row"]] for label in LABELS}
    return pd.DataFrame({"row": posts["row"], "id": posts["id"], "label": posts["label"], **probabilities})


def test_a_student_learns_what_the_teachers_say_and_not_the_labels(parameters, encoder, tmp_path):
    data = tuning_data(tmp_path)
    chosen = few(parameters.distillation, learning_rate=1e-2, num_train_epochs=6, hold_out_dev_split=False)
    chosen = chosen.model_copy(update={"load_best_model_at_end": False})
    said = soft(data.training_posts, told=lambda row: "Positive")
    fitted = fit_student(data, said, tiny(parameters, encoder, distillation=chosen))
    tokens, _ = tokenize(data.training_posts, fitted.tokenizer, LABELS, 64)
    found = predict(fitted.classifier, tokens["input_ids"], Device("cpu", "fp32")).argmax(axis=1)
    assert (found == LABELS.index("Positive")).all()
    assert fitted.fit.curves["accuracy"].dropna().iloc[-1] == pytest.approx(1 / 3)  # measured on the labels


def test_a_post_without_a_soft_label_is_an_error_and_the_order_does_not_matter(tokenizer, tmp_path):
    posts = tuning_data(tmp_path).training_posts
    tokens, _ = tokenize(posts, tokenizer, LABELS, 64)
    said = soft(posts, told=lambda row: LABELS[row % 3])
    shuffled = said.sample(frac=1, random_state=0)
    labels = np.array(SoftLabels(shuffled, 1.0).on(tokens)["label"])
    assert labels.argmax(axis=1).tolist() == [row % 3 for row in tokens["row"]]
    with pytest.raises(StudyError, match=r"2 of 36 training posts"):
        SoftLabels(said.head(34), 1.0).on(tokens)

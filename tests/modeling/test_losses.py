"""The loss of a training against its definition."""

import pytest
import torch

from tweet_sentiment.modeling.losses import training_loss

LOGITS = torch.tensor([[2.0, 0.5, -1.0], [1.5, 0.7, -0.5], [0.0, 0.1, 0.2], [0.0, 0.1, 0.2]])
TARGETS = torch.tensor([0, 0, 2, 2])
ONE_HOT = torch.nn.functional.one_hot(TARGETS, 3).float()


def test_without_any_change_there_is_no_loss_of_our_own():
    assert training_loss(None) is None


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("targets", [TARGETS, ONE_HOT])
def test_smoothing_spreads_a_share_of_the_label_over_all_and_is_computed_in_fp32(targets, dtype):
    logits = LOGITS.to(dtype)
    by_hand = -((0.9 * ONE_HOT + 0.1 / 3) * logits.float().log_softmax(-1)).sum(-1).mean()
    torch.testing.assert_close(training_loss(None, label_smoothing=0.1)(logits, targets), by_hand)


def test_class_weights_weigh():
    each = torch.nn.functional.cross_entropy(LOGITS, TARGETS, reduction="none")
    by_hand = (each * torch.tensor([1.0, 1.0, 3.0, 3.0])).sum() / 8
    torch.testing.assert_close(training_loss([1.0, 1.0, 3.0])(LOGITS, TARGETS), by_hand)

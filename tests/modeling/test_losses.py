"""The losses against their definitions."""

import pytest
import torch

from tweet_sentiment.modeling.losses import divergence_of_pairs, training_loss

LOGITS = torch.tensor([[2.0, 0.5, -1.0], [1.5, 0.7, -0.5], [0.0, 0.1, 0.2], [0.0, 0.1, 0.2]])
TARGETS = torch.tensor([0, 0, 2, 2])


def test_without_any_change_there_is_no_loss_of_our_own():
    assert training_loss(None) is None


def test_smoothing_spreads_a_share_of_the_label_over_all():
    spread = 0.9 * torch.nn.functional.one_hot(TARGETS, 3) + 0.1 / 3
    by_hand = -(spread * LOGITS.log_softmax(-1)).sum(-1).mean()
    torch.testing.assert_close(training_loss(None, label_smoothing=0.1)(LOGITS, TARGETS), by_hand)


def test_the_divergence_is_the_mean_of_both_directions_and_zero_for_the_same_predictions():
    p, q = LOGITS[0].softmax(-1), LOGITS[1].softmax(-1)
    both = ((p * (p / q).log()).sum() + (q * (q / p).log()).sum()) / 2
    torch.testing.assert_close(divergence_of_pairs(LOGITS), both / 2)  # the second pair agrees
    swapped = LOGITS[[1, 0, 3, 2]]
    torch.testing.assert_close(divergence_of_pairs(swapped), divergence_of_pairs(LOGITS))


def test_consistency_is_added_by_its_weight():
    plain = torch.nn.functional.cross_entropy(LOGITS, TARGETS)
    loss = training_loss(None, consistency_weight=2.0)(LOGITS, TARGETS)
    torch.testing.assert_close(loss, plain + 2 * divergence_of_pairs(LOGITS))


def test_class_weights_weigh_and_soft_labels_are_learnt_as_they_are():
    weights = [1.0, 1.0, 3.0]
    each = torch.nn.functional.cross_entropy(LOGITS, TARGETS, reduction="none")
    by_hand = (each * torch.tensor([1.0, 1.0, 3.0, 3.0])).sum() / 8
    torch.testing.assert_close(training_loss(weights)(LOGITS, TARGETS), by_hand)
    hard = torch.nn.functional.one_hot(TARGETS, 3).float()
    torch.testing.assert_close(
        training_loss(None, label_smoothing=0.1)(LOGITS, hard),
        training_loss(None, label_smoothing=0.1)(LOGITS, TARGETS),
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_the_loss_is_computed_in_fp32(dtype):
    assert training_loss(None, 0.1, 1.0)(LOGITS.to(dtype), TARGETS).dtype == torch.float32

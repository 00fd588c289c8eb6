"""Batches side by side: every thread computes as the one that asks, and what goes wrong in one is told."""

import threading
import time

import pytest
import torch

from tweet_sentiment.modeling.batching import MOST_AT_ONCE, batches_at_once, side_by_side
from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.modeling.prediction import encode

BF16 = Device("cpu", "bf16")


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_torchs_threads_are_divided_and_given_back(threads):
    threads(4)
    seen = dict(side_by_side(lambda item: (torch.get_num_threads(), threading.get_ident(), time.sleep(0.1)), "abcd", 2))
    assert {count for count, *_ in seen.values()} == {2}
    assert len({thread for _, thread, _ in seen.values()}) == 2
    assert torch.get_num_threads() == 4


def test_each_item_comes_once_with_its_result(threads):
    threads(2)
    assert sorted(side_by_side(lambda item: item * item, range(100), 2)) == [(i, i * i) for i in range(100)]
    assert list(side_by_side(str, [], 2)) == []


def test_a_thread_computes_as_the_one_that_asks(threads):
    threads(2)

    def state(_):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
        return product.dtype, product.is_inference()

    with torch.inference_mode(), BF16.autocast():
        inside = {found for _, found in side_by_side(state, range(4), 2)}
    assert inside == {(torch.bfloat16, True)}
    assert {found for _, found in side_by_side(state, range(4), 2)} == {(torch.float32, False)}


def test_what_goes_wrong_is_raised_and_nothing_more_is_begun(threads):
    threads(2)
    begun = []

    def fails(item):
        begun.append(item)
        time.sleep(0.01)
        raise RuntimeError(f"item {item}")

    with pytest.raises(RuntimeError, match="item"):
        list(side_by_side(fails, range(100), 2))
    assert len(begun) <= 2
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(
    ("count", "kind", "expected"), [(1, "cpu", 1), (3, "cpu", 3), (64, "cpu", MOST_AT_ONCE), (3, "cuda", 1)]
)
def test_a_gpu_takes_one_batch_and_a_cpu_one_for_each_thread_up_to_some(threads, count, kind, expected):
    threads(count)
    assert batches_at_once(kind) == expected


@pytest.mark.parametrize("device", [Device("cpu", "fp32"), BF16])
def test_features_are_the_same_to_the_last_bit_with_one_thread_and_two(
    tiny_classifier, tokens, threads, device, monkeypatch
):
    monkeypatch.setattr("tweet_sentiment.modeling.prediction.TOKENS_PER_BATCH", {"cpu": 64})
    found = []
    for count in (1, 2):
        threads(count)
        found.append(encode(tiny_classifier.distilbert, tokens[0]["input_ids"], device))
    assert (found[0] == found[1]).all()

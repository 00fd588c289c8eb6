"""Batches of like lengths, side by side: every post once, as if alone, and what goes wrong in one is told."""

import threading
import time

import numpy as np
import pytest
import torch

from tweet_sentiment.modeling.batching import (
    MOST_AT_ONCE,
    batches_at_once,
    batches_by_length,
    in_batches,
    padded,
    side_by_side,
)
from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.modeling.prediction import encode

BF16 = Device("cpu", "bf16")
ROWS = [[101, *range(2000, 2000 + n), 102] for n in (9, 1, 30, 4, 4, 35, 2)]


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("at_once", [1, 3])
def test_every_row_comes_once_in_the_order_given_and_progress_is_told(at_once):
    done = []
    found = in_batches(lambda rows: np.array([[sum(row)] for row in rows]), ROWS, 64, at_once, done.append)
    assert found.tolist() == [[float(sum(row))] for row in ROWS]
    assert sum(done) == len(ROWS)
    assert len(done) > 1


def test_batches_hold_every_post_once_and_no_more_pieces_than_allowed():
    lengths = [len(row) for row in ROWS]
    batches = list(batches_by_length(lengths, tokens=64))
    assert sorted(i for batch in batches for i in batch) == list(range(len(ROWS)))
    assert all(len(batch) * max(lengths[i] for i in batch) <= 64 for batch in batches)


@pytest.mark.parametrize(("to", "multiple", "width"), [(None, 1, 37), (None, 8, 40), (64, 8, 64)])
def test_padding_is_on_the_right_and_masked(to, multiple, width):
    found = padded(ROWS, 7, to, multiple)
    for row, ids, mask in zip(ROWS, found["input_ids"], found["attention_mask"], strict=True):
        assert ids.tolist() == row + [7] * (width - len(row))
        assert mask.tolist() == [1] * len(row) + [0] * (width - len(row))


def test_torchs_threads_are_divided_and_given_back(threads):
    threads(4)
    seen = dict(side_by_side(lambda item: (torch.get_num_threads(), threading.get_ident(), time.sleep(0.1)), "abcd", 2))
    assert {count for count, *_ in seen.values()} == {2}
    assert len({thread for _, thread, _ in seen.values()}) == 2
    assert torch.get_num_threads() == 4


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

"""What the benchmarks count rather than time: operations, the script's hours, ratios."""

import pytest
from benchmarks.limit import encoder_operations
from benchmarks.posts import validation_rows
from benchmarks.ratios import WHAT, limits, ratios, script_seconds, targets
from benchmarks.report import full, growth
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.benchmarks.measured import MEASURED, figures
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from transformers import DistilBertConfig, DistilBertModel

from benchmarks import families
from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.modeling.speed import fast_forward

TINY = DistilBertConfig(dim=4, hidden_dim=8, n_layers=2, n_heads=2, vocab_size=50)


@settings(max_examples=20)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=3))
def test_the_operations_are_those_torch_counts_when_posts_are_encoded_without_padding(lengths):
    import torch

    encoder = DistilBertModel(TINY).eval()
    with (
        fast_forward(encoder),
        sdpa_kernel(SDPBackend.MATH),
        FlopCounterMode(display=False) as counter,
        torch.no_grad(),
    ):
        for n in lengths:
            encoder(input_ids=torch.ones(1, n, dtype=torch.long))
    assert encoder_operations(lengths, TINY) == counter.get_total_flops()


def test_the_script_is_counted_by_its_epochs_over_training_and_validation_posts():
    assert script_seconds(epochs=8, rows=1000, validation_rows=100, training=50.0, evaluation=25.0) == 8 * (20 + 4)


def test_ratios_are_taken_round_by_round_of_what_ran_beside_each_other():
    found = ratios(MEASURED, rows=400, validation_rows=50, precision="bf16")
    assert (found["encode"]["min"], found["encode"]["max"]) == (10, 12)
    assert found["encode"]["measured"] is True
    epoch = 400 / 40 + 50 / 50
    assert (found["head"]["min"], found["head"]["max"]) == (8 * epoch / 4, 8 * epoch / 2)
    assert found["search"]["median"] == 100 * epoch / 10
    assert found["head"]["measured"] is found["search"]["measured"] is False


def test_memory_is_the_worst_of_each_round_and_the_script_s_search_takes_what_its_head_takes():
    found = ratios(MEASURED, rows=400, validation_rows=50, precision="bf16")
    assert (found["memory"]["min"], found["memory"]["max"]) == (1200 / 2400, 1200 / 1200)


def test_what_was_not_run_is_said_to_be_so():
    found = ratios(MEASURED, rows=400, validation_rows=50, precision="bf16")
    assert set(found) == set(WHAT)
    assert found["prompt_tuning"] == {
        "median": None,
        "min": None,
        "max": None,
        "target": 6.0,
        "measured": False,
        "how": "not run",
    }


def test_encoding_is_asked_for_more_where_the_run_had_half_precision():
    assert (targets("bf16")["encode"], targets("fp32")["encode"]) == (10, 4)


def test_the_share_of_the_limit_is_operations_a_second_over_those_of_matrix_products():
    found = limits(MEASURED, [{"operations_per_second": 8e9}, {"operations_per_second": 8e9}])
    assert (found["encode_min"], found["encode"], found["encode_max"]) == (0.25, 0.375, 0.5)
    assert limits({}, [])["encode"] is None


@given(st.integers(1, 70_000), st.integers(1, 70_000), st.integers(1, 900))
def test_validation_posts_go_along_in_proportion(rows, training, validation):
    found = validation_rows(rows, training, validation)
    assert 1 <= found <= validation
    if rows >= training:
        assert found == validation


def test_growth_on_a_line_has_no_deviation_and_growth_with_the_square_has():
    line = growth([{"rows": n, "seconds": 2 + n / 100} for n in (100, 200, 400, 800)])
    assert line["fixed_seconds"] == pytest.approx(2)
    assert line["seconds_per_thousand"] == pytest.approx(10)
    assert line["deviation"] == pytest.approx(0)
    assert growth([{"rows": n, "seconds": n * n} for n in (100, 200, 400, 800)])["deviation"] > 0.1
    assert growth([{"rows": 100, "seconds": 1.0}])["deviation"] is None


def test_on_all_posts_the_script_is_counted_from_the_median_of_its_rates():
    one = {what: figures(0, 900, seconds=10.0, epochs=epochs) for what, epochs in (("head", 8), ("search", 300))}
    ran = {"rows": 60_000, "measured": one | {"encode": figures(0, 900, seconds=100.0)}, "growth": []}
    rates = {what: {"script": {"rows_per_second": {"median": rate}}} for what, rate in (("encode", 50), ("head", 40))}
    found = full(ran, rates, {"available": {"training": 60_000, "validation": 800}})
    assert found["script_seconds"]["encode"] == 60_000 / 50
    assert found["ratios"]["search"] == pytest.approx(300 * (60_000 / 40 + 800 / 50) / 10)
    assert found["measured"] == {"ours": True, "script": False}


def test_both_sides_of_a_family_s_blocks_are_timed():
    tiny = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    found = families.ratios("mpnet", Device("cpu", "fp32"), rounds=2, vocab_size=50, **tiny)
    assert {name: len(each) for name, each in found.items()} == {"encode": 2, "train": 2}

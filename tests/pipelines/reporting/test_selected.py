"""The one row a protocol that was chosen without peeking."""

import pandas as pd
import pytest

from tweet_sentiment.errors import StudyError
from tweet_sentiment.pipelines.reporting.nodes import PARTS, SEEDED, TECHNIQUES, collect_results, compare
from tweet_sentiment.reports.choice import choices


def metrics(accuracy, dev_accuracy=None):
    scores = dict.fromkeys(("eval_loss", "f1", "precision", "recall", "macro_f1"), 0.5)
    intervals = {name: [accuracy - 0.1, accuracy + 0.1] for name in ("accuracy", "f1", "macro_f1")}
    known = {"encoder": "e", "n_train": 1, "n_validation": 1, "trainable_parameters": 1, "seconds": 1.0, "seed": 42}
    known |= {"protocol": "leak_free", "texts": "raw", "chosen_on": None, "device": "cpu"}
    parts = {name: {"posts": 1, "accuracy": accuracy, "low": None, "high": None} for name in PARTS}
    return (
        scores | known | {"parts": parts} | {"accuracy": accuracy, "dev_accuracy": dev_accuracy, "intervals": intervals}
    )


def collected(parameters, **given):
    each = [given.get(name, {}) for name in TECHNIQUES]
    return collect_results(*each, *(pd.DataFrame() for _ in SEEDED), parameters)


def test_the_choice_is_made_by_the_posts_to_choose_on_not_by_those_that_are_reported(parameters):
    table = collected(
        parameters, lora=metrics(0.70, 0.75), full_fine_tuning=metrics(0.80, 0.72), baseline=metrics(0.9)
    ).set_index("technique")
    assert list(table.index[table["selected"]]) == ["lora"]
    assert table["measured"].all()


def test_metrics_of_an_earlier_revision_are_named_with_the_command_that_measures_them_anew(parameters):
    earlier = {name: figure for name, figure in metrics(0.7).items() if name != "parts"}
    with pytest.raises(StudyError, match=r"(?s)measured lora, linear_svc.*--pipelines=lora,classical"):
        collected(parameters, lora=earlier, linear_svc=earlier, baseline=metrics(0.3))


def test_comparison_and_report_advise_macro_f1_where_the_majority_class_is_ahead(parameters):
    results = collected(parameters, lora=metrics(0.868, 0.87), majority_class=metrics(0.947, 0.95))
    assert list(results["technique"][results["selected"]]) == ["lora"]
    _, said = compare(results, {}, {}, {}, parameters)
    advice = "on the test posts (0.9470) than lora (0.8680)"
    assert advice in said
    assert "--params=promotion.metric=macro_f1" in said
    assert any(advice in sentence for sentence in choices(results))


def test_where_nothing_was_held_out_nothing_is_chosen(parameters):
    assert not collected(parameters, lora=metrics(0.7), baseline=metrics(0.3))["selected"].any()


@pytest.mark.parametrize("old", [True, False])
def test_the_comparison_has_one_choice_a_protocol_and_says_it(parameters, old):
    results = collected(parameters, lora=metrics(0.7, 0.75), baseline=metrics(0.3))
    other = collected(parameters, layer_unfreezing=metrics(0.3, 0.4)).assign(protocol="grouped")
    other = other.drop(columns=["selected", "measured", "dev_accuracy"]) if old else other
    table, said = compare(results, {"grouped": lambda: other}, {}, {}, parameters)
    assert table["selected"].groupby(table["protocol"]).sum().to_dict() == {"grouped": 0 if old else 1, "leak_free": 1}
    assert table["measured"].all()
    assert "Chosen under `leak_free`: lora, the best by accuracy 0.7500 on the dev split" in said
    assert "accuracy 0.7000 on the test posts" in said

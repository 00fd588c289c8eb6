"""The rule that chooses the best model, and what its card says."""

import pandas as pd
import pytest
import yaml
from tests.conftest import raw_parameters

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import validate_parameters
from tweet_sentiment.pipelines.reporting.nodes import COLUMNS
from tweet_sentiment.pipelines.reporting.promoting import promote

ACCURACY = {"baseline": 0.99, "layer_unfreezing": 0.62, "hyperparameter_search": 0.66, "logistic_regression": 0.71}
ON_SELECTION = {"baseline": None, "layer_unfreezing": 0.70, "hyperparameter_search": 0.60}
FILES = {"training": {"file": "twitter_training.csv", "sha256": "68ebaee4f44bda5de49b", "rows": 74682}}
SCORES = ("accuracy", "f1", "macro_f1")


def results(**changed):
    def row(name, accuracy):
        around = {f"{s}_{end}": accuracy + by for s in SCORES for end, by in (("low", -0.03), ("high", 0.03))}
        others = {
            "n_validation": 828,
            "trainable_parameters": 9,
            "expected_calibration_error": 0.05,
            "calibration_noise": 0.03,
        }
        told = {"technique": name, "chosen_on": "held-out training posts"}
        return told | dict.fromkeys(SCORES, accuracy) | around | others

    return pd.DataFrame([row(name, value) for name, value in (ACCURACY | changed).items()], columns=COLUMNS)


def manifests(**changed):
    def manifest(name, figure):
        return lambda: {
            "technique": name,
            "protocol": "leak_free",
            "encoder": "embedded",
            "labels": ["Negative", "Positive"],
            "seed": 42,
            "data": FILES,
            "n_train": 55666,
            "input": {"cleaning": "corrected", "max_length": 128, "second_segment": None},
            "selection_accuracy": figure,
        }

    found = {name: manifest(name, figure) for name, figure in (ON_SELECTION | changed).items()}
    return found | {".working/prompt_tuning/finished": lambda: pytest.fail("no technique's folder")}


def metrics():
    of_class = {"precision": 0.5, "recall": 0.25, "f1": 0.375, "posts": 414}
    return {f"leak_free/{n}": lambda: {"per_class": {"Negative": of_class, "Positive": of_class}} for n in ACCURACY}


def parameters(of_run="leak_free", **rule):
    raw = raw_parameters()
    return validate_parameters(raw | {"protocol": of_run, "promotion": raw["promotion"] | rule})


def promoted(results=results(), manifests=manifests(), **rule):  # noqa: B008
    return promote(results, manifests, metrics(), {}, parameters(**rule))


def test_the_best_on_the_posts_to_choose_on_is_promoted_not_the_best_on_those_that_are_reported():
    chosen = promoted()
    assert chosen.technique == "layer_unfreezing"
    assert chosen.why["candidates"] == {"layer_unfreezing": 0.70, "hyperparameter_search": 0.60}
    assert chosen.why["metrics"]["accuracy"] == 0.62
    assert promoted(by="accuracy").technique == "hyperparameter_search"


def test_of_two_that_are_alike_the_simpler_one_is_taken():
    assert promoted(manifests=manifests(hyperparameter_search=0.70)).technique == "layer_unfreezing"
    assert promoted(manifests=manifests(hyperparameter_search=0.71)).technique == "hyperparameter_search"


def test_a_technique_that_is_named_is_promoted_whatever_its_figures():
    assert promoted(technique="hyperparameter_search").technique == "hyperparameter_search"
    with pytest.raises(StudyError, match=r"the techniques with a model are \['hyperparameter_search', 'layer_unfreez"):
        promoted(technique="logistic_regression")


@pytest.mark.parametrize("protocol", ["published", "grouped"])
def test_another_protocol_promotes_nothing(protocol):
    assert promoted(of_run=protocol).technique is None


def test_techniques_without_the_figure_are_named_and_left_out(caplog):
    assert promoted(manifests=manifests(layer_unfreezing=None)).technique == "hyperparameter_search"
    assert "Without a selection_accuracy, so not in the choice of the best model: layer_unfreezing" in caplog.text
    nothing = manifests(layer_unfreezing=None, hyperparameter_search=None)
    assert promoted(manifests=nothing).technique is None
    assert "No technique has a selection_accuracy; nothing is promoted" in caplog.text


def test_the_card_has_front_matter_data_protocol_figures_limits_use_and_licences():
    card = promoted().card
    front = yaml.safe_load(card.split("---")[1])
    assert front["license"] == "apache-2.0"
    assert front["base_model"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert front["pipeline_tag"] == "text-classification"
    titles = ("Data", "Protocol", "Figures", "Why this one", "Beside the others", "Intended use", "Limits", "Licences")
    assert [title for title in titles if f"\n## {title}\n" not in card] == []
    for fact in (
        "74,682 rows",
        "55,666 posts",
        "No training post shares a tweet id",
        "| accuracy | 0.6200 | 0.590–0.650 |",
        "| Negative | 0.5000 | 0.2500 | 0.3750 | 414 |",
        "The validation posts were not looked at",
        "CC0",
        "Apache-2.0",
    ):
        assert fact in card


def test_the_card_says_which_techniques_did_better_the_rivals_among_them():
    assert "`baseline` (0.9900) and `logistic_regression` (0.7100) and `hyperparameter_search` (0.6600) were" in (
        promoted().card
    )
    alone = results(baseline=0.1, logistic_regression=0.3, hyperparameter_search=0.2)
    assert "no other technique was right more often" in promoted(results=alone).card


def test_the_card_warns_where_the_choice_looked_at_the_posts_that_are_reported():
    assert "figures above are somewhat too high" in promoted(by="accuracy").card
    assert "figures were not asked" in promoted(technique="layer_unfreezing").card


def test_the_card_of_data_of_one_s_own_says_nothing_of_the_paper_s():
    own = {"file": "reviews.csv", "sha256": "c0ffee" * 10, "rows": 90, "entities": False}

    def of_own(ids):
        files = {"training": own | {"ids": ids}}
        return {name: lambda one=one: one() | {"data": files} for name, one in manifests().items()}

    card = promoted(manifests={k: v for k, v in of_own("none").items() if "/" not in k}).card
    for word in (
        "English post",
        "entity",
        "tweet id",
        "Kaggle",
        "The paper's",
        "sentiment-analysis",
        "Sentiment of tweets",
    ):
        assert word not in card
    assert "Gives a text one of: Negative, Positive." in card
    assert "bootstrap over posts" in card
    assert "No training post shares a text or a near-duplicate text with a validation post." in card
    assert "its licence is known to whoever has the file" in card
    untrusted = {k: v for k, v in of_own("not trusted: 9 of 9 are rounded").items() if "/" not in k}
    assert "- its ids are not trusted: 9 of 9 are rounded" in promoted(manifests=untrusted).card

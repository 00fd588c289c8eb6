"""The rule that chooses the best model, and what its card says."""

import pandas as pd
import pytest
import yaml
from tests.conftest import raw_parameters, validate_parameters

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.encoders import MEAN_NOTE
from tweet_sentiment.pipelines.reporting.choosing import select
from tweet_sentiment.pipelines.reporting.nodes import COLUMNS
from tweet_sentiment.pipelines.reporting.promoting import promote

ACCURACY = {
    "baseline": 0.99,
    "layer_unfreezing": 0.62,
    "hyperparameter_search": 0.66,
    "majority_class": 0.4,
    "logistic_regression": 0.71,
}
ON_SELECTION = {"baseline": None, "layer_unfreezing": 0.70, "hyperparameter_search": 0.60, "majority_class": 0.41}
ON_SELECTION |= {"logistic_regression": 0.68}
FILES = {"training": {"file": "twitter_training.csv", "sha256": "68ebaee4f44bda5de49b", "rows": 74682}}
SCORES = ("accuracy", "f1", "macro_f1")
READS = {"cleaning": "corrected", "max_length": 128, "second_segment": None}


def results(on_dev=None, macro_f1=None, eval_loss=None, **accuracy):
    on_dev = ON_SELECTION | (on_dev or {})

    def row(name, accuracy):
        around = {f"{s}_{end}": accuracy + by for s in SCORES for end, by in (("low", -0.03), ("high", 0.03))}
        others = {"n_validation": 828, "trainable_parameters": 9}
        others |= {"expected_calibration_error": 0.05, "calibration_noise": 0.03}
        told = {"technique": name, "chosen_on": "dev split", "dev_accuracy": on_dev[name]}
        told |= {"dev_macro_f1": (macro_f1 or {}).get(name), "dev_eval_loss": (eval_loss or {}).get(name)}
        return told | dict.fromkeys(SCORES, accuracy) | around | others

    return pd.DataFrame([row(name, value) for name, value in (ACCURACY | accuracy).items()], columns=COLUMNS)


def manifest(name, **changed):
    known = {"technique": name, "protocol": "leak_free", "encoder": "embedded", "labels": ["Negative", "Positive"]}
    return known | {"seed": 42, "data": FILES, "n_train": 55666, "input": READS} | changed


def manifests():
    classical = {"format": "classical", "encoder": "TF-IDF", "input": READS | {"cleaning": "none", "max_length": None}}
    found = {name: lambda name=name: manifest(name) for name in ON_SELECTION}
    for name in ("logistic_regression", "majority_class"):
        found[name] = lambda name=name: manifest(name, **classical)
    return found | {".working/prompt_tuning/finished": lambda: pytest.fail("no technique's folder")}


def metrics():
    of_class = {"precision": 0.5, "recall": 0.25, "f1": 0.375, "posts": 414}
    return {f"leak_free/{n}": lambda: {"per_class": {"Negative": of_class, "Positive": of_class}} for n in ACCURACY}


def parameters(of_run="leak_free", **rule):
    raw = raw_parameters()
    return validate_parameters(raw | {"protocol": of_run, "promotion": raw["promotion"] | rule})


def promoted(table=None, models=None, of_run="leak_free", **rule):
    known = parameters(of_run, **rule)
    selected = select(results() if table is None else table, known)
    return promote(selected, manifests() if models is None else models, metrics(), {}, known)


def test_the_best_on_the_posts_to_choose_on_is_promoted_not_the_best_on_those_that_are_reported():
    chosen = promoted()
    assert chosen.technique == "layer_unfreezing"
    assert list(chosen.why["candidates"].items()) == [
        ("layer_unfreezing", 0.70),
        ("logistic_regression", 0.68),
        ("hyperparameter_search", 0.60),
    ]
    assert chosen.why["metrics"]["accuracy"] == 0.62


def test_a_classical_model_is_promoted_where_it_is_the_best():
    chosen = promoted(results({"logistic_regression": 0.9}))
    assert chosen.technique == "logistic_regression"
    assert "library_name" not in yaml.safe_load(chosen.card.split("---")[1])
    assert "a classical model (scikit-learn) without an encoder, 9 trained" in chosen.card
    assert "transformers does not load it" in chosen.card
    for absent in ("word pieces", "Encoder `", "the cleaning ("):
        assert absent not in chosen.card


def test_the_card_of_an_ensemble_names_its_members_and_their_encoders():
    told = {"format": "ensemble", "encoder": "embedded, TF-IDF", "members": {"lora": {}, "nearest_neighbour": {}}}
    found = {name: lambda name=name: manifest(name, **told) for name in ON_SELECTION}
    card = promoted(models=found).card
    assert "the mean of what `lora`, `nearest_neighbour` say, whose folders lie in `members`" in card
    assert "Encoder `sentence-transformers/all-MiniLM-L6-v2`: Apache-2.0" in card
    assert "TF-IDF" not in card
    assert "holds the training posts themselves" in card
    assert "pipeline(" not in card


@pytest.mark.parametrize(
    ("metric", "values", "best"),
    [
        ("macro_f1", {"layer_unfreezing": 0.5, "hyperparameter_search": 0.7}, "hyperparameter_search"),
        ("eval_loss", {"layer_unfreezing": 0.5, "hyperparameter_search": 0.7}, "layer_unfreezing"),
        ("eval_loss", {"layer_unfreezing": 0.7, "hyperparameter_search": 0.5}, "hyperparameter_search"),
    ],
)
def test_the_metric_is_chosen_by_in_its_own_direction(metric, values, best):
    chosen = promoted(results(**{metric: values}), metric=metric)
    assert chosen.technique == best
    assert next(iter(chosen.why["candidates"])) == best


def test_of_two_that_are_alike_the_simpler_one_is_taken():
    assert promoted(results({"hyperparameter_search": 0.70})).technique == "layer_unfreezing"
    assert promoted(results({"hyperparameter_search": 0.71})).technique == "hyperparameter_search"


def test_what_others_are_measured_by_is_the_best_only_if_it_is_named():
    assert promoted(results({"majority_class": 0.9, "baseline": 0.9})).technique == "layer_unfreezing"
    for name in ("majority_class", "baseline"):
        assert promoted(technique=name).technique == name


def test_a_technique_that_is_named_is_promoted_whatever_its_figures():
    chosen = promoted(technique="hyperparameter_search")
    assert chosen.technique == "hyperparameter_search"
    assert "figures were not asked" in chosen.card
    with pytest.raises(StudyError, match=r"promotion\.technique is lora, which has no results; there are \['baseline'"):
        promoted(technique="lora")


@pytest.mark.parametrize("protocol", ["published", "grouped"])
def test_another_protocol_promotes_nothing(protocol):
    assert promoted(of_run=protocol, technique="lora").technique is None


def test_techniques_without_the_figure_are_named_and_left_out(caplog):
    assert promoted(results({"layer_unfreezing": None})).technique == "logistic_regression"
    assert "Without accuracy on the dev split, so not in the choice: layer_unfreezing" in caplog.text
    assert promoted(results(dict.fromkeys(ON_SELECTION))).technique is None
    assert "nothing is promoted" in caplog.text


def test_the_best_without_a_model_folder_is_named_not_passed_over():
    with pytest.raises(StudyError, match="layer_unfreezing is the best, but has no model folder"):
        promoted(models={})


@pytest.mark.parametrize("always", [{"majority_class": 0.7}, {"on_dev": {"majority_class": 0.8}}])
def test_where_the_majority_class_is_ahead_macro_f1_is_advised_by_name_in_log_and_card(always, caplog):
    chosen = promoted(results(**always))
    assert chosen.technique == "layer_unfreezing"
    for said in (chosen.card, caplog.text):
        assert "--params=promotion.metric=macro_f1" in said
        assert "(0.7000) than layer_unfreezing (0.6200)" in said or "(0.8000) than layer_unfreezing (0.7000)" in said


def test_where_it_is_not_ahead_or_macro_f1_is_chosen_by_nothing_is_advised(caplog):
    by_macro_f1 = results(macro_f1={"layer_unfreezing": 0.5}, majority_class=0.7)
    for chosen in (promoted(), promoted(by_macro_f1, metric="macro_f1")):
        assert "promotion.metric" not in chosen.card + caplog.text


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
        "The test posts were not looked at",
        "CC0",
        "Apache-2.0",
    ):
        assert fact in card


@pytest.mark.parametrize(
    ("input_settings", "said"),
    [
        ({}, ', truncation=True)("I love this")'),
        ({"cleaning": "published"}, "cleaned(texts)"),
        ({"second_segment": "entity"}, 'truncation="only_second")({"text": "the entity", "text_pair": "I love this"})'),
    ],
)
def test_the_card_says_how_transformers_uses_an_encoder(input_settings, said):
    found = {name: lambda name=name: manifest(name, input=READS | input_settings) for name in ON_SELECTION}
    assert said in promoted(models=found).card
    refused = {name: lambda name=name: manifest(name, notes=[MEAN_NOTE]) for name in ON_SELECTION}
    card = promoted(models=refused).card
    assert MEAN_NOTE in card
    assert "pipeline(" not in card


def test_the_card_says_which_techniques_did_better_the_rivals_among_them():
    assert "`baseline` (0.9900) and `logistic_regression` (0.7100) and `hyperparameter_search` (0.6600) were" in (
        promoted().card
    )
    alone = results(baseline=0.1, logistic_regression=0.3, hyperparameter_search=0.2)
    assert "no other technique was right more often" in promoted(alone).card


def test_the_card_of_data_of_one_s_own_says_nothing_of_the_paper_s():
    own = {"file": "reviews.csv", "sha256": "c0ffee" * 10, "rows": 90, "entities": False}

    def of_own(ids):
        files = {"training": own | {"ids": ids}}
        return {name: lambda one=one: one() | {"data": files} for name, one in manifests().items()}

    card = promoted(models={k: v for k, v in of_own("none").items() if "/" not in k}).card
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
    assert "No training post shares a text or a near-duplicate text with a test post." in card
    assert "its licence is known to whoever has the file" in card
    untrusted = {k: v for k, v in of_own("not trusted: 9 of 9 are rounded").items() if "/" not in k}
    assert "- its ids are not trusted: 9 of 9 are rounded" in promoted(models=untrusted).card

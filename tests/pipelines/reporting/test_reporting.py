"""The one row per protocol that is chosen without peeking, and the card of the model that is promoted."""

import pandas as pd
import pytest
import yaml
from huggingface_hub import ModelCard, ModelCardData
from tests.conftest import raw_parameters, validate_parameters

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.encoders import MEAN_NOTE
from tweet_sentiment.pipelines.reporting.nodes import collect_results, compare, promote
from tweet_sentiment.reports.tables import PARTS
from tweet_sentiment.scoring.metrics import INTERVALS

ACCURACY = {
    "baseline": 0.99,
    "layer_unfreezing": 0.62,
    "hyperparameter_search": 0.66,
    "majority_class": 0.4,
    "logistic_regression": 0.71,
}
DEV = {"baseline": None, "layer_unfreezing": 0.70, "hyperparameter_search": 0.60, "majority_class": 0.41}
DEV |= {"logistic_regression": 0.68}
FILES = {"training": {"file": "twitter_training.csv", "sha256": "68ebaee4f44bda5de49b", "rows": 74682}}
READS = {"cleaning": "corrected", "max_length": 128, "second_segment": None}


def metrics(accuracy, dev_accuracy=None, **more):
    known = dict.fromkeys(("eval_loss", "precision", "recall", "seconds"), 0.5) | dict.fromkeys(INTERVALS, accuracy)
    known |= {"encoder": "e", "n_train": 1, "n_validation": 828, "trainable_parameters": 9, "seed": 42, "texts": "raw"}
    known |= {"device": "cpu", "chosen_on": "dev split", "dev_accuracy": dev_accuracy}
    known |= {"expected_calibration_error": 0.05, "calibration_noise": 0.03, "protocol": "leak_free"}
    parts = {name: {"posts": 1, "accuracy": accuracy, "low": None, "high": None} for name in PARTS}
    intervals = {name: [accuracy - 0.03, accuracy + 0.03] for name in INTERVALS}
    return known | {"parts": parts, "intervals": intervals} | more


def collected(parameters, earlier=(), **given):
    rules = parameters.study, parameters.reporting, parameters.promotion
    return collect_results("r", *rules, {path: lambda found=found: found for path, found in earlier}, **given)


# ---------------------------------------------------------------- the comparison
def test_the_choice_is_made_on_the_dev_split_not_on_the_posts_that_are_reported(parameters):
    given = {"lora": metrics(0.70, 0.75), "full_fine_tuning": metrics(0.80, 0.72), "baseline": metrics(0.9)}
    table = collected(parameters, **given).set_index("technique")
    assert list(table.index[table["selected"]]) == ["lora"]
    assert table["measured"].all()
    assert not collected(parameters, lora=metrics(0.7), baseline=metrics(0.3))["selected"].any()


def test_scores_on_another_dev_split_choose_nothing(parameters, caplog):
    one, other, unknown = ({"dev_split": split} for split in ("a", "b", None))
    given = {"layer_unfreezing": metrics(0.6, 0.7, **one), "linear_svc": metrics(0.6, 0.65, **one)}
    given |= {"lora": metrics(0.7, 0.9, **other), "p_tuning": metrics(0.6, 0.66, **unknown)}
    table = collected(parameters, **given).set_index("technique")
    assert list(table.index[table["selected"]]) == ["layer_unfreezing"]
    assert list(table.index[table["dev_accuracy"].isna()]) == ["lora"]
    assert "Measured on another dev split than the others" in caplog.text
    assert list(collected(parameters, lora=given["lora"], p_tuning=given["p_tuning"])["dev_accuracy"]) == [0.9, 0.66]


def test_further_seeds_give_a_mean_and_a_spread(parameters):
    table = collected(parameters, lora=metrics(0.7), lora_seeds=pd.DataFrame({"accuracy": [0.6, 0.8]}))
    assert table.loc[0, ["seeds", "accuracy_mean", "accuracy_sd"]].tolist() == pytest.approx([3, 0.7, 0.1])


def test_what_earlier_runs_left_counts_as_what_this_pipeline_makes(parameters):
    seeds = pd.DataFrame({"accuracy": [0.6, 0.8]})
    left = [("leak_free/lora/metrics.json", metrics(0.7)), ("leak_free/lora/seeds.csv", seeds)]
    others = [("published/p_tuning/metrics.json", metrics(0.9)), ("leak_free/baseline/metrics.json", metrics(0.1))]
    table = collected(parameters, left + others, baseline=metrics(0.3))
    assert table.equals(collected(parameters, baseline=metrics(0.3), lora=metrics(0.7), lora_seeds=seeds))


def test_another_run_is_compared_and_never_chosen_and_one_without_results_is_named():
    def beside(*runs):
        return validate_parameters(raw_parameters() | {"reporting": {"paper_accuracy": {}, "other_runs": list(runs)}})

    left = [("leak_free/lora (mpnet)/metrics.json", metrics(0.9, 0.95, encoder="mpnet"))]
    left += [("grouped/lora (third)/metrics.json", metrics(0.9, 0.95))]
    table = collected(beside("mpnet"), left, lora=metrics(0.7, 0.75))
    assert table[["technique", "encoder", "selected"]].to_numpy().tolist() == [
        ["lora", "e", True],
        ["lora (mpnet)", "mpnet", False],
    ]
    with pytest.raises(StudyError, match=r"names third, where no technique .* leak_free"):
        collected(beside("mpnet", "third"), left, lora=metrics(0.7))
    with pytest.raises(StudyError, match=r"names r, which is this run; leave it out"):
        collected(beside("r"), left, lora=metrics(0.7))


@pytest.mark.parametrize("old", [True, False])
def test_the_comparison_has_one_choice_a_protocol(parameters, old):
    results = collected(parameters, lora=metrics(0.7, 0.75), baseline=metrics(0.3))
    other = collected(parameters, layer_unfreezing=metrics(0.3, 0.4)).assign(protocol="grouped")
    other = other.drop(columns=["selected", "measured", "dev_accuracy"]) if old else other
    table = compare(results, {"grouped/results.csv": lambda: other}, parameters.study)
    assert table["selected"].groupby(table["protocol"]).sum().to_dict() == {"grouped": 0 if old else 1, "leak_free": 1}
    assert table["measured"].all()


# ---------------------------------------------------------------- the promotion
def manifest(name, **changed):
    known = {"technique": name, "protocol": "leak_free", "encoder": "embedded", "labels": ["Negative", "Positive"]}
    return known | {"seed": 42, "data": FILES, "n_train": 55666, "input": READS} | changed


def manifests(**changed):
    """Return the manifest of each technique, with these changes in all."""
    classical = {"format": "classical", "encoder": "TF-IDF", "input": READS | {"cleaning": "none", "max_length": None}}
    found = {
        name: manifest(name, **((classical if name in ("logistic_regression", "majority_class") else {}) | changed))
        for name in DEV
    }
    return {f"leak_free/{name}/manifest.json": lambda one=one: one for name, one in found.items()}


def promoted(dev=None, models=None, of_run="leak_free", rule=None, each=None, **accuracy):
    """Promote by ``rule``; ``dev`` and ``accuracy`` change figures, ``each`` adds metrics by technique."""
    raw = raw_parameters()
    known = validate_parameters(raw | {"protocol": of_run, "promotion": raw["promotion"] | (rule or {})})
    on_dev = DEV | (dev or {})
    given = {
        name: metrics(value, on_dev[name], protocol=of_run, **(each or {}).get(name, {}))
        for name, value in (ACCURACY | accuracy).items()
    }
    of_class = {"precision": 0.5, "recall": 0.25, "f1": 0.375, "posts": 414}
    scores = {"per_class": {"Negative": of_class, "Positive": of_class}}
    files = {f"leak_free/{name}/metrics.json": lambda: scores for name in ACCURACY}
    files |= manifests() if models is None else models
    return promote(collected(known, **given), files, {}, known.study, known.promotion)


def test_the_best_on_the_dev_split_is_promoted_not_the_best_on_the_test_posts():
    chosen = promoted()
    assert chosen.technique == "layer_unfreezing"
    assert list(chosen.why["candidates"].items()) == [
        ("layer_unfreezing", 0.70),
        ("logistic_regression", 0.68),
        ("hyperparameter_search", 0.60),
    ]
    assert chosen.why["metrics"]["accuracy"] == 0.62


def test_a_classical_model_is_promoted_where_it_is_the_best():
    chosen = promoted({"logistic_regression": 0.9})
    assert chosen.technique == "logistic_regression"
    assert "library_name" not in yaml.safe_load(chosen.card.split("---")[1])
    assert "a classical model (scikit-learn) without an encoder, 9 trained" in chosen.card
    assert "transformers cannot load it" in chosen.card
    for absent in ("word pieces", "Encoder `", "the cleaning ("):
        assert absent not in chosen.card


def test_the_card_of_an_ensemble_names_its_members_and_their_encoders():
    told = {"format": "ensemble", "encoder": "embedded, TF-IDF", "members": {"lora": {}, "nearest_neighbour": {}}}
    card = promoted(models=manifests(**told)).card
    assert "the mean of the probabilities of `lora`, `nearest_neighbour`, whose folders are in `members`" in card
    assert "Encoder `sentence-transformers/all-MiniLM-L6-v2`: Apache-2.0" in card
    assert "TF-IDF" not in card
    assert "holds the training posts themselves" in card
    assert "pipeline(" not in card


@pytest.mark.parametrize(
    ("metric", "unfreezing", "search", "best"),
    [
        ("macro_f1", 0.5, 0.7, "hyperparameter_search"),
        ("eval_loss", 0.5, 0.7, "layer_unfreezing"),
        ("eval_loss", 0.7, 0.5, "hyperparameter_search"),
        ("accuracy", 0.7, 0.7, "layer_unfreezing"),  # of two that are alike the simpler one
        ("accuracy", 0.7, 0.71, "hyperparameter_search"),
    ],
)
def test_the_metric_is_chosen_by_in_its_own_direction(metric, unfreezing, search, best):
    values = {"layer_unfreezing": unfreezing, "hyperparameter_search": search}
    given = {name: {f"dev_{metric}": values.get(name)} for name in ACCURACY}
    given = {name: one for name, one in given.items() if metric != "accuracy"}
    chosen = promoted(values if metric == "accuracy" else None, rule={"metric": metric}, each=given)
    assert chosen.technique == best
    assert next(iter(chosen.why["candidates"])) == best


def test_what_others_are_measured_by_is_the_best_only_if_it_is_named():
    assert promoted({"majority_class": 0.9, "baseline": 0.9}).technique == "layer_unfreezing"
    for name in ("majority_class", "baseline"):
        assert promoted(rule={"technique": name}).technique == name


def test_the_card_says_only_of_rules_that_were_applied_that_they_hold():
    def card(*off):
        rules = {"data": {"leak_free": dict.fromkeys(off, False)}}
        return promoted(models=manifests(parameters=rules)).card

    assert "No training post shares a tweet id, a text or a near-duplicate text with a test post." in card()
    assert "No training post shares a tweet id or a text with a test post." in card("near_duplicate")
    assert "No rule of `data.leak_free` was applied" in card("tweet_id", "normalised_text", "near_duplicate")


def test_a_technique_that_is_named_is_promoted_whatever_its_figures():
    chosen = promoted(rule={"technique": "hyperparameter_search"})
    assert chosen.technique == "hyperparameter_search"
    assert "figures played no part" in chosen.card
    with pytest.raises(StudyError, match=r"promotion\.technique is lora, which has no results; there are \['baseline'"):
        promoted(rule={"technique": "lora"})


@pytest.mark.parametrize("protocol", ["published", "grouped"])
def test_another_protocol_promotes_nothing(protocol):
    assert promoted(of_run=protocol, rule={"technique": "lora"}).technique is None


def test_techniques_without_the_figure_are_named_and_left_out(caplog):
    assert promoted({"layer_unfreezing": None}).technique == "logistic_regression"
    assert "Not considered, since they have no accuracy on the dev split: layer_unfreezing" in caplog.text
    assert promoted(dict.fromkeys(DEV)).technique is None
    assert "nothing is promoted" in caplog.text


def test_the_best_without_a_model_folder_is_named_not_passed_over():
    with pytest.raises(StudyError, match="layer_unfreezing is the best, but has no model folder"):
        promoted(models={})


def test_where_the_majority_class_is_ahead_macro_f1_is_advised_by_name_in_log_and_card(caplog):
    for given, figures in (
        (
            {"majority_class": 0.7},
            "layer_unfreezing (0.6200) is right no more often than always giving the most frequent",
        ),
        ({"dev": {"majority_class": 0.8}}, "layer_unfreezing (0.7000) is right no more often"),
    ):
        caplog.clear()
        chosen = promoted(**given, each={"majority_class": {"macro_f1": 0.1}})
        assert chosen.technique == "layer_unfreezing"
        for said in (chosen.card, caplog.text):
            assert "--params=promotion.metric=macro_f1" in said
            assert figures in said
    caplog.clear()
    by_macro_f1 = {name: {"dev_macro_f1": value} for name, value in DEV.items()}
    for chosen in (promoted(), promoted(rule={"metric": "macro_f1"}, each=by_macro_f1, majority_class=0.7)):
        assert "promotion.metric" not in chosen.card + caplog.text


def test_the_card_has_front_matter_data_protocol_figures_limits_use_and_licences():
    card = promoted().card
    front = yaml.safe_load(card.split("---")[1])
    assert front["license"] == "apache-2.0"
    assert front["base_model"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert (front["library_name"], front["pipeline_tag"]) == ("transformers", "text-classification")
    data = ModelCard(card).data
    assert {one.metric_name: one.metric_value for one in data.eval_results}["accuracy"] == 0.62
    assert ModelCardData(**data.to_dict()).to_dict() == data.to_dict()
    titles = ("Data", "Protocol", "Figures", "Why this one", "Compared with the others", "Intended use", "Licences")
    assert [title for title in (*titles, "Limits") if f"\n\n## {title}\n" not in card] == []
    for fact in (
        "74,682 rows",
        "55,666 posts",
        "No training post shares a tweet id",
        "| accuracy | 0.6200 | 0.590–0.650 |",
        "| Negative | 0.5000 | 0.2500 | 0.3750 | 414 |",
        "The test posts were not used",
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
    assert said in promoted(models=manifests(input=READS | input_settings)).card
    card = promoted(models=manifests(notes=[MEAN_NOTE])).card
    assert MEAN_NOTE in card
    assert "pipeline(" not in card


def test_the_card_says_which_techniques_did_better_the_classical_ones_among_them():
    assert "`baseline` (0.9900) and `logistic_regression` (0.7100) and `hyperparameter_search` (0.6600) were" in (
        promoted().card
    )
    alone = promoted(baseline=0.1, logistic_regression=0.3, hyperparameter_search=0.2)
    assert "no other technique was right more often" in alone.card


OF_PAPER = ("English post", "entity", "tweet id", "Kaggle", "The paper's", "sentiment-analysis", "Sentiment of tweets")


def test_the_card_of_data_of_one_s_own_says_nothing_of_the_paper_s():
    own = {"file": "reviews.csv", "sha256": "c0ffee" * 10, "rows": 90, "entities": False, "ids": "none"}
    card = promoted(models=manifests(data={"training": own})).card
    assert [words for words in OF_PAPER if words in card] == []
    assert "Gives a text one of these labels: Negative, Positive." in card
    assert "bootstrap over groups of like texts" in card
    assert "No training post shares a text or a near-duplicate text with a test post." in card
    assert "its licence is not known here" in card
    untrusted = manifests(data={"training": own | {"ids": "not used: 9 of 9 are rounded"}})
    assert "- its ids are not used: 9 of 9 are rounded" in promoted(models=untrusted).card

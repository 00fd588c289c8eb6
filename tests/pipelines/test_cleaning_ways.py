"""The ablation of cleaning: each way through the same head on the same posts, and words that the tests bear out."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.trainings import few, node_inputs, setup_of, small

from tweet_sentiment.data import cleaning
from tweet_sentiment.data.cleaning import clean_as_intended, clean_as_published
from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.encoders import load_encoder, load_tokenizer
from tweet_sentiment.modeling.fitting import Examples
from tweet_sentiment.modeling.prediction import encode
from tweet_sentiment.pipelines.ablation.nodes import (
    WAYS,
    cleaned,
    compare_variants,
    examples_by_variant,
    fit_cleaned,
    summarise_variants,
)
from tweet_sentiment.reports.figures import cleaning_figure
from tweet_sentiment.reports.findings import cleaning_summary
from tweet_sentiment.scoring.comparison import NOT_SHOWN
from tweet_sentiment.techniques import layer_unfreezing

PLAIN = {way["cleaning"]: way for way in WAYS if way["variant"].endswith("_plain")}
BY_HAND = {"published": clean_as_published, "corrected": clean_as_intended, "none": str}
POSTS = [
    ("Negative", "I HATE this, it's the worst! https://t.co/x1"),
    ("Neutral", "The new map is out #news"),
    ("Positive", "we LOVE it 🤣 best game in years"),
    ("Negative", "was it not us who lost?"),
    ("Neutral", "12345 !!!"),
    ("Positive", "so good, thank you all <br/>"),
]


def posts(repeated):
    table = pd.DataFrame(POSTS * repeated, columns=["label", "post"])
    return table.assign(row=range(len(table)), id=[str(1000 + i) for i in range(len(table))], entity="Game")


TRAINING = posts(3).assign(dev=lambda table: table.index >= 12)
TEST = posts(2).iloc[::-1].reset_index(drop=True)


@pytest.fixture
def sections(parameters, encoder):
    ablation = few(parameters.preprocessing_ablation, num_train_epochs=2, learning_rate=1e-2)
    uncertainty = parameters.uncertainty.model_copy(update={"resamples": 200})
    return small(parameters, encoder, uncertainty=uncertainty, preprocessing_ablation=ablation)


def test_there_are_fifteen_ways_and_each_but_one_has_a_plain_reference():
    names = [way["variant"] for way in WAYS]
    assert len(set(names)) == len(names) == 15
    assert [way["variant"] for way in WAYS if not way["reference"]] == ["corrected_plain"]
    stepped = [way for way in WAYS if not way["variant"].endswith("plain")]
    assert all(way["reference"] == f"{way['cleaning']}_plain" for way in stepped)
    assert {PLAIN[name]["reference"] for name in ("published", "none")} == {"corrected_plain"}


@pytest.mark.nltk
@pytest.mark.slow
def test_one_post_is_shown_every_way():
    shown = examples_by_variant()
    assert list(shown) == [way["variant"] for way in WAYS]
    assert not set("ws") & set(shown["published_plain"] + shown["published_no_stop_words"])
    assert "dont" in shown["corrected_plain"].split()
    assert "this" not in shown["corrected_no_stop_words"].split()
    assert "wa" in shown["corrected_lemmas"].split()


def test_without_nltk_s_data_the_ablation_says_first_how_to_get_them(monkeypatch):
    code = (
        "import nltk, pandas; nltk.data.path[:] = []\n"
        "from tweet_sentiment.data.cleaning import clean_posts\n"
        "from tweet_sentiment.errors import StudyError\n"
        "try:\n    clean_posts(pandas.Series(['a']), 'none', True, True)\n"
        "except StudyError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "python -m nltk.downloader stopwords wordnet" in done.stdout, done.stderr
    missing = StudyError("no stop words")
    monkeypatch.setattr(cleaning, "clean_posts", lambda *how: (_ for _ in ()).throw(missing))
    with pytest.raises(StudyError, match="no stop words"):
        compare_variants(None, None, None)  # before it looks at anything else


def fitted(sections, folder, variant):
    """Fit a head to the posts cleaned one way."""
    head = sections.layer_unfreezing.model_copy(
        update={
            "top_blocks": 0,
            "load_best_model_at_end": False,
            "hyperparameters": sections.preprocessing_ablation.hyperparameters,
        }
    )
    given = Examples(cleaned(TRAINING, variant), cleaned(TEST, variant))
    return fit_cleaned(given, head, setup_of(sections, folder))


@pytest.mark.parametrize(("way", "empty"), [("published", 3), ("corrected", 3), ("none", 0)])
def test_a_head_learns_from_the_cleaned_texts_each_encoded_once_and_empty_ones_are_counted(
    sections, encoder, tmp_path, monkeypatch, way, empty
):
    seen = []
    monkeypatch.setattr(layer_unfreezing, "fit", lambda *args: seen.append(args) or layer_unfreezing_fit(*args))
    before = TRAINING.copy()
    figures = fitted(sections, tmp_path, PLAIN[way]).figures
    assert (figures["empty_after_cleaning"], figures["n_train"]) == (empty, len(TRAINING))
    pd.testing.assert_frame_equal(TRAINING, before)
    ((given, _, setup),) = seen
    tokenizer, frozen = load_tokenizer(str(encoder)), load_encoder(str(encoder))
    for features, part in ((given.training_features, TRAINING), (given.evaluation_features, TEST)):
        input_ids = tokenizer([BY_HAND[way](post) for post in part["post"]])["input_ids"]
        np.testing.assert_allclose(features, encode(frozen, input_ids, setup.device), atol=1e-5)
    np.testing.assert_array_equal(given.training_features[:6], given.training_features[6:12])


layer_unfreezing_fit = layer_unfreezing.fit


@pytest.mark.nltk
@pytest.mark.slow
def test_all_the_ways_are_measured_on_the_same_posts_and_compared_and_kept(sections, tmp_path):
    own = node_inputs(sections, tmp_path, "preprocessing_ablation", "layer_unfreezing", "uncertainty")
    split = {"split_training_posts": TRAINING, "split_test_posts": TEST}
    table = compare_variants(**split, **own)
    by_name = table.set_index("variant")
    assert list(by_name.index) == [way["variant"] for way in WAYS]
    assert (table["n_train"] == len(TRAINING)).all()
    asked = by_name[by_name["reference"] != ""]
    against = by_name.loc[asked["reference"], "accuracy"].to_numpy()
    np.testing.assert_allclose(asked["difference"], asked["accuracy"] - against, atol=1e-12)
    assert (table["low"].le(table["accuracy"]) & table["high"].ge(table["accuracy"])).all()
    assert asked["difference"].between(asked["difference_low"], asked["difference_high"]).all()
    assert (asked["p_value"] <= asked["p_adjusted"]).all()
    assert by_name.loc["corrected_plain", ["difference", "p_value", "p_adjusted"]].isna().all()
    pd.testing.assert_frame_equal(compare_variants(**split, **own), table)  # from what is finished
    study, uncertainty = sections.study, sections.uncertainty
    assert sum(len(points.x) for points in cleaning_figure(table, study, uncertainty).data) == len(WAYS)
    summary = summarise_variants(table, "sample", study, sections.model, uncertainty)
    assert all(f"`{name}` {row['accuracy']:.3f}" in summary for name, row in by_name.iterrows())
    fewer = sections.preprocessing_ablation.model_copy(update={"row_limit": 7})
    flipped = TEST.assign(label=TEST["label"].to_numpy()[::-1])  # the test posts' labels decide nothing
    limited = compare_variants(**split | {"split_test_posts": flipped}, **own | {"preprocessing_ablation": fewer})
    assert set(limited["n_train"]) == {7}
    assert len(list(tmp_path.rglob("predictions.parquet"))) == 2 * len(WAYS)  # each is another fit
    assert set(limited["n_validation"]) == {len(TEST)}


P_VALUES = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.0499, 0.05, 0.0501, 1.0]))
DIFFERENCES = st.one_of(st.floats(-1, 1), st.sampled_from([-0.2, 0.2]))
OUTCOMES = st.lists(st.tuples(DIFFERENCES, P_VALUES), min_size=len(WAYS), max_size=len(WAYS))
STEPS = [("- Removing stop words:", "removed", "no"), ("- Lemmatising:", "kept", "yes"), ("- Both:", "removed", "yes")]


def table_of(outcomes):
    rows = []
    for way, (difference, p_value) in zip(WAYS, outcomes, strict=True):
        told = {"reference": way["reference"], "difference": difference, "test": "McNemar exact"}
        told |= {"difference_low": difference - 0.1, "difference_high": difference + 0.1}
        told |= {"p_value": p_value, "p_adjusted": p_value}
        rows.append(
            {
                **way,
                **{"n_train": 1000, "n_validation": 800, "empty_after_cleaning": 7, "mean_word_pieces": 20.0},
                **{"accuracy": 0.6, "low": 0.55, "high": 0.65},
                **(told if way["reference"] else dict.fromkeys(told, np.nan)),  # as a CSV gives it back
            }
        )
    return pd.DataFrame(rows)


def summary_of(table, study, level=0.95):
    return cleaning_summary(table, {}, "sample", study, "embedded", level)


def line_of(summary, start):
    (line,) = [line for line in summary.splitlines() if line.startswith(start)]
    return line


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(OUTCOMES, st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_better_and_worse_stand_only_where_the_test_says_so(parameters, outcomes, level):
    table = table_of(outcomes)
    summary = summary_of(table, parameters.study, level)
    for _, row in table.dropna(subset=["p_adjusted"]).iterrows():
        line = line_of(summary, f"- `{row['variant']}`")
        over_nothing = row["difference_low"] <= 0 <= row["difference_high"]
        significant = row["p_adjusted"] < round(1 - level, 2) and not over_nothing
        assert ("worse" in line) == (significant and row["difference"] < 0)
        assert ("better" in line) == (significant and row["difference"] > 0)
        assert (NOT_SHOWN in line) == (not significant)
    if not (table["p_adjusted"] < round(1 - level, 2)).any():
        assert "better" not in summary
        assert "worse" not in summary


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(OUTCOMES, st.sampled_from(STEPS))
def test_the_paper_is_borne_out_only_by_what_is_worse_under_every_cleaning(parameters, outcomes, step):
    start, stop_words, lemmas = step
    table = table_of(outcomes)
    line = line_of(summary_of(table, parameters.study), start)
    rows = table[(table["stop_words"] == stop_words) & (table["lemmas"] == lemmas)]
    worse = (rows["p_adjusted"] < 0.05) & (rows["difference_high"] < 0)
    better = (rows["p_adjusted"] < 0.05) & (rows["difference_low"] > 0)
    assert ("The paper says the same." in line) == worse.all()
    assert ("The paper says otherwise." in line) == better.any()
    assert ("worse" in line, "better" in line) == (worse.any(), better.any())


@pytest.mark.parametrize(("protocol", "said"), [("published", True), ("leak_free", False)])
def test_the_published_protocol_is_said_to_measure_memory(parameters, protocol, said):
    study = parameters.study.model_copy(update={"protocol": protocol})
    assert ("memory" in summary_of(table_of([(-0.1, 0.001)] * len(WAYS)), study)) == said


def test_the_figure_marks_the_ways_as_the_comparison_does(parameters):
    outcomes = [(-0.2, 0.001), *[(0.1, 0.5)] * 10, (0.2, 0.001), *[(0.1, 0.5)] * 3]
    figure = cleaning_figure(table_of(outcomes), parameters.study, parameters.uncertainty)
    marked = {trace.name: list(trace.y) for trace in figure.data}
    assert marked["worse than its reference"] == ["published: plain"]
    assert marked["better than its reference"] == ["none: no stop words, lemmas"]
    assert marked["not compared"] == ["corrected: plain"]
    assert len(marked["no difference to its reference is shown"]) == 12

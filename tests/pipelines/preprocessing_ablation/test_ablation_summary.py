import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tweet_sentiment.pipelines.preprocessing_ablation.figures import variants_figure
from tweet_sentiment.pipelines.preprocessing_ablation.summary import summary_markdown
from tweet_sentiment.pipelines.preprocessing_ablation.variants import VARIANTS

from tweet_sentiment.scoring.comparison import NOT_SHOWN

P_VALUES = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.0499, 0.05, 0.0501, 1.0]))
DIFFERENCES = st.one_of(st.floats(-1, 1), st.sampled_from([-0.2, 0.2]))
OUTCOMES = st.lists(st.tuples(DIFFERENCES, P_VALUES), min_size=len(VARIANTS), max_size=len(VARIANTS))
LEVELS = st.sampled_from([0.8, 0.9, 0.95, 0.99])


def table_of(outcomes) -> pd.DataFrame:
    rows = []
    for variant, (difference, p_value) in zip(VARIANTS, outcomes, strict=True):
        asked = bool(variant.reference)
        rows.append(
            {
                "variant": variant.name,
                "cleaning": variant.cleaning,
                "stop_words": "removed" if variant.stop_words_removed else "kept",
                "lemmas": "yes" if variant.lemmatised else "no",
                "n_train": 1000,
                "n_validation": 800,
                "empty_after_cleaning": 7,
                "mean_word_pieces": 20.0,
                "accuracy": 0.6,
                "low": 0.55,
                "high": 0.65,
                "reference": variant.reference if asked else np.nan,  # as a CSV gives it back
                "difference": difference if asked else np.nan,
                "difference_low": difference - 0.1 if asked else np.nan,
                "difference_high": difference + 0.1 if asked else np.nan,
                "test": "McNemar exact" if asked else np.nan,
                "p_value": p_value if asked else np.nan,
                "p_adjusted": p_value if asked else np.nan,
            }
        )
    return pd.DataFrame(rows)


def with_level(parameters, level, **changes):
    uncertainty = parameters.uncertainty.model_copy(update={"level": level})
    return parameters.model_copy(update={"uncertainty": uncertainty, **changes})


def line_of(summary: str, name: str) -> str:
    (line,) = [line for line in summary.splitlines() if line.startswith(f"- `{name}`")]
    return line


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(OUTCOMES, LEVELS)
def test_better_and_worse_stand_only_where_the_test_says_so(parameters, outcomes, level):
    table = table_of(outcomes)
    summary = summary_markdown(table, {}, with_level(parameters, level))
    for _, row in table.dropna(subset=["p_adjusted"]).iterrows():
        line = line_of(summary, row["variant"])
        over_nothing = row["difference_low"] <= 0 <= row["difference_high"]
        significant = row["p_adjusted"] < round(1 - level, 2) and not over_nothing
        assert ("worse" in line) == (significant and row["difference"] < 0)
        assert ("better" in line) == (significant and row["difference"] > 0)
        assert (NOT_SHOWN in line) == (not significant)
    if not (table["p_adjusted"] < round(1 - level, 2)).any():
        assert "better" not in summary
        assert "worse" not in summary


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(OUTCOMES, st.sampled_from(list(zip(["removed", "kept", "removed"], ["no", "yes", "yes"], strict=True))))
def test_the_paper_is_borne_out_only_by_what_is_worse_under_every_cleaning(parameters, outcomes, step):
    table = table_of(outcomes)
    summary = summary_markdown(table, {}, with_level(parameters, 0.95))
    rows = table[(table["stop_words"] == step[0]) & (table["lemmas"] == step[1])]
    start = {("removed", "no"): "- Removing stop words:", ("kept", "yes"): "- Lemmatising:"}.get(step, "- Both:")
    (line,) = [line for line in summary.splitlines() if line.startswith(start)]
    worse = (rows["p_adjusted"] < 0.05) & (rows["difference_high"] < 0)
    better = (rows["p_adjusted"] < 0.05) & (rows["difference_low"] > 0)
    assert ("That is what the paper says." in line) == worse.all()
    assert ("That is not what the paper says." in line) == better.any()
    assert ("worse" in line, "better" in line) == (worse.any(), better.any())


def test_the_published_protocol_is_said_to_measure_memory(parameters):
    table = table_of([(-0.1, 0.001)] * len(VARIANTS))
    assert "memory" in summary_markdown(table, {}, with_level(parameters, 0.95, protocol="published"))
    assert "memory" not in summary_markdown(table, {}, with_level(parameters, 0.95, protocol="leak_free"))


def test_the_figure_marks_the_ways_as_the_comparison_does(parameters):
    outcomes = [(-0.2, 0.001), *[(0.1, 0.5)] * 10, (0.2, 0.001), (0.1, 0.5)]
    figure = variants_figure(table_of(outcomes), with_level(parameters, 0.95))
    marked = {trace.name: list(trace.y) for trace in figure.data}
    assert marked["worse than its reference"] == ["published: plain"]
    assert marked["better than its reference"] == ["none: no stop words, lemmas"]
    assert marked["compared with nothing"] == ["corrected: plain"]
    assert len(marked["no difference to its reference is shown"]) == 10

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tests.conftest import raw_parameters, validate_parameters

from tweet_sentiment.errors import StudyError
from tweet_sentiment.pipelines.evaluation.nodes import MISTAKES, analyse_errors

LABELS = ["Negative", "Neutral", "Positive"]
OTHER = {"Negative": "Positive", "Neutral": "Negative", "Positive": "Neutral"}


@pytest.fixture(scope="module")
def settings():
    known = validate_parameters(raw_parameters())
    return known.study, known.data, known.uncertainty


def posts(*rows):
    """Return posts (id, entity, label, post), numbered from 1."""
    table = pd.DataFrame(rows, columns=["id", "entity", "label", "post"], dtype="str")
    table.insert(0, "row", range(1, len(table) + 1))
    return table


def predicted(table, right, confidence=0.6):
    """Return a technique's predictions of these posts, right or wrong as said."""
    given_label = table["label"].where(pd.Series(right, dtype=bool), table["label"].map(OTHER))
    confidence = np.broadcast_to(confidence, len(table))
    probabilities = {
        f"probability_{name}": np.where(given_label == name, confidence, (1 - confidence) / 2) for name in LABELS
    }
    return table[["row", "id", "label"]].assign(predicted=given_label, **probabilities)


VALIDATION = posts(
    ("7", "Nike", "Positive", "so good"),
    ("8", "Nike", "Negative", "one two three four five six"),
    ("9", "Xbox", "Neutral", " ".join(["word"] * 41)),
    ("", "Xbox", "Neutral", " \n"),
)
TRAINING = posts(("8", "Nike", "Negative", "one two"), ("", "Nike", "Neutral", "x"))


def groups(table):
    """Return (posts, right) of each group."""
    return {(r.grouping, r.group): (r.posts, r.right) for r in table.itertuples()}


def test_accuracy_is_counted_by_entity_length_seen_id_and_label(settings):
    table, _ = analyse_errors(predicted(VALIDATION, [True, False, True, False]), VALIDATION, TRAINING, *settings)
    assert groups(table) == {
        ("entity", "Nike"): (2, 1),
        ("entity", "Xbox"): (2, 1),
        ("length", "0"): (1, 0),
        ("length", "1 to 5"): (1, 1),
        ("length", "6 to 10"): (1, 0),
        ("length", "41 or more"): (1, 1),
        ("seen_id", "no"): (2, 2),
        ("seen_id", "unknown"): (1, 0),
        ("seen_id", "yes"): (1, 0),
        ("label", "Negative"): (1, 0),
        ("label", "Neutral"): (2, 1),
        ("label", "Positive"): (1, 1),
    }
    assert (table["accuracy"] == table["right"] / table["posts"]).all()


def test_lengths_are_words_as_posted_and_every_post_has_one(settings):
    lengthening = posts(*[(str(n), "Nike", "Neutral", "\n".join(["a"] * n)) for n in range(61)])
    table, _ = analyse_errors(predicted(lengthening, [True] * 61), lengthening, TRAINING, *settings)
    lengths = table.loc[table["grouping"] == "length"].set_index("group")["posts"]
    assert lengths.to_dict() == {"0": 1, "1 to 5": 5, "6 to 10": 5, "11 to 20": 10, "21 to 40": 20, "41 or more": 20}


def test_the_order_is_that_of_the_labels_and_lengths_not_of_the_alphabet(settings):
    study, *others = settings
    other_order = study.model_copy(update={"labels": LABELS[::-1]})
    lengths = posts(*[("1", "Nike", label, "a " * n) for label in LABELS for n in (41, 30, 15, 7, 2)])
    table, _ = analyse_errors(predicted(lengths, [True] * 15), lengths, TRAINING, other_order, *others)
    by_grouping = table.groupby("grouping")["group"].apply(list)
    assert by_grouping["label"] == LABELS[::-1]
    assert by_grouping["length"] == ["1 to 5", "6 to 10", "11 to 20", "21 to 40", "41 or more"]


def test_made_up_ids_and_entities_tell_nothing_and_are_left_out(settings):
    study, data, uncertainty = settings
    columns = data.columns.model_copy(update={"id": None, "entity": None})
    without = data.model_copy(update={"columns": columns})
    table, _ = analyse_errors(predicted(VALIDATION, [True] * 4), VALIDATION, TRAINING, study, without, uncertainty)
    assert set(table["grouping"]) == {"length", "label"}


@pytest.mark.parametrize(("copies", "right", "effective"), [(1, 29, 40), (4, 28, 10)])
def test_the_interval_is_wilson_s_and_copies_of_a_tweet_count_as_the_tweet(settings, copies, right, effective):
    many = posts(*[(str(n // copies), "Nike", "Neutral", "so so") for n in range(40)])
    table, _ = analyse_errors(predicted(many, [n < right for n in range(40)]), many, TRAINING.head(0), *settings)
    level = settings[-1].level
    wilson = stats.binomtest(right // copies, effective).proportion_ci(level, method="wilson")
    for row in table.itertuples():
        assert (row.wilson_low, row.wilson_high) == pytest.approx(tuple(wilson))
        assert (row.posts, row.effective_posts, row.accuracy) == (40, effective, right / 40)


def test_mistakes_are_the_surest_first_with_the_post_as_posted(settings):
    many = posts(*[(str(n), "Nike", "Neutral", f'Post {n},\n"quoted" 🤣') for n in range(80)])
    confidence = np.linspace(0.5, 0.99, 80)
    right = [n % 5 == 0 for n in range(80)]
    _, mistakes = analyse_errors(predicted(many, right, confidence), many, TRAINING, *settings)
    assert list(mistakes.columns) == ["row", "id", "entity", "label", "predicted", "confidence", "post"]
    wrong = [n for n in range(79, -1, -1) if n % 5 != 0]
    assert mistakes["row"].tolist() == [n + 1 for n in wrong[:MISTAKES]]
    assert mistakes["confidence"].tolist() == pytest.approx(confidence[wrong[:MISTAKES]].tolist())
    assert mistakes["post"].iloc[0] == 'Post 79,\n"quoted" 🤣'
    assert (mistakes["label"] != mistakes["predicted"]).all()


def test_without_mistakes_the_table_is_empty_and_has_its_columns(settings):
    _, mistakes = analyse_errors(predicted(VALIDATION, [True] * 4), VALIDATION, TRAINING, *settings)
    assert mistakes.empty
    assert "post" in mistakes.columns


def test_the_order_of_the_posts_does_not_matter_and_inputs_stay_as_they_are(settings):
    predictions = predicted(VALIDATION, [True, False, True, False])
    before = predictions.copy()
    expected = analyse_errors(predictions, VALIDATION, TRAINING, *settings)
    found = analyse_errors(predictions, VALIDATION[::-1], TRAINING, *settings)
    for ours, theirs in zip(found, expected, strict=True):
        pd.testing.assert_frame_equal(ours, theirs)
    pd.testing.assert_frame_equal(predictions, before)


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.iloc[1:],
        lambda table: table.assign(row=table["row"] + 1),
        lambda table: table.assign(label="Neutral"),
    ],
    ids=["fewer", "other rows", "other labels"],
)
def test_predictions_about_other_posts_are_refused(settings, change):
    with pytest.raises(StudyError, match="run the technique's pipeline again"):
        analyse_errors(predicted(VALIDATION, [True] * 4), change(VALIDATION), TRAINING, *settings)

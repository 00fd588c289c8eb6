import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweet_sentiment.data.audit import EXAMPLE_COLUMNS, audit
from tweet_sentiment.reports.findings import audit_paragraphs, audit_tables, headline
from tweet_sentiment.reports.tables import markdown


def written(figures):
    """The audit as the report has it."""
    tables = [line for table in audit_tables(figures) for line in markdown(table.header, table.rows)]
    return "\n".join([*audit_paragraphs(figures), *tables])


COLUMNS = ["id", "label", "post"]
TRAINING = [
    ("1", "Positive", "The patch of the server fixed every one of my troubles"),
    ("1", "Positive", "That patch did away with what went wrong before, thanks"),
    ("2", "Negative", "Nothing loads since the update and support stays silent"),
    ("3", "Negative", "Queues of three hours on a weekday evening, are you kidding"),
    ("4", "Neutral", "Season five begins on the first day of October at noon"),
    ("5", "Negative", "season FIVE begins on the first day of October at noon!!"),
    ("6", "Negative", "My headset broke on day two and nobody answers the phone"),
]
VALIDATION = [
    ("1", "Positive", "Whatever it was, they repaired the thing overnight, nice"),  # an id
    ("20", "Negative", TRAINING[2][2]),  # a text
    ("30", "Negative", TRAINING[3][2].upper()),  # a normalised text
    ("40", "Neutral", "Season five begins on the first day of November at noon"),  # nearly a text
    ("50", "Neutral", "season five begins on the first day of october at noon"),  # a normalised text, of two labels
    ("60", "Positive", "Lovely weather for a walk along the river with the dog"),  # unknown
    ("70", "Neutral", "Tickets go on sale tomorrow, see the page of the venue"),  # unknown
    ("80", "Positive", "This chair is the best thing I have bought for years"),  # unknown
]


def frame(rows):
    return pd.DataFrame(rows, columns=COLUMNS).astype("str").assign(row=range(1, len(rows) + 1))


def without_ids(data):
    return data.model_copy(update={"columns": data.columns.model_copy(update={"id": None})})


@pytest.fixture
def audited(data):
    return audit(frame(TRAINING), frame(VALIDATION), data, seed=1)


def test_each_kind_of_overlap_is_counted(audited):
    figures, _ = audited
    counts = {key: value for key, value in figures["overlap"].items() if not key.endswith("_share")}
    assert counts == {
        "posts": 8,
        "id_count": 1,
        "text_count": 1,
        "normalised_text_count": 3,
        "near_duplicate_count": 4,
        "any_count": 5,
    }
    assert figures["overlap"]["near_duplicate_share"] == 4 / 8
    assert figures["posts"] == {"training": 7, "validation": 8}
    assert (figures["ids_known"], figures["validation_drawn"]) == (True, False)
    assert json.loads(json.dumps(figures)) == figures


def test_texts_under_two_labels_are_counted(audited):
    figures, _ = audited
    assert figures["conflicting_labels"] == {
        "training_texts": 1,
        "validation_texts": 0,
        "validation_posts_labelled_otherwise_in_training": 1,
    }


def test_the_balance_of_each_side_is_given(audited):
    balance = audited[0]["class_balance"]
    assert {label: side["posts"] for label, side in balance["training"].items()} == {
        "Negative": 4,
        "Neutral": 1,
        "Positive": 2,
    }
    assert balance["validation"]["Positive"] == {"posts": 3, "share": 3 / 8}


def test_the_probe_takes_out_what_leaks_and_names_the_majority(audited):
    probe = audited[0]["memorisation"]
    assert probe["published"]["training_posts"] == 7
    assert probe["leak_free"]["training_posts"] == 1  # only the headset is left: the others share an id or a text
    assert probe["leak_free"]["accuracy"] == 2 / 8
    assert probe["published"]["accuracy"] > probe["leak_free"]["accuracy"]
    assert (probe["majority_label"], probe["majority_share"]) == ("Negative", 2 / 8)


def test_examples_show_each_post_once_as_the_most_literal_kind_it_is(data, audited):
    _, examples = audited
    assert examples.columns.tolist() == EXAMPLE_COLUMNS
    assert examples["kind"].tolist() == ["text", "normalised", "near", "id", "normalised"]
    assert examples["validation_row"].tolist() == [2, 3, 4, 1, 5]
    assert examples["training_row"].tolist() == [3, 4, 5, 1, 5]
    assert examples["training_text"].tolist()[1] == TRAINING[3][2]
    assert examples["validation_label"].tolist() == ["Negative", "Negative", "Neutral", "Positive", "Neutral"]
    assert examples["similarity"][0] == examples["similarity"][1] == 100
    assert data.leak_free.near_duplicate_threshold <= examples["similarity"][2] < 100


def test_ids_that_were_made_up_count_for_nothing(data):
    figures, examples = audit(frame(TRAINING), frame(VALIDATION), without_ids(data), seed=1)
    assert not figures["ids_known"]
    assert not [key for key in figures["overlap"] if key.startswith("id_")]
    assert figures["overlap"]["any_count"] == 4
    assert "id" not in set(examples["kind"])
    text = written(figures)
    assert "share an id" not in text
    assert "No tweet ids are used" in text


def test_sides_that_share_nothing_have_no_examples_and_no_warning(data):
    figures, examples = audit(frame(TRAINING), frame(VALIDATION[-3:]), data, seed=1)
    assert figures["overlap"]["any_count"] == 0
    assert examples.empty
    assert examples.columns.tolist() == EXAMPLE_COLUMNS
    assert "LEAK" not in written(figures)
    assert figures["memorisation"]["published"] == figures["memorisation"]["leak_free"]


def test_training_that_leaks_whole_leaves_nothing_to_measure(data):
    figures, _ = audit(frame(TRAINING[:5]), frame(TRAINING[:5]), data, seed=1)
    assert figures["memorisation"]["leak_free"] == {"training_posts": 0, "accuracy": None}
    assert "cannot be measured" in written(figures)
    assert figures["memorisation"]["published"]["accuracy"] == 1


def test_the_first_line_is_loud_only_above_the_limit(data):
    validation = frame([(f"{n}", label, post) for n, (_, label, post) in enumerate(VALIDATION, start=50)])
    figures, _ = audit(frame(TRAINING), validation, data, seed=1)
    said = "50 % of the test posts (4 of 8) are almost word for word in training (similarity 90 of 100 or more)."
    assert headline(figures) == f"LEAK: {said} Accuracy on them is memory."
    assert audit_paragraphs(figures)[0] == headline(figures)
    assert headline(figures | {"overlap_limit": 0.5}) == said


def test_without_a_validation_file_one_is_drawn_at_random(data, labels):
    posts = frame(
        [(f"{n // 4}", labels[n // 4 % 3], f"post {n // 4:x} of many " + "again " * (n % 4)) for n in range(240)]
    )
    figures, _ = audit(posts, posts.head(0), data, seed=1)
    assert figures["validation_drawn"]
    assert figures["posts"] == {"training": 192, "validation": 48}
    assert figures["overlap"]["id_share"] > 0.9
    assert "drawn row by row" in written(figures)


ODD = st.text(st.sampled_from("aB1 \n\r\t\"',|é🤣丰٣\u200d\u0301_"), max_size=25)
ROWS = st.lists(
    st.tuples(st.sampled_from(["", "1", "2", "x"]), st.sampled_from(["P", "N"]), ODD), min_size=1, max_size=8
)


@given(ROWS, ROWS, st.booleans())
def test_shares_lie_within_0_and_1_on_any_texts(data, training, validation, ids_known):
    figures, examples = audit(frame(training), frame(validation), data if ids_known else without_ids(data), seed=1)
    found = figures["overlap"]
    assert all(0 <= value <= 1 for key, value in found.items() if key.endswith("_share"))
    assert all(
        found[key.replace("share", "count")] == round(found[key] * len(validation)) for key in found if "_s" in key
    )
    assert found["normalised_text_count"] <= found["near_duplicate_count"] <= found["any_count"] <= len(validation)
    for probe in ("published", "leak_free"):
        assert (
            figures["memorisation"][probe]["accuracy"] is None or 0 <= figures["memorisation"][probe]["accuracy"] <= 1
        )
    assert len(examples) == min(found["any_count"], data.audit.examples)
    assert not examples.isna().any(axis=None)
    assert written(figures).startswith(headline(figures))


@pytest.mark.real_data
def test_the_audit_of_the_real_files_says_what_the_study_says(data, real_filtered):
    figures, examples = audit(real_filtered["training"], real_filtered["validation"], data, seed=42)
    said = "LEAK: 100 % of the test posts (828 of 828) share an id with training. Accuracy on them is memory."
    assert headline(figures) == said
    probe = figures["memorisation"]
    assert probe["published"]["accuracy"] == pytest.approx(0.9879, abs=0.01)
    assert probe["leak_free"]["accuracy"] == pytest.approx(0.5411, abs=0.01)
    assert len(examples) == data.audit.examples

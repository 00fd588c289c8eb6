import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweet_sentiment.data.filtering import check_enough, filter_posts
from tweet_sentiment.errors import StudyError

POSTS = pd.DataFrame(
    [
        ("Irrelevant", ""),
        ("Irrelevant", "off"),
        ("Positive", "good"),
        ("Positive", ""),
        ("Negative", " \n\u00a0"),
        ("Negative", "bad"),
        ("Neutral", "nan"),
    ],
    columns=["label", "post"],
).assign(id="")


def test_labels_empty_and_blank_posts_leave_and_are_counted(data, labels):
    kept, account = filter_posts(POSTS, data, labels, seed=1)
    assert sorted(kept["post"]) == ["bad", "good", "nan"]
    assert account == {
        "rows_in": 7,
        "dropped_label": 2,
        "dropped_empty": 1,
        "dropped_blank": 1,
        "kept": 3,
        "empty_kept_as_nan": 0,
        "blank_kept": 0,
    }


def test_published_cleaning_keeps_empty_posts_as_nan_and_blank_ones(data, labels):
    kept, account = filter_posts(POSTS, data.model_copy(update={"cleaning": "published"}), labels, seed=1)
    assert sorted(kept["post"]) == [" \n\u00a0", "bad", "good", "nan", "nan"]
    assert (account["kept"], account["empty_kept_as_nan"], account["blank_kept"]) == (5, 1, 1)
    assert account["dropped_empty"] == account["dropped_blank"] == 0


def test_the_shuffle_is_the_paper_s(data, labels):
    posts = pd.DataFrame({"id": "", "label": labels * 20, "post": [f"post {n}" for n in range(60)]})
    kept, _ = filter_posts(posts, data, labels, seed=42)
    assert kept["post"].tolist() == posts["post"].sample(frac=1, random_state=42).tolist()
    assert kept.index.tolist() == list(range(60))
    assert kept["post"].tolist() != filter_posts(posts, data, labels, seed=43)[0]["post"].tolist()


def test_a_class_without_a_post_is_named(data, labels):
    with pytest.raises(StudyError) as caught:
        filter_posts(POSTS[POSTS["post"] != "bad"], data, labels, seed=1, name="my.csv")
    message = str(caught.value)
    assert message.startswith("my.csv, ")
    assert "no post is labelled Negative;" in message
    assert "Positive 1, Negative 0, Neutral 1" in message
    assert "leave the label out: data.drop_labels" in message


@given(st.lists(st.tuples(st.sampled_from(["Positive", "Irrelevant"]), st.sampled_from(["", " ", "\t\r\n", "x"]))))
def test_every_row_is_kept_or_accounted_for(data, rows):
    posts = pd.DataFrame([("Positive", "sure"), *rows], columns=["label", "post"]).assign(id="")
    kept, account = filter_posts(posts, data, ["Positive"], seed=1)
    assert len(kept) == account["kept"] == 1 + rows.count(("Positive", "x"))
    assert account["dropped_empty"] == rows.count(("Positive", ""))
    assert account["dropped_blank"] == rows.count(("Positive", " ")) + rows.count(("Positive", "\t\r\n"))
    assert account["dropped_label"] == sum(label == "Irrelevant" for label, _ in rows)


def test_the_first_wording_of_a_tweet_in_the_file_is_its_original(data):
    posts = pd.DataFrame(
        [("7", ""), ("7", "second"), ("7", "third"), ("8", "other"), ("", "none"), ("", "none either")],
        columns=["id", "post"],
    ).assign(label="Positive")
    kept, _ = filter_posts(posts, data, ["Positive"], seed=3)
    assert set(kept["post"][kept["original"]]) == {"second", "other", "none", "none either"}


@pytest.mark.real_data
def test_the_real_files_leave_as_many_rows_as_the_study_says(data, labels, real_posts):
    _, account = filter_posts(real_posts["training"], data, labels, seed=42)
    assert account == {
        "rows_in": 74_682,
        "dropped_label": 12_990,
        "dropped_empty": 571,
        "dropped_blank": 139,
        "kept": 60_982,
        "empty_kept_as_nan": 0,
        "blank_kept": 0,
    }
    published = data.model_copy(update={"cleaning": "published"})
    assert filter_posts(real_posts["training"], published, labels, seed=42)[1]["kept"] == 61_692
    assert filter_posts(real_posts["validation"], data, labels, seed=42)[1]["kept"] == 828


def few(**counts):
    return pd.DataFrame({"label": [label for label, count in counts.items() for _ in range(count)]})


@pytest.mark.parametrize(
    ("protocol", "file", "needed", "purposes"),
    [
        ("leak_free", None, 3, "one to train on, one for the dev split, one to test on"),
        ("leak_free", "held_out.csv", 2, "one to train on, one for the dev split"),
        ("published", None, 2, "one to train on, one to test on"),
    ],
)
def test_too_few_posts_of_a_label_are_said_with_how_many_are_needed(data, protocol, file, needed, purposes):
    given = data.model_copy(update={"validation_file": file})
    check_enough(few(a=10, b=needed), ["a", "b"], given, protocol)
    with pytest.raises(
        StudyError, match=rf"each label needs at least {needed} posts, {purposes}; found b {needed - 1}\."
    ):
        check_enough(few(a=10, b=needed - 1), ["a", "b"], given, protocol)


def test_a_share_that_cannot_hold_every_label_is_said_with_one_that_can(data):
    given = data.model_copy(update={"validation_file": None})
    posts = few(**{f"l{n}": 2 for n in range(30)})
    with pytest.raises(StudyError, match=r"of 60 posts are 12, fewer than the 30 labels.\n.*to 0\.50"):
        check_enough(posts, sorted(set(posts["label"])), given, "published")

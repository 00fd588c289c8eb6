import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import GroupShuffleSplit

from tweet_sentiment.data.leakage import leaking_rows, normalise
from tweet_sentiment.data.splitting import dev_split, mark_dev_split, split_posts
from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import DevSplitParameters


def frame(rows):
    return pd.DataFrame(rows, columns=["id", "label", "post"])


def many(labels, start=0, count=20):
    """Distinct posts, so many for each label, two to each id."""
    numbers = range(start, start + count * len(labels))
    return frame([(f"t{n // 2}", labels[n // 2 % len(labels)], f"{n:x}" * 15) for n in numbers])


def share(share, least_posts=1):
    return DevSplitParameters(share=share, least_posts=least_posts)


def rules(data, **changes):
    return data.model_copy(update={"leak_free": data.leak_free.model_copy(update=changes)})


def balanced(account):
    return account["rows_in"] == sum(n for key, n in account.items() if key not in ("rows_in", "validation"))


def test_published_takes_both_files_as_they_are(data, labels):
    posts = many(labels)
    training, validation, account = split_posts(posts, posts.head(30), "published", data, seed=1)
    pd.testing.assert_frame_equal(training, posts)
    pd.testing.assert_frame_equal(validation, posts.head(30))
    assert account == {
        "rows_in": 60,
        "held_out": 0,
        "removed_tweet_id": 0,
        "removed_normalised_text": 0,
        "removed_near_duplicate": 0,
        "beyond_row_limit": 0,
        "kept": 60,
        "validation": 30,
    }


def test_leak_free_counts_each_row_under_the_first_rule_that_catches_it(data, labels):
    posts, validation = many(labels), many(labels, start=1000, count=2)
    text = validation["post"][0]
    leaks = frame(
        [
            ("t500", "Neutral", text),
            ("t500", "Neutral", "else"),
            ("x", "Neutral", text.upper()),
            ("y", "Neutral", text + "z"),
        ]
    )
    training, held_out, account = split_posts(pd.concat([leaks, posts]), validation, "leak_free", data, seed=1)
    pd.testing.assert_frame_equal(training, posts)
    pd.testing.assert_frame_equal(held_out, validation)
    removed = [account[f"removed_{rule}"] for rule in ("tweet_id", "normalised_text", "near_duplicate")]
    assert removed == [2, 1, 1]
    assert balanced(account)


@pytest.mark.parametrize("protocol", ["published", "leak_free"])
def test_without_a_validation_file_about_the_share_is_held_out_by_label(data, labels, protocol):
    posts = many(labels, count=100)
    training, validation, account = split_posts(posts, None, protocol, rules(data, near_duplicate=False), seed=1)
    assert sorted([*training["post"], *validation["post"]]) == sorted(posts["post"])
    assert account["held_out"] == account["validation"] == len(validation) == 60
    assert validation["label"].value_counts().to_dict() == dict.fromkeys(labels, 20)
    assert balanced(account)


def test_the_published_hold_out_parts_the_copies_of_a_tweet_and_leak_free_does_not(data, labels):
    posts = many(labels, count=100)
    shared = {}
    for protocol in ("published", "leak_free"):
        training, validation, _ = split_posts(posts, None, protocol, data, seed=1)
        shared[protocol] = set(training["id"]) & set(validation["id"])
    assert shared["published"]
    assert not shared["leak_free"]


def test_the_hold_out_depends_on_the_seed_alone(data, labels):
    posts = many(labels, count=100)
    for protocol in ("published", "leak_free"):
        first, again, other = (split_posts(posts, None, protocol, data, seed)[1] for seed in (1, 1, 2))
        pd.testing.assert_frame_equal(first, again)
        assert first["post"].tolist() != other["post"].tolist()


def test_ids_made_up_by_the_reader_join_nothing(data, labels):
    posts = many(labels).assign(id="row-1")
    no_ids = data.model_copy(update={"columns": data.columns.model_copy(update={"id": None})})
    _, validation, _ = split_posts(posts, None, "leak_free", no_ids, seed=1)
    assert 0 < len(validation) < 60


def test_a_disabled_rule_joins_nothing(data, labels):
    posts = many(labels).assign(id="1", post="always the same")
    off = rules(data, tweet_id=False, normalised_text=False, near_duplicate=False)
    _, validation, account = split_posts(posts, None, "leak_free", off, seed=1)
    assert len(validation) == 12
    assert account["kept"] == 48


def test_the_row_limit_keeps_the_first_training_rows(data, labels):
    posts = many(labels)
    limited = data.model_copy(update={"row_limit": 13})
    training, validation, account = split_posts(posts, posts, "published", limited, seed=1)
    pd.testing.assert_frame_equal(training, posts.head(13))
    assert (account["beyond_row_limit"], account["kept"], len(validation)) == (47, 13, 60)


SIXTY = many(["Positive", "Negative", "Neutral"])
TWO = frame([("1", "Positive", "so much alike"), ("2", "Negative", "nothing in common")])
TOO_FEW = r"(?s)twitter_training.csv: 2 posts cannot be split.*data.validation_share"


@pytest.mark.parametrize(
    ("posts", "validation", "protocol", "limit", "said"),
    [
        (SIXTY, SIXTY, "published", 4, r"(?s)training posts.*no post is labelled Neutral.*row_limit"),
        (SIXTY, SIXTY, "leak_free", None, "training posts, after the leak_free split: no post is labelled Negative or"),
        (SIXTY, SIXTY[SIXTY["label"] != "Positive"], "published", None, "test posts.*no post is labelled Positive"),
        (SIXTY.assign(id="1"), None, "leak_free", None, "60 posts cannot be split"),  # one group holds all
        (TWO, None, "published", None, TOO_FEW),
        (TWO, None, "leak_free", None, TOO_FEW),
    ],
)
def test_a_split_that_leaves_a_side_without_a_class_is_refused(data, posts, validation, protocol, limit, said):
    with pytest.raises(StudyError, match=said):
        split_posts(posts, validation, protocol, data.model_copy(update={"row_limit": limit}), seed=1)


def apart(kind, first):
    """Ten posts of each label that share nothing with any other post, so that no class runs dry."""
    return [(f"{kind} {n}", ("Positive", "Negative")[n % 2], chr(ord(first) + n) * 12) for n in range(20)]


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["", *"123456789"]),
        st.sampled_from(["Positive", "Negative"]),
        st.sampled_from(["", "!", "a", "A!", "b", "c", "d", "e", "f"]),
    ),
    max_size=40,
)


@given(ROWS, st.one_of(st.none(), ROWS), st.integers(0, 9))
def test_nothing_crosses_under_leak_free(data, rows, validation_rows, seed):
    validation = None if validation_rows is None else frame(validation_rows + apart("theirs", "丰"))
    training, held_out, account = split_posts(frame(rows + apart("mine", "一")), validation, "leak_free", data, seed)
    assert not (set(training["id"]) & set(held_out["id"])) - {""}
    assert not (set(training["post"].map(normalise)) & set(held_out["post"].map(normalise))) - {""}
    assert balanced(account)


@given(ROWS, st.sampled_from(["grouped", "grouped_1_of_3", "grouped_3_of_3"]), st.integers(0, 9))
def test_nothing_crosses_under_grouped(data, rows, protocol, seed):
    theirs = frame(apart("theirs", "丰"))
    both_labels_an_id = [(f"mine {n // 2}", label, post) for n, (_, label, post) in enumerate(apart("", "一"))]
    training, held_out, account = split_posts(frame(rows + both_labels_an_id), theirs, protocol, data, seed)
    assert not (set(training["id"]) & set(held_out["id"])) - {""}
    assert not (set(training["post"].map(normalise)) & set(held_out["post"].map(normalise))) - {""}
    assert not set(held_out["id"]) & set(theirs["id"])
    assert balanced(account)


def test_the_folds_hold_every_post_out_once(data, labels):
    posts = many(labels, count=100)
    folds = [split_posts(posts, posts.head(3), f"grouped_{k}_of_4", data, seed=1)[1] for k in (1, 2, 3, 4)]
    assert sorted(pd.concat(folds)["post"]) == sorted(posts["post"])


def test_grouped_holds_a_share_of_the_ids_out_however_the_rows_lie(data, labels):
    posts = many(labels, count=100).assign(id=[str(1000 - n // 2) for n in range(300)])
    _, one, _ = split_posts(posts, None, "grouped", data, seed=42)
    _, other, _ = split_posts(posts.sample(frac=1, random_state=3), None, "grouped", data, seed=42)
    assert set(one["id"]) == set(other["id"])
    assert len(set(one["id"])) == 30
    expected = GroupShuffleSplit(1, test_size=0.2, random_state=42).split(posts, groups=posts["id"].astype(int))
    assert set(one["id"]) == set(posts["id"].iloc[next(expected)[1]])


@pytest.mark.parametrize(("protocol", "share"), [("grouped", 0.2), ("grouped_2_of_4", 0.25)])
def test_posts_without_an_id_are_no_tweet_together(data, labels, protocol, share):
    posts = many(labels, count=100).assign(id=lambda rows: rows["id"].mask(rows.index % 2 == 0, ""))
    for seed in range(5):
        training, held_out, _ = split_posts(posts, None, protocol, rules(data, near_duplicate=False), seed)
        alone = (held_out["id"] == "").mean()
        assert len(held_out) == pytest.approx(share * 300, rel=0.05)
        assert 0.3 < alone < 0.7
        assert (training["id"] == "").any()


@pytest.mark.parametrize("protocol", ["leak_free", "grouped"])
def test_the_dev_split_has_one_post_a_tweet_and_shares_no_id_and_no_text_with_training(data, labels, protocol):
    posts = many(labels, count=100)
    marked, left_out = mark_dev_split(posts, protocol, share(0.1), data, seed=1)
    chosen, rest = marked[marked["dev"]], marked[~marked["dev"]]
    assert len(chosen) == chosen["id"].nunique() == 15
    assert chosen["label"].value_counts().to_dict() == dict.fromkeys(labels, 5)
    assert left_out >= 15
    assert len(marked) + left_out == len(posts)
    assert not set(chosen["id"]) & set(rest["id"])
    assert not set(chosen["post"].map(normalise)) & set(rest["post"].map(normalise))


def letters(n):
    """Return 40 letters drawn by a seed: texts of different seeds are not alike."""
    return "".join(np.random.default_rng(n).choice(list("abcdefghijklmnopqrstuvwxyz"), 40))


def tweets(labels, count=400, wordings=5):
    """Tweets in so many wordings each; the original is the first in the file, then all rows are shuffled."""
    rows = [
        (f"t{n}", labels[n % len(labels)], letters(n) + str(w), w == 0) for n in range(count) for w in range(wordings)
    ]
    return pd.DataFrame(rows, columns=["id", "label", "post", "original"]).sample(frac=1, random_state=0)


def test_choices_are_made_on_originals(data, labels):
    marked, left_out = mark_dev_split(tweets(labels), "leak_free", share(0.1), data, seed=1)
    chosen = marked[marked["dev"]]
    assert chosen["original"].all()
    assert left_out == 4 * len(chosen)


def test_a_small_file_gives_the_dev_split_more_than_its_share_up_to_a_third(data, labels):
    sizes = {
        count: int(mark_dev_split(tweets(labels, count), "leak_free", share(0.1, 50), data, seed=1)[0]["dev"].sum())
        for count in (60, 300, 900)
    }
    assert sizes[60] == pytest.approx(20, abs=2)
    assert sizes[300] == pytest.approx(50, abs=2)
    assert sizes[900] == pytest.approx(90, abs=2)


def test_where_the_original_is_gone_another_wording_stands_for_its_tweet(data, labels):
    posts = tweets(labels)
    gone = posts[~posts["original"] | (posts["id"] != "t7")]
    marked, _ = mark_dev_split(gone, "leak_free", share(0.5), data, seed=1)
    seeds = [set(mark_dev_split(gone, "leak_free", share(0.5), data, seed)[0].query("dev")["id"]) for seed in range(8)]
    assert any("t7" in chosen for chosen in seeds)
    assert marked[marked["dev"]]["id"].is_unique


def test_short_texts_and_texts_of_many_tweets_chain_nothing_together(data, labels):
    posts = tweets(labels)
    junk = pd.DataFrame(
        [(f"t{n}", labels[n % 3], text, False) for n in range(400) for text in ("the", "It was said many a time")],
        columns=posts.columns,
    )
    marked, left_out = mark_dev_split(pd.concat([posts, junk]), "leak_free", share(0.1), data, seed=1)
    chosen = marked[marked["dev"]]
    assert len(chosen) == 39
    assert left_out == 6 * len(chosen)
    assert not set(chosen["post"]) & set(junk["post"])


def test_the_dev_split_is_drawn_at_random_with_the_class_shares_of_training(data):
    posts = tweets(["common"] * 7 + ["rare"], 800)
    draws = [mark_dev_split(posts, "leak_free", share(0.1), data, seed)[0] for seed in (1, 1, 2)]
    first, again, other = (set(marked.query("dev")["id"]) for marked in draws)
    assert first == again
    assert len(first & other) < len(first) / 2
    chosen = draws[0].query("dev")
    assert (chosen["label"] == "rare").mean() == pytest.approx(1 / 8, abs=0.02)


def clustered(labels, large=600):
    """Posts without ids, 40 of each of some texts, one text ``large`` times, and 1,000 others that stand alone."""
    texts = ["same words over and over again"] * large
    texts += [letters(n) for n in range(10) for _ in range(40)]
    texts += [letters(10 + n) for n in range(1000)]
    rows = [(f"row {n}", labels[n // 40 % len(labels)], text) for n, text in enumerate(texts)]
    return frame(rows).sample(frac=1, random_state=1)


@pytest.fixture
def no_ids(data):
    return data.model_copy(update={"columns": data.columns.model_copy(update={"id": None})})


@pytest.mark.parametrize("seed", [1, 2, 42])
def test_own_data_are_held_out_in_small_groups_with_the_class_shares_of_the_file(no_ids, labels, seed):
    posts = clustered(labels)
    training, held_out, _ = split_posts(posts, None, "leak_free", no_ids, seed)
    shares = [part["label"].value_counts(normalize=True) for part in (posts, held_out)]
    assert shares[0].to_dict() == pytest.approx(shares[1].to_dict(), abs=0.02)
    assert held_out["post"].value_counts().max() <= 0.05 * len(held_out) * 1.1
    assert len(held_out) / len(posts) == pytest.approx(no_ids.validation_share, abs=0.02)
    assert not set(training["post"]) & set(held_out["post"])


def test_held_out_groups_differ_from_seed_to_seed(no_ids, labels):
    posts = clustered(labels)
    first, other = (set(split_posts(posts, None, "leak_free", no_ids, seed)[1]["id"]) for seed in (1, 2))
    assert len(first & other) < len(first) / 2


def test_a_dev_split_of_posts_without_ids_takes_one_of_each_text_and_no_large_cluster(no_ids, labels):
    posts = clustered(labels)
    marked, left_out = mark_dev_split(posts, "leak_free", share(0.1), no_ids, seed=1)
    chosen = marked[marked["dev"]]
    assert chosen["post"].is_unique
    assert "same words over and over again" not in set(chosen["post"])
    assert not set(chosen["post"]) & set(marked[~marked["dev"]]["post"])
    assert left_out < 0.1 * len(posts)


@given(ROWS, st.integers(0, 9))
def test_nothing_crosses_from_the_dev_split_to_training(data, rows, seed):
    marked, left_out = mark_dev_split(frame(rows + apart("mine", "一")), "leak_free", share(0.2), data, seed)
    chosen, rest = marked[marked["dev"]], marked[~marked["dev"]]
    assert not (set(chosen["id"]) & set(rest["id"])) - {""}
    assert not (set(chosen["post"].map(normalise)) & set(rest["post"].map(normalise))) - {""}
    assert len(marked) + left_out == len(rows) + 20


@pytest.mark.parametrize(("cleaning", "removed"), [("none", 0), ("corrected", 1)])
def test_the_leak_rules_run_on_what_the_models_read(data, labels, cleaning, removed):
    validation = many(labels, start=1000, count=2).assign(post=[f"words {letters(n)}" for n in range(6)])
    with_link = frame([("x", "Neutral", validation["post"][0] + " https://example.org/" + letters(99))])
    posts = pd.concat([with_link, many(labels)])
    account = split_posts(posts, validation, "leak_free", data.model_copy(update={"cleaning": cleaning}), seed=1)[2]
    assert account["removed_normalised_text"] == removed


@pytest.fixture
def by_user(data):
    columns = data.columns.model_copy(update={"id": None, "group": 0})
    return data.model_copy(update={"columns": columns, "validation_file": None})


def of_users(users, posts, rare=0.1, seed=0):
    """Unlike posts of so many users, each with posts of every label; the last label is rare."""
    drawing = np.random.default_rng(seed)
    labels = drawing.choice(["Positive", "Negative", "Neutral"], posts, p=[0.6 - rare, 0.4, rare])
    texts = drawing.choice([*"abcdefghijkl"], (posts, 40))
    rows = zip(drawing.integers(0, users, posts), labels, texts, strict=True)
    return frame([(f"u{user}", label, "".join(text)) for user, label, text in rows])


@pytest.mark.parametrize("protocol", ["leak_free", "grouped", "grouped_2_of_4"])
@pytest.mark.parametrize("seed", range(3))
def test_no_user_is_on_two_sides_and_each_part_has_its_share_of_each_label(by_user, protocol, seed):
    posts = of_users(60, 900)
    training, test, account = split_posts(posts, None, protocol, by_user, seed=seed)
    assert balanced(account)
    assert not set(training["id"]) & set(test["id"])
    marked, _ = mark_dev_split(training, protocol, share(0.1), by_user, seed=seed)
    rest, dev = dev_split(marked)
    assert not set(rest["id"]) & set(dev["id"])
    assert len(marked) == len(training)  # a user's posts are no copies of each other
    assert 0.05 < len(dev) / len(marked) < 0.2
    for part in (test, dev):
        found = part["label"].value_counts(normalize=True)
        assert found.to_dict() == pytest.approx(posts["label"].value_counts(normalize=True).to_dict(), abs=0.12)


def test_users_too_few_for_every_label_are_refused_and_copies_do_not_cross_either(by_user):
    with pytest.raises(StudyError, match="are too few, or too closely tied, to have every label on both sides"):
        split_posts(of_users(1, 90), None, "leak_free", by_user, seed=1)
    posts = of_users(40, 400)
    copied = pd.concat([posts, posts.head(30).assign(id="copycat")], ignore_index=True)
    training, test, _ = split_posts(copied, None, "leak_free", by_user, seed=1)
    rest, dev = dev_split(mark_dev_split(training, "leak_free", share(0.1), by_user, seed=1)[0])
    assert not set(test["post"]) & set(training["post"])
    assert not set(rest["post"]) & set(dev["post"])


def test_a_dev_split_of_two_posts_is_refused_and_under_published_there_is_none(data):
    marked, left_out = mark_dev_split(TWO, "published", share(0.1), data, seed=1)
    assert not marked["dev"].any()
    assert left_out == 0
    with pytest.raises(StudyError, match=r"(?s)2 training posts are not enough.*dev_split.share"):
        mark_dev_split(TWO, "leak_free", share(0.1), data, seed=1)


@pytest.mark.real_data
def test_leak_free_on_the_real_files(data, real_filtered):
    training, validation, account = split_posts(
        real_filtered["training"], real_filtered["validation"], "leak_free", data, seed=42
    )
    assert account == {
        "rows_in": 60_982,
        "held_out": 0,
        "removed_tweet_id": 4_909,
        "removed_normalised_text": 278,
        "removed_near_duplicate": 68,
        "beyond_row_limit": 0,
        "kept": 55_727,
        "validation": 828,
    }
    assert not set(training["id"]) & set(validation["id"])


@pytest.mark.real_data
def test_a_grouped_hold_out_of_the_real_training_file(data, real_filtered):
    quick = rules(data, near_duplicate=False)
    training, validation, account = split_posts(real_filtered["training"], None, "leak_free", quick, seed=42)
    assert account["held_out"] / account["rows_in"] == pytest.approx(data.validation_share, abs=0.002)
    assert not set(training["id"]) & set(validation["id"])
    shares = [posts["label"].value_counts(normalize=True) for posts in (training, validation)]
    assert shares[0].to_dict() == pytest.approx(shares[1].to_dict(), abs=0.005)


@pytest.mark.real_data
@pytest.mark.parametrize("protocol", ["leak_free", "grouped"])
def test_the_dev_split_of_the_real_training_file(data, real_filtered, protocol):
    training, _, _ = split_posts(real_filtered["training"], real_filtered["validation"], protocol, data, seed=42)
    marked, left_out = mark_dev_split(training, protocol, share(0.1), data, seed=42)
    dev, rest = marked[marked["dev"]], marked[~marked["dev"]]
    assert len(marked) + left_out == len(training)
    assert len(dev) / training["id"].nunique() == pytest.approx(0.1, abs=0.005)
    assert dev["id"].is_unique
    assert dev["original"].mean() > 0.95
    assert len(rest) / len(training) == pytest.approx(0.9, abs=0.02)
    assert not leaking_rows(rest, dev, data.leak_free, ids_known=True).to_numpy().any()
    shares = [part["label"].value_counts(normalize=True) for part in (training, dev)]
    assert shares[0].to_dict() == pytest.approx(shares[1].to_dict(), abs=0.02)
    assert (dev["post"].str.len() < 10).mean() < 0.04
    assert dev["post"].str.len().median() == pytest.approx(rest["post"].str.len().median(), rel=0.1)


def test_the_dev_split_of_posts_tokens_and_features_is_the_same_rows():
    from datasets import Dataset

    marked = pd.DataFrame({"post": list("abcd"), "dev": [False, True, False, True]})
    tokens = Dataset.from_pandas(marked, preserve_index=False)
    features = np.arange(8).reshape(4, 2)
    for rest, dev in (dev_split(marked), dev_split(tokens), dev_split(tokens, marked)):
        assert (list(rest["post"]), list(dev["post"])) == (["a", "c"], ["b", "d"])
    assert [part.tolist() for part in dev_split(tokens, features)] == [[[0, 1], [4, 5]], [[2, 3], [6, 7]]]
    rest, dev = dev_split(marked.assign(dev=False))
    assert (len(rest), len(dev)) == (4, 0)

"""What the log says of where the rows went."""

import logging

import pandas as pd

from tweet_sentiment.pipelines.data_processing.nodes import account_rows, split_posts

SPLIT = {"kept": 40, "dev": 4, "validation": 10}
FILES = {"training": {"file": "mine.csv"}, "validation": {"file": "held_out.csv"}}
FILTERED = {
    "training": {"rows_in": 1200, "dropped_label": 0, "dropped_empty": 1150, "dropped_blank": 2, "kept": 48},
    "validation": {"rows_in": 10, "dropped_label": 0, "dropped_empty": 0, "dropped_blank": 0, "kept": 10},
}


def said(caplog, parameters, filtered, split):
    with caplog.at_level(logging.INFO):
        account_rows(FILES, filtered, split, {}, {}, parameters.data, parameters.dev_split, parameters.study)
    return caplog.messages


def test_the_log_says_of_each_file_what_was_read_kept_and_dropped_for_which_reason(caplog, parameters):
    removed = {"removed_tweet_id": 5, "removed_normalised_text": 0, "removed_near_duplicate": 3}
    assert said(caplog, parameters, FILTERED, SPLIT | removed) == [
        "mine.csv: 1,200 rows, 48 kept (dropped: empty 1,150, blank 2).",
        "held_out.csv: 10 rows, 10 kept.",
        "Removed from training, by reason: tweet id 5, near duplicate 3.",
        "40 training posts (4 of them in the dev split), 10 test posts.",
    ]


def test_where_one_file_is_read_and_nothing_leaks_there_is_no_line_more(caplog, parameters):
    one = {"training": FILTERED["training"]}
    assert len(said(caplog, parameters, one, SPLIT)) == 2


def test_the_account_tells_one_dev_split_from_another(parameters):
    labels = parameters.labels * 30
    table = pd.DataFrame({"label": labels, "post": [f"{n:x}" * 15 for n in range(90)], "row": range(90), "entity": ""})
    table = table.assign(id=table["row"].astype("str"), original=True)
    test = table.assign(id="test " + table["id"], post=table["post"].str[::-1] + " of others").head(30)

    def marked(**changes):
        of = parameters.model_copy(update=changes)
        return split_posts(table, test, pd.DataFrame(), of.data, of.dev_split, of.study)[2]["dev_split"]

    limited = parameters.dev_split.model_copy(update={"share": 0.2, "least_posts": 1})
    assert len({marked(), marked(seed=7), marked(dev_split=limited)}) == 3
    assert marked() == marked()

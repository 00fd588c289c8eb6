"""Unfinished work is kept apart by what it was begun with."""

import os

from tweet_sentiment.incremental.resuming import folder_for


def test_the_same_conditions_give_the_same_folder_with_what_is_in_it(tmp_path):
    folder = folder_for(tmp_path, "prompt_tuning.train", {"code": "1"})
    (folder / "finished").write_text("a prompt")
    assert (folder_for(tmp_path, "prompt_tuning.train", {"code": "1"}) / "finished").read_text() == "a prompt"


def test_other_conditions_and_other_nodes_give_empty_ones_and_leave_those_of_other_nodes(tmp_path):
    first = folder_for(tmp_path, "hyperparameter_search.train", {"code": "1"})
    other_node = folder_for(tmp_path, "hyperparameter_search.train_best", {"code": "1"})
    changed = folder_for(tmp_path, "hyperparameter_search.train", {"code": "2"})
    assert len({first, other_node, changed}) == 3
    assert set(tmp_path.iterdir()) == {first, other_node, changed}
    assert list(changed.iterdir()) == []


def test_a_change_that_is_taken_back_finds_its_work_and_older_work_is_deleted(tmp_path):
    folders = []
    for time, code in enumerate("123"):
        folders.append(folder_for(tmp_path, "search", code))
        os.utime(folders[-1], (time, time))
    assert set(tmp_path.iterdir()) == set(folders[1:])
    (folders[1] / "study").write_text("trials")
    assert (folder_for(tmp_path, "search", "2") / "study").read_text() == "trials"

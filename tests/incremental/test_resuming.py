"""Unfinished work is kept apart by what it was begun with: parameters, rows, code, libraries, texts, encoder."""

import os

import pytest
from tests.incremental.sessions import run
from tests.projects import kedro

from tweet_sentiment.data import splitting
from tweet_sentiment.incremental.recording import folder_for
from tweet_sentiment.storage import library_versions

REUSED = "Search: 1 of 1 trials are done already."
NODES = ["hyperparameter_search.search", "prompt_tuning.train"]
CLEANED = ["clean_posts", "tokenize_posts", "account_rows", "encode_posts"]
ACCOUNT = "data/08_reporting/test/leak_free/row_counts.json"


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


def prompts(study):
    """Return the finished fits in the working folder of prompt tuning, and what tells whether they were made again."""
    return {path: path.stat().st_ino for path in (study / "data/06_models").glob("**/prompt_tuning/*/finished-*")}


def test_work_is_reused_where_nothing_changed_even_if_its_inputs_were_written_anew(study, caplog):
    caplog.set_level("INFO", "tweet_sentiment")
    before = prompts(study)
    run(study, node_names=[*CLEANED, *NODES])
    assert REUSED in caplog.messages
    assert prompts(study) == before
    assert before


def other_version(study, monkeypatch):
    monkeypatch.setitem(library_versions(), "pandas", "0.1")


def other_encoder(study, monkeypatch):
    weights = study / "data/01_raw/tiny_encoder/model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-4] ^= 1
    weights.write_bytes(content)


def other_texts(study, monkeypatch):
    clean = splitting.clean_posts
    monkeypatch.setattr(splitting, "clean_posts", lambda posts, *how: clean(posts, *how).str.replace("a", "o"))
    run(study, node_names=CLEANED)


@pytest.mark.parametrize("change", [other_version, other_encoder, other_texts])
def test_trials_and_prompts_of_other_conditions_are_not_taken_for_ours(study, caplog, monkeypatch, change):
    account, before = (study / ACCOUNT).read_bytes(), prompts(study)
    change(study, monkeypatch)
    caplog.set_level("INFO", "tweet_sentiment")
    run(study, node_names=NODES)
    assert (study / ACCOUNT).read_bytes() == account
    assert REUSED not in caplog.messages
    assert prompts(study).keys() > before.keys()
    again = "code, libraries, data or machine have changed; unfinished work starts again."
    assert [message for message in caplog.messages if again in message] == [f"{node}: {again}" for node in NODES]


@pytest.mark.slow
def test_trials_and_prompts_of_other_code_are_not_taken_for_ours(study):
    source = study / "src/tweet_sentiment/modeling/fast/distilbert.py"
    source.write_text(source.read_text() + "\nMORE = 1\n")
    done = kedro(study, "run", "--env=test", f"--nodes={','.join(NODES)}")
    assert done.returncode == 0, done.stderr
    said = " ".join((done.stdout + done.stderr).split())
    assert said.count("unfinished work starts again.") == len(NODES)
    assert REUSED not in said


@pytest.mark.slow
def test_an_ensemble_of_members_that_were_trained_again_is_named_until_it_is_made_again(study, caplog):
    members = {"ensemble": {"members": ["logistic_regression", "linear_svc"]}}
    stale = "ensemble.average used an earlier linear_svc.metrics, logistic_regression.metrics: run it again."

    other_best = {"promotion": {"technique": "linear_svc"}}

    def said(parameters, *names):
        caplog.clear()
        run(study, parameters, pipeline_names=[*names])
        return caplog.text

    said(members, "ensemble")
    assert "used an earlier" not in said(None, "reporting")
    assert "used an earlier" not in said({"classical": {"C": 0.01}}, "classical")
    assert said(other_best, "reporting").count(stale) == 1
    assert "the one that linear_svc" not in said({"classical": {"C": 1.0}} | other_best, "classical", "reporting")
    said(members, "ensemble")
    assert "used an earlier" not in said(None, "reporting")

"""What runs again, and why: for each kind of thing that an output is made of, exactly what depends on it."""

import json
import re
import shutil
import signal
import subprocess
import sys

import pandas as pd
import pytest
from click.testing import CliRunner
from kedro.framework.project import pipelines
from tests.conftest import PROJECT
from tests.incremental.sessions import after, plan, run
from tests.projects import ENVIRONMENT, copy_project, kedro
from yaml import safe_load

from tweet_sentiment.cli import cli
from tweet_sentiment.errors import StudyError
from tweet_sentiment.incremental import OnlyChanged
from tweet_sentiment.storage import library_versions

RIVALS = ["majority_class", "nearest_neighbour", "logistic_regression", "linear_svc"]
MEASURED_TIMES = ("seconds", "ms_per_post")
DATA, MODELS, REPORTING = (
    "data/02_intermediate/test/leak_free",
    "data/06_models/test/leak_free",
    "data/08_reporting/test",
)


PAPER = safe_load((PROJECT / "conf/base/parameters_reporting.yml").read_text())["reporting"]["paper_accuracy"]


def own_reasons(planned):
    """Return the reasons of the nodes that run because of themselves, not because another one runs."""
    return {name: reason for name, reason in planned.reasons.items() if not reason.startswith("after ")}


def check(planned, expected):
    """Exactly these nodes have reasons of their own, and exactly what comes after them runs too."""
    assert own_reasons(planned) == expected
    assert set(planned.reasons) == after(*expected)


def alter(path, at=-1):
    """Change one byte."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_a_study_that_has_run_has_nothing_to_run(finished):
    assert plan(finished).reasons == {}


@pytest.mark.slow
def test_a_study_that_has_not_run_runs_whole(tmp_path, encoder):
    planned = plan(copy_project(tmp_path / "new", encoder))
    assert planned.reasons.keys() == {node.name for node in planned.nodes}
    assert set(own_reasons(planned).values()) == {"never run"}


def takers(section):
    """Return the nodes that take a section of the parameters."""
    return {node.name for node in pipelines["__default__"].nodes if f"params:{section}" in node.inputs}


@pytest.mark.parametrize(
    "parameters",
    [
        {"reporting": {"paper_accuracy": PAPER | {"baseline": 0.5}}},
        {"prompt_tuning": {"use_search_result": True}},
        {"preprocessing_ablation": {"row_limit": 5}},
        {"data": {"cleaning": "published"}},
    ],
    ids=lambda value: next(iter(value)),
)
def test_a_changed_parameter_runs_the_nodes_that_take_it(finished, parameters):
    planned = plan(finished, parameters)
    key = section = next(iter(parameters))
    while isinstance(parameters := parameters[key.rpartition(".")[2]], dict):
        key += f".{next(iter(parameters))}"
    assert set(own_reasons(planned).values()) <= {f"parameter {key} changed"}
    assert own_reasons(planned).keys() <= takers(section)
    assert set(planned.reasons) == (after(*takers(section)) if takers(section) else set())


def test_one_byte_of_a_raw_file_is_noticed(study):
    alter(study / "data/01_raw/sample_validation.csv")
    check(plan(study), {"read_posts": "validation_file changed"})


def test_an_intermediate_file_of_which_one_byte_was_altered_is_made_anew(study):
    alter(study / DATA / "split_training_posts.parquet", 100)
    check(plan(study), {"split_posts": "split_training_posts.parquet was altered after it was written"})


def test_a_model_folder_with_a_file_too_many_is_made_anew(study):
    (study / MODELS / "layer_unfreezing/more.txt").write_text("")
    check(plan(study), {"layer_unfreezing.train": "layer_unfreezing was altered after it was written"})


def test_a_deleted_output_is_made_anew_even_if_others_of_its_node_are_there(study):
    shutil.rmtree(study / MODELS / "hyperparameter_search")
    check(plan(study), {"hyperparameter_search.train_best": "hyperparameter_search is missing"})


@pytest.mark.parametrize("damage", ["deleted", "empty", "of another form"])
def test_without_a_whole_record_an_output_is_made_anew(study, damage):
    record = study / DATA / ".fingerprints/split_counts.json"
    content = json.loads(record.read_text())
    record.unlink()
    if damage != "deleted":
        record.write_text("" if damage == "empty" else json.dumps(content | {"more": 1}))
    check(plan(study), {"split_posts": "split_counts.json has no record of what it is made of"})


def test_another_version_of_a_library_runs_everything(study, monkeypatch):
    was = library_versions()["pandas"]
    monkeypatch.setitem(library_versions(), "pandas", "0.1")
    planned = plan(study)
    assert planned.reasons.keys() == {node.name for node in planned.nodes}
    assert set(own_reasons(planned).values()) == {f"pandas is 0.1, was {was}"}


def test_the_encoder_s_files_are_looked_at_as_its_name_says_nothing_of_them(study):
    alter(study / "data/01_raw/tiny_encoder/model.safetensors")
    planned = plan(study)
    assert set(own_reasons(planned).values()) == {"the files of model.checkpoint changed"}
    assert own_reasons(planned).keys() <= takers("model")
    assert set(planned.reasons) == after(*takers("model"))


def test_results_of_another_protocol_are_taken_into_the_comparison(study):
    shutil.copytree(study / REPORTING / "leak_free", study / REPORTING / "published")
    planned = plan(study)
    assert planned.reasons["collect_results"] == "earlier_results changed"
    assert set(planned.reasons) == after("collect_results", "compare_techniques", "promote")


def test_the_report_comes_after_whatever_it_gathers_though_kedro_does_not_know(finished):
    planned = plan(finished, None, "preprocessing_ablation", "reporting")
    names = [node.name for node in planned.nodes]
    assert names.index("preprocessing_ablation.compare_variants") < names.index("collect_results")
    assert planned.reasons["collect_results"].startswith("after preprocessing_ablation")
    assert "plot_leaks" not in planned.reasons


def test_one_technique_after_the_whole_study_has_nothing_to_do(finished):
    assert plan(finished, None, "prompt_tuning").reasons == {}


def ran(node: str, said: str) -> bool:
    """Whether the log has a node's line: its name and its time."""
    return re.search(rf"(?m)^(\S+  )?{node} +\d+\.\d s$", said) is not None


def figures(project, technique):
    metrics = json.loads((project / REPORTING / "leak_free" / technique / "metrics.json").read_text())
    return {name: value for name, value in metrics.items() if name not in MEASURED_TIMES}


@pytest.mark.slow
def test_results_after_an_incremental_run_are_those_of_a_whole_run(study, finished, tmp_path, encoder, caplog):
    changed = {"classical": {"C": 0.1}, "layer_unfreezing": {"hyperparameters": {"learning_rate": 0.05}}}
    some = {"pipeline_names": ["layer_unfreezing", "classical"]}
    with caplog.at_level("INFO", "tweet_sentiment"):
        run(study, changed, runner=OnlyChanged(), **some)
    said = "\n".join(caplog.messages)
    assert ran("linear_svc.fit_predict", said)
    whole = tmp_path / "whole"
    shutil.copytree(finished, whole, ignore=shutil.ignore_patterns("0[2-8]_*"))
    run(whole, changed, **some)
    for technique in ["layer_unfreezing", *RIVALS]:
        predictions = f"data/07_model_output/test/leak_free/{technique}/predictions.parquet"
        pd.testing.assert_frame_equal(pd.read_parquet(study / predictions), pd.read_parquet(whole / predictions))
        assert figures(study, technique) == figures(whole, technique)
    weights = f"{MODELS}/layer_unfreezing/model.safetensors"
    assert (study / weights).read_bytes() == (whole / weights).read_bytes()
    assert (study / weights).read_bytes() != (finished / weights).read_bytes()
    assert plan(study, changed, *some["pipeline_names"]).reasons == {}


KILLED = """
import os, signal, sys
from pathlib import Path
from kedro.framework.cli.cli import KedroCLI
from tweet_sentiment.incremental.identity import Record
write = Record.write
def die(record, path):
    if path.stem == "filtered_validation_posts":
        os.kill(os.getpid(), signal.SIGKILL)
    write(record, path)
Record.write = die
KedroCLI(project_path=Path.cwd()).main(["run", "--env=test", "--nodes=filter_posts"])
"""


def test_a_kill_between_an_output_and_its_record_leaves_no_record_and_the_node_runs_again(study):
    environment = ENVIRONMENT | {"PYTHONPATH": str(study / "src")}
    done = subprocess.run([sys.executable, "-c", KILLED], cwd=study, env=environment, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    left = {path.stem for path in (study / DATA / ".fingerprints").glob("filter*")}
    assert left == {"filtered_training_posts"}
    reason = "filtered_validation_posts.parquet has no record of what it is made of"
    assert plan(study).reasons["filter_posts"] == reason


def only_changed(project, *arguments):
    done = kedro(project, "run", "--env=test", "--only-changed", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stderr + done.stdout


def test_the_command_skips_what_is_as_it_was_and_shows_the_comparison_all_the_same(study):
    comments = study / "src/tweet_sentiment/classical.py"
    comments.write_text("# A comment changes nothing.\n" + comments.read_text())
    said = only_changed(study)
    assert re.search(r"Nothing has changed: all \d+ nodes are skipped\.", said)
    assert not ran(r"[\w.]+", said)
    assert "Report: data/08_reporting/test/report.html" in said


@pytest.mark.slow
def test_the_command_notices_changed_code_of_a_module_that_is_imported_late(study):
    source = study / "src/tweet_sentiment/classical.py"
    source.write_text(source.read_text() + "\nMORE = 1\n")
    said = only_changed(study, "--pipelines=classical")
    assert "linear_svc.fit_predict runs: its code changed (tweet_sentiment/classical.py)" in said
    assert "linear_svc.evaluate runs: after linear_svc.fit_predict" in said
    assert "Unchanged, and skipped: read_posts, filter_posts" in said
    assert not ran("clean_posts", said)
    assert ran("linear_svc.evaluate", said)


def test_another_runner_is_refused_beside_it():
    done = CliRunner().invoke(cli, ["run", "--only-changed", "--runner=ThreadRunner"])
    assert done.exit_code == 1
    assert "--only-changed and --runner=ThreadRunner were given together" in done.output


def test_asking_for_only_the_missing_outputs_too_is_refused(finished):
    with pytest.raises(StudyError, match="what is missing counts as changed"):
        run(finished, runner=OnlyChanged(), only_missing_outputs=True)

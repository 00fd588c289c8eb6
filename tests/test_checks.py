"""What is refused before the first node: an absent device or encoder, several processes, too little room."""

import shutil

import pytest
from kedro.io import DataCatalog, MemoryDataset

from tests.projects import copy_project, kedro_here, message, run
from tweet_sentiment.errors import StudyError
from tweet_sentiment.hooks.checks import DEVICE, CheckMachine, predicted_bytes, refuse_several_processes
from tweet_sentiment.pipeline_registry import register_pipelines


def test_an_encoder_that_is_not_there_is_refused_before_a_pipeline_that_makes_tokens(parameters):
    absent = parameters.model.model_copy(update={"checkpoint": "./nowhere"})
    sections = {"params:model": absent, "params:compute": parameters.compute, "parameters": vars(parameters)}
    catalog = DataCatalog({name: MemoryDataset(section) for name, section in sections.items()})
    pipelines = register_pipelines()
    with pytest.raises(StudyError, match=r"there is no folder \./nowhere"):
        CheckMachine().before_pipeline_run(pipelines["data_processing"], catalog)
    CheckMachine().before_pipeline_run(pipelines["reporting"], catalog)


def test_the_nodes_that_are_told_the_device_are_tagged_and_no_others():
    nodes = {node.name: node for pipeline in register_pipelines().values() for node in pipeline.nodes}
    tagged = {name for name, node in nodes.items() if DEVICE in node.tags}
    assert tagged == {name for name, node in nodes.items() if "params:compute" in node.inputs}
    assert "prompt_tuning.train" in tagged
    assert "split_posts" in nodes.keys() - tagged


@pytest.fixture(scope="module")
def project(tmp_path_factory, encoder):
    return copy_project(tmp_path_factory.mktemp("device") / "project", encoder)


ABSENT = "--params=device=cuda:63,fp16=true"


def test_what_uses_a_device_that_is_absent_is_refused_before_anything_is_made(project):
    refused = message(kedro_here(project, "run", "--env=test", "--pipelines=feature_extraction", ABSENT))
    assert "device is cuda:63, but this machine has" in refused
    assert not list((project / "data").glob("0[2-7]*"))


@pytest.mark.slow
def test_what_uses_no_device_runs_without_it(project):
    run(project, "--pipelines=data_processing,classical,reporting", ABSENT)


@pytest.mark.parametrize(
    ("name", "value"),
    [("WORLD_SIZE", "2"), ("RANK", "1"), ("LOCAL_RANK", "0"), ("OMPI_COMM_WORLD_SIZE", "4"), ("LOCAL_WORLD_SIZE", "2")],
)
def test_one_of_several_processes_is_refused_by_the_variable_that_tells(name, value):
    with pytest.raises(StudyError, match=f"{name} is {value}: this is one of several processes"):
        refuse_several_processes({name: value})


@pytest.mark.parametrize("given", [{}, {"WORLD_SIZE": "1", "RANK": "0"}, {"WORLD_SIZE": ""}, {"LOCAL_RANK": "-1"}])
def test_a_process_alone_is_not(given):
    refuse_several_processes(given)


def test_kedro_run_among_several_processes_is_one_message_and_nothing_is_made(project, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    before = sorted(project.rglob("*"))
    assert "WORLD_SIZE is 2" in message(kedro_here(project, "run", "--env=test", "--pipelines=data_processing"))
    assert sorted(project.rglob("*")) == before


def test_a_version_of_what_has_no_versions_is_refused(project):
    version = "--load-versions=split_training_posts:2026-01-01T00.00.00.000Z"
    refused = message(kedro_here(project, "run", "--env=test", "--pipelines=data_processing", version))
    assert "--load-versions: the catalog keeps no versions of split_training_posts." in refused


def test_a_file_in_the_home_folder_may_be_named_by_a_tilde(project, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copy(project / "data/01_raw/sample_training.csv", tmp_path / "posts.csv")
    file = "data.training_file=~/posts.csv,data.header=false,data.columns.post=3,data.columns.label=2"
    done = kedro_here(project, "run", "--pipelines=data_processing", f"--params={file}", "--to-nodes=read_posts")
    assert done.returncode == 0, done.stderr
    assert list((project / "data").glob("0*/posts/**/*.parquet"))


@pytest.mark.slow
def test_a_file_of_the_same_name_elsewhere_does_not_write_over_the_results_of_the_first(tmp_path, encoder):
    project = copy_project(tmp_path / "project", encoder)
    for folder in ("a", "b"):
        (project / folder).mkdir()
        shutil.copy(project / "data/01_raw/sample_training.csv", project / folder / "posts.csv")

    def given(folder, *more):
        file = f"data.training_file={folder}/posts.csv,data.header=false,data.columns.post=3,data.columns.label=2"
        small = "data.row_limit=60,model.checkpoint=data/01_raw/tiny_encoder"
        return kedro_here(project, "run", "--pipelines=data_processing", f"--params={','.join((file, small, *more))}")

    assert given("a").returncode == 0
    refused = message(given("b"))
    assert "The run posts holds the results of a/posts.csv, and this file is b/posts.csv" in refused
    assert given("b", "run=posts").returncode == 0


WEIGHTS, OLD, KEPT = 1000, 700, 2


@pytest.mark.parametrize(
    ("new", "there", "expected"),
    [
        ({}, {}, 0),
        ({"baseline": False}, {}, WEIGHTS),
        ({"baseline": False, "predicted": False}, {}, 2 * WEIGHTS),
        ({}, {"baseline": False}, OLD),  # beside the old one, which then goes
        ({}, {"baseline": False, "lora": True}, OLD),  # one after the other
        ({"baseline": False}, {"lora": True}, OLD + WEIGHTS),
        ({"lora": True}, {}, WEIGHTS + (KEPT + 1) * 3 * WEIGHTS),  # checkpoints: weights and two moments
    ],
)
def test_each_new_model_and_one_that_replaces_another_take_their_size(tmp_path, new, there, expected):
    checkpoint = tmp_path / "encoder"
    for name in ("encoder", *there):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(bytes(WEIGHTS if name == "encoder" else OLD))
    folders = {tmp_path / name: keeps for name, keeps in (new | there).items()}
    assert predicted_bytes(folders, str(checkpoint), KEPT) == expected

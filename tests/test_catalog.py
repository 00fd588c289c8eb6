"""The catalog against the pipelines: everything on disk, nothing twice, and layers that kedro-viz can order."""

import os
from graphlib import TopologicalSorter

import pytest
from kedro.framework.project import configure_project, pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import MemoryDataset

from tests.conftest import PROJECT


@pytest.fixture(scope="module")
def catalog():
    bootstrap_project(PROJECT)
    configure_project("tweet_sentiment")
    before = os.getcwd()
    os.chdir(PROJECT)
    try:
        with KedroSession.create(project_path=PROJECT) as session:
            yield session.load_context().catalog
    finally:
        os.chdir(before)


@pytest.fixture(scope="module")
def everything(catalog):
    more = ("preprocessing_ablation", "past_the_paper", "inference")
    return sum((pipelines[name] for name in more), pipelines["__default__"])


def data_of(pipeline):
    """Return the datasets of a pipeline that are no parameters."""
    return {name for name in pipeline.datasets() if not name.startswith("params:")}


def test_every_dataset_of_every_pipeline_is_on_disk(catalog, everything):
    assert [name for name in sorted(data_of(everything)) if isinstance(catalog.get(name), MemoryDataset | None)] == []


def test_no_two_datasets_write_the_same_file(catalog, everything):
    written = sorted(everything.all_outputs())
    paths = [str(catalog.get(name)._filepath) for name in written]
    assert len(set(paths)) == len(paths)


def test_the_layers_have_an_order_so_kedro_viz_shows_them(catalog, everything):
    data = data_of(everything)

    def layer(name):
        return catalog.get(name).metadata["kedro-viz"]["layer"] if name in data else ""

    before = {}
    for node in everything.nodes:
        for output in map(layer, node.outputs):
            before.setdefault(output, set()).update({layer(name) for name in node.inputs} - {"", output})
    order = list(TopologicalSorter(before).static_order())
    assert order[0] == "raw"
    assert order[-1] == "reporting"


def test_every_dataset_says_in_one_line_what_it_is(catalog, everything):
    for name in data_of(everything):
        said = catalog.get(name).metadata["kedro-viz"]["description"]
        assert 15 < len(said) < 130, name
        assert not set("{\n") & set(said), name


@pytest.mark.parametrize("technique", ["baseline", "prompt_tuning", "linear_svc", "lora", "ensemble"])
def test_a_technique_folds_into_one_box(technique):
    name = "classical" if technique == "linear_svc" else technique
    of_technique = [node for node in pipelines[name].nodes if technique in node.tags]
    assert len(of_technique) > 3
    assert {node.namespace for node in of_technique} == {technique}


def test_with_techniques_folded_the_study_is_some_thirty_boxes_and_begins_with_files():
    study = pipelines["__default__"]
    assert len({node.namespace or node.name for node in study.nodes}) <= 30
    assert study.inputs() & data_of(study) == {"training_file", "validation_file", "earlier_results", "run_files"}


PAST_THE_PAPER = ("full_fine_tuning", "lora", "p_tuning", "technique_search", "domain_adaptation")
PAST_THE_PAPER += ("training_ablation", "unfreezing_sweep")


@pytest.mark.parametrize(
    "name",
    ["prompt_tuning", "baseline", "layer_unfreezing", "hyperparameter_search", "classical", *PAST_THE_PAPER],
)
def test_a_technique_takes_the_data_steps_that_it_needs_along(name):
    assert pipelines[name].inputs() & data_of(pipelines[name]) <= {
        "training_file",
        "validation_file",
        "table_of_label_issues",  # with data.label_issues=drop
        "hyperparameter_search.hyperparameters",  # of prompt_tuning, which can do without
    }


def test_reporting_reads_and_trains_nothing():
    assert not [node for node in pipelines["reporting"].nodes if "train" in node.name or "fit" in node.name]

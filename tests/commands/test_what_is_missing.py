"""A part of a study that lacks what it reads, or is misspelt, is one message: what is missing, and what to run."""

import shutil

import pytest
from tests.projects import kedro_here, message

from tweet_sentiment.pipeline_registry import register_pipelines


@pytest.fixture(scope="module")
def project(finished, tmp_path_factory):
    """A study of which nothing but the data lies on disk."""
    folder = shutil.copytree(finished, tmp_path_factory.mktemp("missing") / "project")
    for layer in ("06_models", "07_model_output", "08_reporting/test/leak_free/results.csv"):
        path = folder / "data" / layer
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return folder


@pytest.mark.parametrize(
    ("part", "missing", "makes_it"),
    [  # optional inputs, which a node gets as empty ones; a table, a model; partitions
        ("--nodes=baseline.plot_confusion", "baseline.predictions is not there yet (data/07_model_output/", "baseline"),
        ("--nodes=linear_svc.plot_entities", "linear_svc.table_of_accuracy_by_group is not there yet", "classical"),
        ("--namespaces=prompt_tuning --tags=device", "prompt_tuning.hyperparameters is not there", "prompt_tuning"),
        ("--nodes=hyperparameter_search.train_best", "hyperparameter_search.hyperparameters", "hyperparameter_search"),
        ("--nodes=compare", "results is not there yet (data/08_reporting/test/leak_free/results.csv)", "reporting"),
        ("--nodes=prompt_tuning.predict", "prompt_tuning.model is not there yet (data/06_models/", "prompt_tuning"),
        ("--pipelines=ensemble --nodes=ensemble.average", "predictions of full_fine_tuning, lora", "full_fine_tuning"),
    ],
)
def test_what_a_part_of_the_study_lacks_is_named_with_the_pipeline_that_makes_it(project, part, missing, makes_it):
    said = message(kedro_here(project, "run", "--env=test", *part.split()))
    assert missing in said
    assert f"kedro run --pipelines={makes_it}" in said
    assert makes_it in register_pipelines()


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("--nodes=plot_leak", "no node or namespace plot_leak. Did you mean one of these?\n    plot_leaks\n"),
        ("--from-nodes=evaluate", "\n    prompt_tuning.evaluate"),
        ("--namespaces=lor", "    lora  (--pipelines=lora)"),
        ("--nodes=lora.train", "lora.train is in the pipeline lora: add --pipelines=lora."),
        ("--to-outputs=audits", "no dataset audits. Did you mean one of these?\n    audit\n"),
        ("--from-inputs=lora.model", "lora.model is in the pipeline lora: add --pipelines=lora."),
        ("--tags=clasical", "no tag clasical. Did you mean one of these?\n    classical\n"),
        ("--tags=lora", "lora is in the pipeline lora: add --pipelines=lora."),
        ("--tags=lora_", "no tag lora_. Did you mean one of these?\n    lora  (--pipelines=lora)\n"),
    ],
)
def test_a_name_that_the_pipelines_lack_is_found_in_another_or_has_its_likes_shown(project, part, said):
    assert said in message(kedro_here(project, "run", "--env=test", part))


@pytest.mark.parametrize(
    ("name", "entry", "place"),
    [
        ("lora.model", "{type: tweet_sentiment.datasets.ModelFolder, filepath: data/06_models/mine/lora}", "data/06_m"),
        ("lora.metrics", "{type: json.JSONDataset, filepath: data/08_reporting/test/leak_free/metrics.json}", "data/0"),
        ("lora.predictions", "{type: MemoryDataset}", "no file, where the report"),
    ],
)
def test_results_that_the_catalog_moves_are_refused_where_those_of_an_earlier_run_would_be_taken(
    project, name, entry, place
):
    catalog = project / "conf/test/catalog.yml"
    catalog.write_text(f"{name}: {entry}\n")
    try:
        said = message(kedro_here(project, "run", "--env=test", "--pipelines=reporting"))
    finally:
        catalog.unlink()
    assert f"The catalog moves {name} to {place}" in said


def test_datasets_that_the_catalog_keeps_in_memory_are_no_error(project):
    catalog = project / "conf/test/catalog.yml"
    catalog.write_text("row_counts: {type: MemoryDataset}\nbaseline.model: {type: MemoryDataset}\n")
    try:
        done = kedro_here(project, "run", "--env=test", "--to-outputs=baseline.training,baseline.model")
    finally:
        catalog.unlink()
    assert done.returncode == 0, done.stderr

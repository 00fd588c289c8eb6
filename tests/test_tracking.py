"""MLflow and TensorBoard hear of a run what it saved, by technique and by trial; without them nothing is imported."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import PROJECT
from tests.projects import copy_project, kedro
from tweet_sentiment.errors import StudyError
from tweet_sentiment.hooks.tracking import MlflowTracker, TensorBoardTracker, fit, flat, numbers, points_of

PIPELINES = "--pipelines=hyperparameter_search,classical"


@pytest.fixture(scope="module")
def tracked(tmp_path_factory, encoder):
    """A project whose search and classical were run with both trackers; each must be installed."""
    for extra in ("mlflow", "tensorboard"):
        pytest.importorskip(extra, reason=f"{extra} is not installed (make tracking)")
    project = copy_project(tmp_path_factory.mktemp("tracked") / "project", encoder)
    stores = "tracking.mlflow=sqlite:///data/mlflow.db,tracking.tensorboard=data/tensorboard"
    done = kedro(project, "run", "--env=test", PIPELINES, f"--params={stores}")
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert "alembic" not in done.stderr
    return project


@pytest.fixture(scope="module")
def runs(tracked):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{tracked}/data/mlflow.db")
    experiment = client.get_experiment_by_name("tweet-sentiment test")
    found = client.search_runs([experiment.experiment_id])
    return client, {run.info.run_name: run for run in found}


def test_each_technique_is_a_run_below_the_whole_and_each_trial_below_its_search(runs):
    _, by_name = runs
    whole = by_name["leak_free classical, hyperparameter_search"]
    above = {name: run.data.tags.get("mlflow.parentRunId") for name, run in by_name.items()}
    techniques = {name for name, parent in above.items() if parent == whole.info.run_id}
    classical = {"majority_class", "nearest_neighbour", "logistic_regression", "linear_svc"}
    assert techniques == {"hyperparameter_search", *classical}
    search = by_name["hyperparameter_search"].info.run_id
    assert {name for name, parent in above.items() if parent == search} == {"trial 0", "trial 1"}
    assert all(run.info.status == "FINISHED" for run in by_name.values())


def test_parameters_are_logged_one_by_one_and_curves_by_step(runs, tracked):
    client, by_name = runs
    whole = by_name["leak_free classical, hyperparameter_search"].data.params
    assert (whole["hyperparameter_search.n_trials"], whole["protocol"], whole["data.row_limit"]) == (
        "2",
        "leak_free",
        "120",
    )
    search = by_name["hyperparameter_search"]
    curves = pd.read_csv(tracked / "data/07_model_output/test/leak_free/hyperparameter_search/curves.csv")
    measured = curves.dropna(subset=["eval_loss"])
    logged = client.get_metric_history(search.info.run_id, "eval_loss")
    assert set(measured["step"]) <= {point.step for point in logged}
    trials = pd.read_csv(tracked / "data/07_model_output/test/leak_free/hyperparameter_search/trials.csv")
    for row in trials.to_dict("records"):
        of_trial = by_name[f"trial {row['number']}"]
        trial, by_epoch = of_trial.data, client.get_metric_history(of_trial.info.run_id, "value_by_epoch")
        assert {point.step: point.value for point in by_epoch} == dict(
            enumerate(map(float, str(row["value_by_epoch"]).split()), 1)
        )
        assert trial.metrics["value"] == pytest.approx(row["value"])
        assert float(trial.params["learning_rate"]) == pytest.approx(row["learning_rate"])


def test_figures_and_the_model_are_there_and_the_model_loads(runs, tmp_path):
    from tweet_sentiment import Predictor

    client, by_name = runs
    search = by_name["hyperparameter_search"].info.run_id
    files = {file.path for file in client.list_artifacts(search)}
    assert {"confusion.html", "curves.html", "history.html", "model"} <= files
    folder = client.download_artifacts(search, "model", str(tmp_path))
    assert Predictor.load(folder).records(["I love this"])[0]["label"] in {"Negative", "Neutral", "Positive"}


def test_tensorboard_reads_the_same_curves(tracked):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tracked / "data/tensorboard/test/leak_free/hyperparameter_search/training")).Reload()
    curves = pd.read_csv(tracked / "data/07_model_output/test/leak_free/hyperparameter_search/curves.csv")
    measured = curves.dropna(subset=["accuracy"])
    read = [(scalar.step, scalar.value) for scalar in events.Scalars("accuracy")]
    assert read == [pytest.approx(pair) for pair in zip(measured["step"], measured["accuracy"], strict=True)]


@pytest.mark.parametrize("kind", ["mlflow", "tensorboard"])
def test_a_tracker_that_is_not_installed_is_named_with_what_to_do(kind, monkeypatch):
    for module in ("mlflow", "mlflow.tracking", "torch.utils.tensorboard"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        StudyError, match=rf"tracking.{kind} .*not installed: pip install 'tweet-sentiment\[tracking\]'"
    ):
        MlflowTracker("sqlite:///x.db", "x", "x", {}) if kind == "mlflow" else TensorBoardTracker(Path("x"))


def test_a_tree_becomes_flat_names_and_only_finite_numbers_count():
    tree = {"a": {"b": 1, "c": {}}, "d": [1, 2], "e": True, "f": float("nan"), "g": "x"}
    assert dict(flat(tree)) == {"a.b": 1, "a.c": {}, "d": [1, 2], "e": True, "f": tree["f"], "g": "x"}
    assert numbers(tree) == {"a.b": 1.0}


@given(st.lists(st.text(max_size=300), unique=True, max_size=8))
def test_whatever_the_labels_are_each_has_a_name_that_both_trackers_take(labels):
    for spaces in (True, False):
        names = [fit(f"per_class.{label}.f1", spaces) for label in labels]
        assert len(set(names)) == len(labels)
        for name in names:
            assert re.fullmatch(r"[\w.-][\w. -]*" if spaces else r"[\w.-]+", name)  # MLflow's rule, and TensorBoard's
            assert len(name) <= 250


@pytest.mark.parametrize("name", ["lora.r", "per_class.Sehr gut.f1", "per_class.日本.f1"])
def test_a_name_that_is_taken_as_it_is_stays(name):
    assert fit(name, spaces=True) == name


@pytest.mark.slow
def test_labels_that_are_emoji_reach_both_trackers(tmp_path):
    pytest.importorskip("mlflow", reason="the extra mlflow is not installed (make tracking)")
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed (make tracking)")
    from mlflow.tracking import MlflowClient
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = tmp_path / "a?b#c%20d e"
    folder.mkdir()
    store = f"sqlite:///{quote(str(folder))}/mlflow.db"
    labels = ["😀", "😡", "N/A", "a b", "../x"]
    table = folder / "seeds.csv"
    table.write_text("seed\n43\n")
    metrics = {"accuracy": 0.5, "per_class": {label: {"f1": i / 10} for i, label in enumerate(labels)}}
    for tracker in (MlflowTracker(store, "own", "run", {}), TensorBoardTracker(folder / "tensorboard")):
        tracker.saved("lora", "metrics", metrics, None)
        tracker.saved("lora", "table_of_seeds", None, table)
        tracker.end(failed=False)
    client = MlflowClient(tracking_uri=store)
    experiment = client.get_experiment_by_name("own")
    logged = {run.info.run_name: run.data for run in client.search_runs([experiment.experiment_id])}
    assert sorted(logged["lora"].metrics.values()) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    (events,) = folder.rglob("lora/validation")
    assert len(EventAccumulator(str(events)).Reload().Tags()["scalars"]) == 6
    assert {path.name for path in folder.iterdir()} == {"mlflow.db", "mlflow.artifacts", "tensorboard", "seeds.csv"}
    assert len(list((folder / "mlflow.artifacts").rglob("seeds.csv"))) == 1


def test_each_prompt_has_curves_of_its_own():
    curves = pd.DataFrame({"step": [1, 2, 1], "prompt": ["p", "p", "q"], "loss": [0.5, float("nan"), 0.3]})
    assert list(points_of(curves)) == [("prompt_0.loss", 0.5, 1), ("prompt_1.loss", 0.3, 1)]


INTERRUPTED = """
import sys
from tests.conftest import PROJECT, raw_parameters
from tests.conftest import validate_parameters
from tweet_sentiment.hooks.tracking import Track

class Catalog:
    def load(self, name):
        return vars(validate_parameters(raw_parameters() | {"tracking": {"mlflow": sys.argv[1], "tensorboard": None}}))

Track().before_pipeline_run({"pipeline_names": ["lora"]}, Catalog())
raise KeyboardInterrupt
"""


@pytest.mark.slow
def test_a_run_that_ctrl_c_ends_is_marked_as_failed(tmp_path):
    pytest.importorskip("mlflow", reason="the extra mlflow is not installed (make tracking)")
    from mlflow.tracking import MlflowClient

    store = f"sqlite:///{tmp_path}/mlflow.db"
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, store], cwd=PROJECT, capture_output=True, text=True)
    assert "KeyboardInterrupt" in done.stderr
    client = MlflowClient(tracking_uri=store)
    (run,) = client.search_runs([client.get_experiment_by_name("tweet-sentiment sample").experiment_id])
    assert run.info.status == "FAILED"

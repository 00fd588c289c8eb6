"""Which model a command takes: the best of the run that kedro run would write, or the one it is told."""

import shutil

import pytest
from click.testing import CliRunner
from tests.predictor.conftest import save_sample
from tests.projects import copy_project

from tweet_sentiment.cli import cli
from tweet_sentiment.commands.options import run_of
from tweet_sentiment.configuration import ConfigLoader
from tweet_sentiment.errors import StudyError
from tweet_sentiment.settings import CONFIG_LOADER_ARGS

BASE = {"base/globals.yml": "run: first", "base/parameters.yml": "run: ${globals:run}\nseed: 42"}
OF_TEXTS, SERVED, EXPORTED, BROUGHT_BACK = (
    ["predict", "good"],
    ["serve", "--port=0"],
    ["export"],
    ["promote", "--previous"],
)


@pytest.mark.parametrize(
    ("environment", "files", "run"),
    [
        (None, {}, "first"),
        ("base", {"local/globals.yml": "run: mine"}, "first"),
        (None, {"local/globals.yml": "run: mine"}, "mine"),
        ("local", {"local/globals.yml": "protocol: published"}, "first"),
        (None, {"local/parameters_x.yml": "run: mine"}, "mine"),
        (None, {"local/parameters/x.yml": "run: mine", "local/globals.yml": "run: not this"}, "mine"),
        (None, {"local/parameters.yml": "run: ${globals:run}_2", "local/globals.yml": "run: mine"}, "mine_2"),
        (None, {"local/globals.yml": "run: ${_mine}_3\n_mine: other"}, "other_3"),
        ("kaggle", {"kaggle/globals.yml": "run: kaggle", "local/globals.yml": "run: mine"}, "kaggle"),
        ("kaggle", {"kaggle/globals.yml": "run: ünï", "kaggle/parameters.yml": "labels: [run]"}, "ünï"),
    ],
)
def test_the_run_is_the_one_that_kedro_writes(environment, files, run, tmp_path):
    for name, content in (BASE | files).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    (tmp_path / "local").mkdir(exist_ok=True)
    assert run_of(tmp_path, environment) == run
    assert ConfigLoader(str(tmp_path), env=environment, **CONFIG_LOADER_ARGS)["parameters"]["run"] == run


def test_an_environment_that_is_not_there_is_named_with_those_that_are(tmp_path):
    with pytest.raises(StudyError, match="names the run: give --run=NAME or --model=FOLDER"):
        run_of(tmp_path, None)
    (tmp_path / "base").mkdir()
    with pytest.raises(StudyError, match=r"no environment kagle in .*: found base"):
        run_of(tmp_path, "kagle")


@pytest.fixture(scope="module")
def models(tmp_path_factory, encoder):
    """A project with a best model of the runs sample and kaggle."""
    folder = copy_project(tmp_path_factory.mktemp("best") / "project", encoder)
    for run in ("sample", "kaggle"):
        save_sample(encoder, folder / f"data/06_models/{run}/best")
    return folder


@pytest.fixture
def project(models, monkeypatch):
    """The working directory."""
    monkeypatch.chdir(models)
    monkeypatch.delenv("KEDRO_ENV", raising=False)
    yield models
    shutil.rmtree(models / "conf/local")
    (models / "conf/local").mkdir()


def told(*arguments, **environment):
    return CliRunner().invoke(cli, arguments, env=environment)


@pytest.mark.parametrize(
    ("options", "environment", "run"),
    [
        ([], {}, "sample"),
        (["--env=kaggle"], {}, "kaggle"),
        (["--run=kaggle"], {}, "kaggle"),
        ([], {"KEDRO_ENV": "kaggle"}, "kaggle"),
        (["--env=base"], {"KEDRO_ENV": "kaggle"}, "sample"),
        (["--run=sample"], {"KEDRO_ENV": "kaggle"}, "sample"),
        (["--model=data/06_models/sample/best"], {"KEDRO_ENV": "kaggle"}, "sample"),
    ],
)
def test_the_answer_names_the_model_of_the_run(options, environment, run, project):
    done = told("predict", "--json", "good", *options, **environment)
    assert done.exit_code == 0, done.output
    assert done.stderr == f"Model: data/06_models/{run}/best (layer_unfreezing, leak_free)\n"
    assert "Model" not in done.stdout


def test_conf_local_says_it_too_and_from_a_folder_below_the_project(project, monkeypatch):
    (project / "conf/local/globals.yml").write_text("run: kaggle\n", encoding="utf-8")
    monkeypatch.chdir(project / "conf")
    assert f"Model: {project}/data/06_models/kaggle/best (" in told("predict", "good").stderr


@pytest.mark.parametrize("command", [OF_TEXTS, SERVED, EXPORTED, BROUGHT_BACK])
def test_a_run_without_a_best_model_is_no_reason_to_take_another_s(command, project):
    (project / "conf/local/globals.yml").write_text("run: mine\n", encoding="utf-8")
    for options, run in ([], "mine"), (["--env=paper"], "paper"), (["--run=nowhere"], "nowhere"):
        done = told(*command, *options)
        assert done.exit_code == 1, done.output
        assert f"The run {run} has no best model: there is no data/06_models/{run}/best." in done.stderr
        assert "Runs that have one: kaggle, sample (--run=NAME)" in done.stderr
    assert "--model and --env were given together" in told(*command, "--env=kaggle", "--model=x").stderr


def test_a_model_that_is_brought_back_is_that_of_the_run(project):
    best = project / "data/06_models/kaggle/best"
    shutil.copytree(best, best.with_name("best.previous"))
    assert told("promote", "--previous", "--env=kaggle").stdout.startswith("data/06_models/kaggle/best: ")
    assert "no previous model" in told("promote", "--previous").stderr


@pytest.mark.parametrize("text", ["-_- so bored", "-hate it", "--- wow", "-- so", "-jolly", "--json?"])
def test_a_text_that_begins_with_a_dash_is_hinted_how_to_give_it(text, project):
    done = told("predict", text)
    assert done.exit_code == 2
    assert "Put -- before a text that begins with a dash: tweet-sentiment predict -- " in done.stderr
    assert told("predict", "--json", "--", text).exit_code == 0


@pytest.mark.parametrize("name", ["posts.csv", "POSTS.TSV", "posts.parquet", "pyproject.toml", "conf/logging.yml"])
def test_a_file_is_not_taken_for_a_text(name, project):
    done = told("predict", name)
    assert done.exit_code == 2
    assert f"{name} is the name of a file" in done.stderr
    assert f"--csv {name} --text-column NAME --output FILE" in done.stderr
    assert told("predict", f"have a look at {name}").exit_code == 0


@pytest.mark.parametrize("command", ["run", "predict", "serve", "export", "promote"])
def test_an_unknown_option_is_one_message(command):
    done = told(command, "--nonsense")
    assert done.exit_code == 2
    assert "No such option" in done.stderr
    assert isinstance(done.exception, SystemExit)


def test_the_folder_that_one_is_in_is_a_model_too(project, monkeypatch):
    best = project / "data/06_models/sample/best"
    monkeypatch.chdir(best / "..")
    for model in ("best", "best/.", str(best)):
        assert told("predict", "good", "--model", model).exit_code == 0
    monkeypatch.chdir(best)
    assert f"Model: {best} (" in told("predict", "good", "--model", ".").stderr
    assert f"{best}.previous: there is no previous model" in told("promote", "--previous", "--model", ".").stderr
    assert "expected a path" in told("predict", "good", "--model", "").stderr
    assert "no manifest.json here" in told("predict", "good", "--model", "/").stderr

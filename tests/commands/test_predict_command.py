"""``kedro predict`` as a user types it: a table, JSON, files, and one message for a mistake."""

import json
import shutil

import pytest
from click.testing import CliRunner
from tests.predictor.conftest import save_sample
from tests.projects import copy_project, kedro, kedro_here, message

from tweet_sentiment.commands.predict import predict as command
from tweet_sentiment.predictor import Predictor


@pytest.fixture(scope="module")
def project(tmp_path_factory, encoder):
    """A project with a model where the best one is looked for."""
    folder = copy_project(tmp_path_factory.mktemp("predict") / "project", encoder)
    save_sample(encoder, folder / "data/06_models/sample/best")
    return folder


@pytest.fixture(scope="module")
def predictor(project):
    return Predictor.load(project / "data/06_models/sample/best")


def test_a_table_names_text_label_and_every_class(project, predictor):
    done = kedro_here(project, "predict", "I love this")
    assert done.returncode == 0, done.stderr
    for word in ("I love this", predictor.records(["I love this"])[0]["label"], *predictor.labels, "%"):
        assert word in done.stdout
    assert done.stderr == "Model: data/06_models/sample/best (layer_unfreezing, leak_free)\n"


def test_a_table_of_many_classes_has_room_for_their_names(encoder, tmp_path):
    labels = [f"feeling{n:02}" for n in range(13)]
    save_sample(encoder, tmp_path / "model", labels=labels)
    done = CliRunner().invoke(command, ["--model", str(tmp_path / "model"), "lovely"])
    assert done.exit_code == 0, done.output
    assert [label for label in labels if label not in done.stdout] == []


def test_json_is_what_the_predictor_says(project, predictor):
    done = kedro_here(project, "predict", "--json", "I love this", "so bad 🤣")
    assert json.loads(done.stdout) == [
        {**record, "probabilities": pytest.approx(record["probabilities"])}
        for record in predictor.records(["I love this", "so bad 🤣"])
    ]


def test_each_line_from_a_pipe_is_a_text(project, predictor, monkeypatch):
    monkeypatch.chdir(project)
    texts = ["I love this", "so bad 🤣 \u2028 really"]
    done = CliRunner().invoke(command, ["--json"], input="\ufeffI love this\r\n\n" + texts[1])
    assert [(one["text"], one["label"]) for one in json.loads(done.stdout)] == [
        (one["text"], one["label"]) for one in predictor.records(texts)
    ]
    refused = CliRunner().invoke(command, [], input=b"ok\n\xff")
    assert refused.exit_code == 2
    assert "Standard input is not UTF-8: byte 3 is 0xff." in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Give texts or a file"),
        (["ok", "--csv", "in.csv"], "Give texts or a file"),
        (["--csv", "in.csv", "--output", "out.csv"], "also give --text-column."),
        (["--csv", "in.csv"], "also give --text-column and --output."),
        (["ok", "--output", "out.csv"], "--output is not for texts: leave it out, or give a file: --csv FILE"),
        (
            ["--csv", "in.csv", "--text-column", "a", "--output", "out.csv", "--actors", "2"],
            "--actors is for --engine ray",
        ),
        (["--csv", "in.csv", "--json"], "--json is not for a file: leave it out, or give texts"),
        ([""], "texts[0]: the text is empty or blank"),
        (["ok", "--model", "nowhere"], "nowhere: no manifest.json here"),
        (["ok", "--device", "cuda:63"], "set device=cpu or device=auto"),
        (["ok", "--device", "gpu"], "expected auto, cpu, cuda or cuda:N"),
        (["ok", "--precision", "int1"], "expected auto, fp32 or bf16"),
        (["--csv", "nothing.csv", "--text-column", "a", "--output", "out.csv"], "nothing.csv: there is no such file"),
    ],
)
def test_a_mistake_is_one_message_and_a_status(project, arguments, said, monkeypatch):
    monkeypatch.chdir(project)
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code in (1, 2)
    assert isinstance(done.exception, SystemExit)  # not the mistake's own traceback
    assert said in done.stderr
    assert not list(project.glob("out.csv"))


def test_a_mistake_in_a_shell_is_a_message_and_a_status_too(project):
    assert "nowhere: no manifest.json here" in message(kedro(project, "predict", "ok", "--model", "nowhere"))


def test_standard_input_and_faults_that_stop(project, monkeypatch):
    def piped(content, *arguments):
        options = ["--csv", "-", "--text-column", "content", "--output", "piped.jsonl", *arguments]
        return CliRunner().invoke(command, options, input=content)

    monkeypatch.chdir(project)
    done = piped("content\nok\nso bad\n")
    assert done.exit_code == 0, done.output
    assert [json.loads(line)["content"] for line in (project / "piped.jsonl").open()] == ["ok", "so bad"]
    done = piped("content\n \n", "--on-error", "stop")
    assert done.exit_code == 1
    assert "row 1 (line 2): the text is empty or blank" in done.stderr


def test_the_previous_best_model_is_brought_back(project):
    best = "data/06_models/sample/best"
    assert "there is no previous model" in message(kedro_here(project, "promote", "--previous"))
    shutil.copytree(project / best, project / f"{best}.previous")
    done = kedro_here(project, "promote", "--previous")
    assert f"{best}: layer_unfreezing again, seed 42." in done.stdout
    incomplete = kedro_here(project, "promote")
    assert incomplete.returncode == 2
    assert "kedro run --nodes=promote" in incomplete.stderr

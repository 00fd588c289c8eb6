"""Whatever ends a command, it is one message and a status."""

import errno

import click
import pytest
from click.testing import CliRunner
from tests.projects import copy_project

from tweet_sentiment.cli import Command, cli
from tweet_sentiment.commands.run import run
from tweet_sentiment.errors import StudyError


def ended(error):
    @click.command(cls=Command)
    def fails():
        raise error

    return CliRunner().invoke(fails)


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (StudyError("no such column"), 1, "no such column"),
        (KeyboardInterrupt(), 130, "Stopped."),
        (OSError(errno.ENOSPC, "No space left on device", "out.csv"), 1, "out.csv cannot be written: No space left"),
        (OSError(errno.EACCES, "Permission denied", "in.csv"), 1, "in.csv cannot be read or written: Permission"),
        (OSError(errno.EROFS, "Read-only file system", "out.csv"), 1, "out.csv cannot be written: Read-only"),
    ],
)
def test_what_a_user_can_put_right_is_a_message(error, status, said):
    done = ended(error)
    assert done.exit_code == status
    assert said in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.parametrize("content", [b"run: [sample", "run: \u00fcbung".encode("latin-1")])
@pytest.mark.parametrize("command", [["run", "--pipelines=data_processing"], ["predict", "ok"]])
def test_a_file_of_conf_that_cannot_be_read_is_named(command, content, tmp_path, monkeypatch, encoder):
    project = copy_project(tmp_path / "project", encoder)
    (project / "conf/local/globals.yml").write_bytes(content)
    monkeypatch.chdir(project)
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 1
    assert done.stderr.strip().startswith("conf/local/globals.yml cannot be read: ")


def test_a_file_of_conf_that_holds_a_list_is_named(tmp_path, monkeypatch, encoder):
    project = copy_project(tmp_path / "project", encoder)
    (project / "conf/local/parameters_own.yml").write_text("- run: own\n")
    monkeypatch.chdir(project)
    done = CliRunner().invoke(cli, ["run", "--pipelines=data_processing"])
    assert (
        done.stderr.strip() == "conf/local/parameters_own.yml cannot be read: expected keys with values, found a list"
    )


def test_a_mistake_of_ours_keeps_its_traceback():
    assert isinstance(ended(KeyError("x")).exception, KeyError)
    assert isinstance(ended(OSError(errno.EIO, "broken")).exception, OSError)


def test_a_list_of_parameters_that_is_no_yaml_is_a_mistake_of_usage():
    done = CliRunner().invoke(run, ["--params=prompt_tuning.hard_prompts=[It is:]"])
    assert done.exit_code == 2
    assert "Put quotes around texts in lists" in done.output


@pytest.mark.parametrize("content", ["run: few", "- lora", "lora", "run: [", ""])
def test_a_file_of_options_of_another_form_is_a_mistake_of_usage(tmp_path, content):
    (tmp_path / "options.yml").write_text(content)
    done = CliRunner().invoke(run, [f"--config={tmp_path / 'options.yml'}", "--pipelines=nowhere"])
    assert done.exit_code == 2, done.output
    assert "does not hold options of kedro run, such as" in done.output

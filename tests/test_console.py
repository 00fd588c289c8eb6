"""What a run shows: one aligned line per node, no colours outside a terminal, none of the libraries' noise."""

import os
import re
import subprocess
from io import StringIO
from types import SimpleNamespace

import pandas as pd
import pytest
from rich.console import Console

from tests.conftest import PROJECT
from tests.projects import kedro
from tests.reports.made import row
from tweet_sentiment.console import WIDE, comparison_table


@pytest.fixture(scope="module")
def shown(finished):
    """What a run with the Trainer, Optuna and Kedro writes on standard error, and on standard output."""
    return SimpleNamespace(stderr=(finished / "stderr.txt").read_text(), stdout=(finished / "stdout.txt").read_text())


def test_each_node_has_one_line_and_their_times_stand_below_each_other(shown):
    lines = [line for line in shown.stderr.splitlines() if re.search(r" \d+\.\d s$", line)]
    names = [line.split()[1] for line in lines]
    assert {"read_posts", "hyperparameter_search.search", "prompt_tuning.train", "write_report"} <= set(names)
    assert len(names) == len(set(names))
    assert len({len(line) for line in lines}) == 1


def test_every_line_of_the_log_is_ours(shown):
    assert all(re.match(r"\d\d:\d\d:\d\d  \S", line) for line in shown.stderr.splitlines())
    for noise in ("Warning", "Completed", "Loading data", "Trial 0", "register_new_resolver", "it/s", "{'loss'"):
        assert noise not in shown.stderr + shown.stdout


def test_at_the_end_it_says_where_the_report_and_the_best_model_lie(shown):
    report, best, asked = shown.stdout.splitlines()[-3:]
    assert report == "Report: data/08_reporting/test/report.html"
    assert re.fullmatch(r"Best model of the run: \w+, in data/06_models/test/best", best)
    assert asked == 'Ask it: kedro predict --run=test "I love this"'


def test_outside_a_terminal_nothing_is_coloured(shown):
    assert "\x1b" not in shown.stderr + shown.stdout


def test_help_lists_each_command_of_ours_in_one_whole_line():
    done = kedro(PROJECT, "--help")
    from tweet_sentiment.cli import COMMANDS

    for name in COMMANDS:
        line = re.search(rf"(?m)^  {name} +(\S.*)$", done.stdout)
        assert line, name
        assert not line[1].endswith("..."), name


def test_make_help_lists_every_target_with_what_it_does():
    said = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=PROJECT,
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},  # of make test-all
        capture_output=True,
        text=True,
        check=True,
    )
    targets = set(re.search(r"(?m)^\.PHONY: (.*)$", (PROJECT / "Makefile").read_text())[1].split())
    assert {line.split()[0] for line in said.stdout.splitlines()} == targets


@pytest.mark.parametrize("width", [80, WIDE, 200])
def test_the_comparison_fits_the_terminal_with_a_technique_a_line(width):
    rows = [row("hyperparameter_search", "leak_free", 0.6727, paper_accuracy=0.7295), row("lora", "published", 0.9)]
    console = Console(width=width, file=StringIO(), no_color=True)
    console.print(comparison_table(pd.DataFrame(rows), width))
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    (line,) = [line for line in lines if "hyperparameter_search" in line]
    for shown in ("leak_free", "0.6727", "0.643–0.703", "0.7295"):
        assert shown in line
    assert ("trainable" in console.file.getvalue()) == (width >= WIDE)

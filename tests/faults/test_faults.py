"""Each fault of the list is held, as a user meets it; the bench prints the table that ``make faults`` shows."""

import json
import os
import subprocess
import sys

import pytest
from tests.faults.cases import CASES
from tests.projects import ENVIRONMENT, PROJECT

NUMBERS = 82


def test_every_number_has_a_case():
    assert {case.number for case in CASES} == set(range(1, NUMBERS + 1))


@pytest.mark.parametrize("named", sorted({case.test for case in CASES if case.test}))
def test_a_test_that_holds_a_fault_is_there(named):
    path, _, name = named.partition("::")
    assert f"def {name}(" in (PROJECT / "tests" / path).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def verdicts(finished, tmp_path_factory):
    """What came of each case, by number: its name, what was wrong, and why it was skipped."""
    found = tmp_path_factory.mktemp("faults") / "verdicts.json"
    bench = [sys.executable, "-m", "tests.faults.bench", str(finished), "--json", str(found)]
    bench += [] if os.environ.get("TWEET_SENTIMENT_FAULTS") == "all" else ["--first"]  # make faults asks for all
    subprocess.run(bench, cwd=PROJECT, env=ENVIRONMENT | {"COLUMNS": "200"})
    return json.loads(found.read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, NUMBERS + 1))
def test_a_fault_is_one_message_before_anything_is_computed_and_nothing_is_changed(verdicts, number):
    mine = [(what, wrong, skipped) for of, what, wrong, skipped in verdicts if of == number]
    assert mine
    assert not [(what, wrong) for what, wrong, _ in mine if wrong]
    if mine and all(skipped for *_, skipped in mine):
        pytest.skip(mine[0][2])


STOPPED = """
import os, signal, time
import click
from tweet_sentiment.cli import Command
from tweet_sentiment.progress import progress_bar
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
class Dying:
    def __del__(self):
        os.kill(os.getpid(), signal.{sent})
        for _ in range(100):  # the exception is raised here, and dropped
            pass
@click.command(cls=Command, stopped="Stopped.")
def command():
    {code}
    print("went on")
command()
"""
LOST = {
    "dropped in a destructor": "Dying(); time.sleep(60)",
    "dropped by a library": """
    try: os.kill(os.getpid(), signal.{sent}); time.sleep(60)
    except BaseException: pass
    with progress_bar("Training", 2) as bar: bar.update(1)""",
    "made another error by a library": """
    try: os.kill(os.getpid(), signal.{sent}); time.sleep(60)
    except BaseException: raise ValueError("expected a message argument") from None""",
}


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize(("sent", "status"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_to_stop_ends_a_command_wherever_it_falls(lost, sent, status):
    script = STOPPED.format(code=LOST[lost].format(sent=sent), sent=sent)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (status, "", "Stopped.")

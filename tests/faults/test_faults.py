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


DROPPED = """
import os, signal, sys, time
from tweet_sentiment.cli import reraise_dropped_interrupt
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
sys.unraisablehook = reraise_dropped_interrupt
class Dying:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(100):  # the exception is raised here, and dropped
            pass
Dying()
try:
    for _ in range(600):  # the main thread looks for signals between its steps
        time.sleep(0.1)
    print("slept")
except KeyboardInterrupt:
    print("stopped")
"""


def test_ctrl_c_that_python_drops_in_a_destructor_is_heeded_all_the_same():
    done = subprocess.run([sys.executable, "-c", DROPPED], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("stopped\n", "")

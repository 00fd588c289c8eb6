"""Every fault of the list, provoked as a user would meet it: ``python -m tests.faults.bench`` prints what came of each.

A case is a command in a copy of a finished small study. Each runs in a process of its own, forked from one that has
imported everything: a status, output and signals as a user has them, without ten seconds of imports.
"""

import argparse
import gc
import json
import os
import re
import shlex
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from tests.faults.cases import CASES, Case
from tests.faults.preparing import CannotPrepare
from tests.projects import KEDRO

LONGEST = 120  # seconds of one command
ENDED = re.compile(r"^\d\d:\d\d:\d\d  (\S+) +[\d.]+ s$", re.MULTILINE)  # a node, in the log
LOGGED = re.compile(r"^\d\d:\d\d:\d\d  ")
IMPORTED = (
    *("kedro.framework.cli.cli", "kedro.framework.project", "kedro.runner", "joblib", "optuna", "peft", "torch"),
    *("transformers.trainer", "sklearn.feature_extraction.text", "plotly.graph_objects", "rich.table"),
    *(f"tweet_sentiment.{name}" for name in ("commands.run", "commands.predict", "pipeline_registry", "settings")),
    "tweet_sentiment.predictor.files",
)
LINES = 14  # in one message
NOT_RESULTS = re.compile(r"(^|/)(\.lock|\.gitkeep|\.viz|\.fingerprints/)|^data/01_raw/|^conf/|^in/|^src/")


class Answer(NamedTuple):
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str
    seconds: float

    @property
    def message(self) -> str:
        """Return what is said to the user beside the log."""
        lines = [line for line in self.err.splitlines() if line.strip() and not LOGGED.match(line)]
        return "\n".join(line for line in lines if not line.startswith("Model: ") and "%|" not in line)


class Verdict(NamedTuple):
    """What came of one case; ``wrong`` is empty where the fault is held."""

    case: Case
    answer: Answer | None
    wrong: list[str]
    skipped: str = ""


def files(project: Path) -> dict[str, tuple[int, int, int]]:
    """Return every file of a project with size, time and number: what tells whether it was written again."""
    found = {}
    for folder, _, names in os.walk(project):
        for name in names:
            path = Path(folder, name)
            status = path.lstat()
            found[path.relative_to(project).as_posix()] = (status.st_size, status.st_mtime_ns, status.st_ino)
    return found


def ask(project: Path, case: Case) -> Answer:
    """Give a case's command in the project, and its signal when its log says so."""
    arguments = shlex.split(case.command)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        pid = _fork(project, arguments, out, err)
        status = _wait(pid, case, err, start)
        texts = [path.read_text(encoding="utf-8", errors="replace") for path in (out, err)]
    return Answer(status, *texts, time.monotonic() - start)


def _fork(project: Path, arguments: list[str], out: Path, err: Path) -> int:
    if pid := os.fork():
        return pid
    status = 70
    try:
        gc.disable()
        os.setsid()
        for number, path in ((0, os.devnull), (1, out), (2, err)):
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
        sys.stdin, sys.stdout, sys.stderr = (
            os.fdopen(number, mode, encoding="utf-8", errors="replace", buffering=1, closefd=False)
            for number, mode in ((0, "r"), (1, "w"), (2, "w"))
        )
        os.chdir(project)
        sys.argv = [KEDRO, *map(os.fsdecode, map(os.fsencode, arguments))]
        from kedro.framework.cli.cli import main

        main()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _wait(pid: int, case: Case, err: Path, start: float) -> int:
    """Wait for a process, and send the case's signal once its log matches; return its status, -n for signal n."""
    sent = case.signal is None
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        now = time.monotonic() - start
        if not sent and (now > case.when if isinstance(case.when, float) else _matches(err, case.when)):
            os.killpg(pid, case.signal)
            sent = True
        if now > LONGEST:
            os.killpg(pid, signal.SIGKILL)
        time.sleep(0.01)


def _matches(err: Path, pattern: str) -> bool:
    return err.exists() and re.search(pattern, err.read_text(encoding="utf-8", errors="replace")) is not None


def judge(case: Case, answer: Answer, before: dict, after: dict) -> list[str]:
    """Say what is not as it must be."""
    wrong = []
    said = " ".join(f"{answer.out} {answer.err}".split()).casefold()
    if answer.status not in (case.status if isinstance(case.status, tuple) else (case.status,)):
        wrong.append(f"status {answer.status}, expected {case.status}")
    if "traceback" in said:
        wrong.append("a traceback")
    wrong += [f"does not say {words!r}" for words in case.says if words.casefold() not in said]
    wrong += [f"says {words!r}" for words in case.says_not if words.casefold() in said]
    if answer.status and answer.message.count("\n") >= LINES:
        wrong.append(f"a message of {answer.message.count(chr(10)) + 1} lines")
    if late := [name for name in ENDED.findall(answer.err) if case.status and not {name, "*"} & {*case.after}]:
        wrong.append(f"only after {', '.join(late[:3])}")
    changed = [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)]
    if touched := sorted(name for name in changed if not NOT_RESULTS.search(name) and not _may(case, name)):
        wrong.append(f"changed {', '.join(touched[:3])}{' …' if len(touched) > 3 else ''}")
    return wrong


def _may(case: Case, name: str) -> bool:
    return any(re.search(pattern, name) for pattern in case.changes)


def try_all(study: Path, cases: list[Case]) -> Iterator[Verdict]:
    """Provoke each fault in a copy of the finished study, which is put back after each."""
    with tempfile.TemporaryDirectory(prefix="faults") as folder:
        project = Path(shutil.copytree(study, Path(folder, "study"), symlinks=True))
        pristine = files(project)
        for case in cases:
            yield _try(project, case)
            _put_back(study, project, pristine)


def _try(project: Path, case: Case) -> Verdict:
    if case.test:
        return Verdict(case, None, [])
    with ExitStack() as stack:
        try:
            for prepare in case.given:
                if (undo := prepare(project)) is not None:
                    stack.callback(undo)
        except CannotPrepare as reason:
            return Verdict(case, None, [], str(reason))
        before = files(project)
        answer = ask(project, case)
        wrong = judge(case, answer, before, files(project))
    return Verdict(case, answer, wrong)


def _put_back(study: Path, project: Path, pristine: dict) -> None:
    now = files(project)
    for name in now.keys() - pristine.keys():
        (project / name).unlink()
    for name, known in pristine.items():
        if now.get(name) != known:
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            (project / name).unlink(missing_ok=True)
            shutil.copy2(study / name, project / name, follow_symlinks=False)
            status = (project / name).lstat()
            pristine[name] = (status.st_size, status.st_mtime_ns, status.st_ino)
    for path, folders, names in os.walk(project, topdown=False):
        if not folders and not names and not Path(study, Path(path).relative_to(project)).is_dir():
            os.rmdir(path)


def preload() -> None:
    """Import what commands import, so that a fork has it."""
    for name in IMPORTED:
        import_module(name)


HEADER = f"{'#':>3}  {'fault':<46} {'status':>6}  {'held':<7} first line, or what is wrong"


def row(one: Verdict) -> str:
    """Return a line of the table: number, what is done, status, verdict, the first line of the message."""
    status = "test" if one.case.test else "" if one.answer is None else str(one.answer.status)
    held = "skipped" if one.skipped else "FAILED" if one.wrong else "held"
    said = one.skipped or one.case.test
    if one.answer is not None and not one.wrong:
        said = " ".join(one.answer.message.removeprefix("The parameters are not right; nothing was run.").split())
    lines = [f"{one.case.number:>3}  {one.case.what[:46]:<46} {status:>6}  {held:<7} {said[:110]}".rstrip()]
    if one.wrong:
        lines.append(f"{'':60}{'; '.join(one.wrong)}")
        if one.answer is not None:
            lines += [f"{'':62}| {line[:150]}" for line in (one.answer.message or one.answer.err).splitlines()[-6:]]
    return "\n".join(lines)


def summary(verdicts: list[Verdict]) -> str:
    """Return how many of the numbers are held: one failing case fails its number."""
    numbers = {one.case.number for one in verdicts}
    failed = {one.case.number for one in verdicts if one.wrong}
    skipped = sum(bool(one.skipped) for one in verdicts)
    return (
        f"{len(numbers) - len(failed)} of {len(numbers)} faults held; {len(verdicts)} cases, "
        f"{sum(bool(one.wrong) for one in verdicts)} failed, {skipped} skipped."
    )


def main() -> None:
    """Run the cases, print the table, and end with 1 where a fault is not held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path, help="the folder of a finished study, which stays as it is")
    parser.add_argument("--only", type=lambda text: {int(one) for one in text.split(",")}, help="these numbers alone")
    parser.add_argument("--first", action="store_true", help="the first case of each number")
    parser.add_argument("--match", default="", help="cases whose name holds this")
    parser.add_argument("--json", type=Path, help="write the verdicts there too")
    asked = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1", "PYTHONUNBUFFERED": "1"}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets those in its background ignore it
    preload()
    gc.freeze()  # what is there is not looked through in each fork
    cases = [one for one in CASES if (not asked.only or one.number in asked.only) and asked.match in one.what]
    if asked.first:
        numbers = [one.number for one in cases]
        cases = [one for i, one in enumerate(cases) if one.number not in numbers[:i]]
    verdicts = []
    print(HEADER)
    for verdict in try_all(asked.study, cases):
        verdicts.append(verdict)
        print(row(verdict), flush=True)
    print(summary(verdicts))
    if asked.json:
        found = [[one.case.number, one.case.what, one.wrong, one.skipped] for one in verdicts]
        asked.json.write_text(json.dumps(found), encoding="utf-8")
    sys.exit(any(one.wrong for one in verdicts))


if __name__ == "__main__":
    main()

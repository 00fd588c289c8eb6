"""Kill each long command, let it go on, and compare what it made: ``python -m benchmarks.kills`` (see ``--help``).

A case is drawn from the seed and its number: a command, how it is killed (SIGKILL, SIGTERM, SIGINT, or a power cut that
takes what was not synced), and when: after so many seconds, or at one of its operations on files. Then the same
command is given again, and must leave what an uninterrupted one does. Commands run in processes that are forked from
one which has imported everything, on a copy of a small finished study.
"""

import argparse
import contextlib
import importlib
import os
import pickle
import re
import resource
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic, sleep

from benchmarks.equal import Reference, files
from benchmarks.power import Journal, cut_power, state_of
from benchmarks.task import PROJECT

HERE = "test/leak_free"
KINDS = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "SIGINT": signal.SIGINT, "power cut": signal.SIGKILL}
STATUS = {"SIGKILL": -9, "SIGTERM": 143, "SIGINT": 130, "power cut": -9}
UNCAUGHT = {"SIGTERM": -15, "SIGINT": 1}  # before the command has begun
INVOKED = re.compile(r'tweet_sentiment/cli\.py", line \d+, in invoke')  # in a traceback: not in Kedro's own start
PATIENCE = 600  # seconds for one command
IMPORTED = ("torch", "transformers", "peft", "optuna", "joblib", "datasets", "sklearn.linear_model", "plotly.express")
IMPORTED += ("tweet_sentiment.pipeline_registry", "tweet_sentiment.predictor.files", "kedro.framework.cli.cli")
IMPORTED += tuple(
    f"tweet_sentiment.techniques.{name}" for name in ("lora", "prompt_tuning", "p_tuning", "distillation")
)


@dataclass(frozen=True)
class Command:
    """What a user types, and the outputs (globs) that are deleted before it, as if it had never run."""

    name: str
    arguments: tuple[str, ...]
    deleted: tuple[str, ...] = ()


def _run(*arguments: str) -> tuple[str, ...]:
    return ("run", "--env=test", *arguments)


def _training(technique: str, *arguments: str) -> Command:
    models = f"data/06_models/{HERE}"
    outputs = (f"{models}/{technique}", f"{models}/training_{technique}.*", f"{models}/.working/{technique}")
    outputs += tuple(f"data/{layer}/{HERE}/{technique}" for layer in ("07_model_output", "08_reporting"))
    classical = technique == "logistic_regression"
    device = () if classical or technique == "ensemble" else ("--tags=device",)  # without the figures
    names = (f"--pipelines={'classical' if classical else technique}", f"--namespaces={technique}")
    return Command(technique, _run(*names, *device, *arguments), outputs)


def _predict(suffix: str) -> Command:
    source, output = "data/01_raw/sample_validation.csv", f"data/07_model_output/predicted.{suffix}"
    options = ("--no-header", "--text-column=3", "--part-rows=20", "--device=cpu", "--precision=fp32")
    model = f"--model=data/06_models/{HERE}/prompt_tuning"
    return Command(f"predict to .{suffix}", ("predict", model, f"--csv={source}", f"--output={output}", *options))


def _export(*arguments: str) -> Command:
    return Command(
        " ".join(("export", *arguments)), ("export", f"--model=data/06_models/{HERE}/prompt_tuning", *arguments)
    )


QUICK = [
    Command("data_processing", _run("--pipelines=data_processing"), (f"data/0[235]_*/{HERE}/*",)),
    _training("hyperparameter_search", "--params=hyperparameter_search.n_trials=3"),
    _training("layer_unfreezing"),
    _training("prompt_tuning", "--params=prompt_tuning.hard_prompts=[one,two]"),
    _training("logistic_regression"),
    Command(
        "reporting", _run("--pipelines=reporting", "--to-nodes=promote", "--params=promotion.technique=prompt_tuning")
    ),
    *(_predict(suffix) for suffix in ("csv", "parquet", "jsonl")),
    _export(),
    Command("--only-changed", _run("--only-changed", "--pipelines=classical", "--params=classical.C=0.5")),
    Command(
        "--only-missing-outputs",
        _run("--only-missing-outputs"),
        (
            f"data/06_models/{HERE}/layer_unfreezing",
            f"data/0[78]_*/{HERE}/linear_svc",
            f"data/08_reporting/{HERE}/results.csv",
        ),
    ),
]
PAST_THE_PAPER = (
    "lora",
    "full_fine_tuning",
    "p_tuning",
    "distillation",
    "domain_adaptation",
    "ensemble",
    "technique_search",
)
ALL = [*QUICK, *map(_training, PAST_THE_PAPER)]


@dataclass(frozen=True)
class Case:
    """One kill: at the operation ``at`` of the command, or ``share`` of its time after its start."""

    number: int
    command: Command
    kind: str
    at_operation: bool
    share: float

    @classmethod
    def draw(cls, seed: int, number: int, commands: list[Command]) -> "Case":
        """Return the case of this number: commands and kinds in turn, the moment at random."""
        random = Random(f"{seed} {number}")
        turn, place = divmod(number, len(commands))
        kind = list(KINDS)[(turn + place) % len(KINDS)]
        return cls(number, commands[place], kind, random.random() < 0.75, random.random())


@dataclass
class Outcome:
    """What became of a case: whether it was killed before it had ended, and what is wrong (a line each)."""

    case: Case
    killed: bool
    faults: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


class Bench:
    """A project in a scratch folder, put back to the finished study ``base`` before each run."""

    def __init__(self, base: Path, scratch: Path, say: bool = True) -> None:
        self._base, self._scratch, self._say = base, scratch, say
        self.project, self._log, self._record = scratch / "project", scratch / "log.txt", scratch / "record.jsonl"
        self._kept, self._temporary = scratch / "kept", scratch / "temporary"
        self._references: dict[str, tuple[Reference, int, float]] = {}

    def run(self, case: Case) -> Outcome:
        """Kill, go on, compare."""
        reference, operations, seconds = self._reference(case.command)
        self._prepare(case.command)
        visible = {name: path.read_bytes() for name, path in files(self.project).items() if not _is_hidden(name)}
        before = state_of(self.project)
        at = 1 + int(case.share * operations) if case.at_operation else None
        child = self._start(case.command, at, case.kind)
        status = self._wait(child, None if at else case.share * seconds, KINDS[case.kind])
        said = self._log.read_text(encoding="utf-8", errors="replace")
        outcome = Outcome(case, status != 0)
        if status not in (0, STATUS[case.kind], UNCAUGHT.get(case.kind)):
            outcome.faults.append(f"status {status}, expected {STATUS[case.kind]}: {_last(said)}")
        began = status != UNCAUGHT.get(case.kind) or INVOKED.search(said)
        if "Traceback" in said and began:
            outcome.faults.append(f"a traceback: {_last(said)}")
        elif case.kind in UNCAUGHT and status == STATUS[case.kind] and not _last(said).startswith("Stopped"):
            outcome.faults.append(f"no word of the stop: {_last(said)}")
        if case.kind == "power cut" and outcome.killed:
            cut_power(self.project, self._record, self._kept, before, Random(case.number))
        outcome.faults += [f"half: {one}" for one in self._half_written(visible, reference)]
        status = self._wait(self._start(case.command), None, None)
        if status:
            outcome.faults.append(f"gone on: status {status}: {_last(self._log.read_text(encoding='utf-8'))}")
        outcome.faults += [one for one in reference.differences(self.project) if not _may_lack(case.command, one)]
        outcome.left = reference.more(self.project) + [f"temporary: {one.name}" for one in self._temporary.iterdir()]
        return outcome

    def _half_written(self, before: dict[str, bytes], reference: Reference) -> Iterator[str]:
        """Name what one could see after the kill that is neither as before nor as the whole run leaves it."""
        from tweet_sentiment.errors import StudyError
        from tweet_sentiment.manifests import MANIFEST, checked_manifest

        for name, path in files(self.project).items():
            if _is_hidden(name):
                continue
            if before.get(name) != path.read_bytes() and (why := reference.unlike(name, path)):
                yield why
            if path.name == MANIFEST and "ensemble" not in name:
                try:
                    checked_manifest(path.parent)
                except StudyError as error:
                    yield str(error).splitlines()[0]

    def _reference(self, command: Command) -> tuple[Reference, int, float]:
        """Return what the command makes when nothing kills it, its operations on files, and its seconds."""
        if command.name not in self._references:
            copies = [self._scratch / "references" / command.name / number for number in "12"]
            for copy in copies:
                self._prepare(command)
                start, used = monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
                if status := self._wait(self._start(command, at=0), None, None):
                    raise RuntimeError(f"{command.name} ended with {status}: {self._log.read_text(encoding='utf-8')}")
                seconds = monotonic() - start
                shutil.copytree(self.project / "data", copy / "data")
            self._import_what_it_did()
            operations = len(self._record.read_bytes().splitlines())
            self._references[command.name] = Reference(*copies), operations, seconds
            now = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
            self._tell(f"{command.name}: {seconds:.1f} s, {cpu:.1f} s of CPU, {operations} operations on files")
        return self._references[command.name]

    def _import_what_it_did(self) -> None:
        """Import what the command has imported, so that the next of its kind has it from the start."""
        for name in (self._scratch / "modules.txt").read_text(encoding="utf-8").split():
            if name not in sys.modules:
                with contextlib.suppress(Exception):
                    importlib.import_module(name)

    def _prepare(self, command: Command) -> None:
        for folder in (self.project, self._kept, self._temporary):
            shutil.rmtree(folder, ignore_errors=True)
        self._record.unlink(missing_ok=True)
        shutil.copytree(self._base, self.project)
        for pattern in command.deleted:
            for path in self.project.glob(pattern):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for folder in (self._kept, self._temporary):
            folder.mkdir()

    def _start(self, command: Command, at: int | None = None, kind: str = "") -> int:
        """Run a command in a process of its own; with ``at`` its operations on files are written down."""
        if child := os.fork():
            return child
        status = 1
        try:
            output = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            for number in (1, 2):
                os.dup2(output, number)
            os.chdir(self.project)
            signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a shell starts behind it
            tempfile.tempdir = str(self._temporary)
            if at is not None or kind:
                Journal(self.project, self._record, self._kept, at, KINDS.get(kind)).install()
            from kedro.framework.cli.cli import KedroCLI

            KedroCLI(project_path=self.project).main([*command.arguments], prog_name="kedro")
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            (self._scratch / "modules.txt").write_text("\n".join(sys.modules), encoding="utf-8")
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            os._exit(status)

    def _wait(self, child: int, after: float | None, by: signal.Signals | None) -> int:
        """Wait for the end of a process, and send it a signal after so many seconds; return its status."""
        start = monotonic()
        while True:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)
            passed = monotonic() - start
            if after is not None and by is not None and passed >= after:
                os.kill(child, by)
                after = None
            if passed > PATIENCE:
                os.kill(child, signal.SIGKILL)
            sleep(0.005)

    def _tell(self, line: str) -> None:
        if self._say:
            print(line, flush=True)


def _may_lack(command: Command, difference: str) -> bool:
    """--only-missing-outputs leaves an output without its record as it is; --only-changed rebuilds it."""
    return "--only-missing-outputs" in command.arguments and bool(
        re.search(r"/\.fingerprints/.* is missing$", difference)
    )


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def _last(said: str) -> str:
    return next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "nothing")


def import_everything() -> None:
    """Import what commands need, for all the processes that are forked from this one."""
    os.environ |= {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1", "KEDRO_DISABLE_TELEMETRY": "1"}
    for name in IMPORTED:
        importlib.import_module(name)
    import torch

    from tweet_sentiment.incremental.code import code_of

    for name in [one for one in sys.modules if one.startswith("tweet_sentiment")]:
        code_of(name)

    torch.set_num_threads(1)


def finished_study(folder: Path) -> Path:
    """Run the whole study on few posts with a tiny encoder, all techniques, and return its folder."""
    sys.path.insert(0, str(PROJECT))
    from tests.projects import kedro, small_project

    small_project(folder)
    for arguments in ((), (f"--pipelines={','.join(PAST_THE_PAPER)}",)):
        done = kedro(folder, "run", "--env=test", *arguments)
        if done.returncode:
            raise RuntimeError(done.stderr)
    return folder


def in_processes(cases: list[Case], base: Path, scratch: Path, jobs: int) -> list[Outcome]:
    """Run the cases in so many processes, those of a command in the same one; return what became of them, in order."""
    names = list(dict.fromkeys(case.command.name for case in cases))
    children = []
    for job in range(jobs):
        folder = scratch / f"job{job}"
        folder.mkdir()
        if child := os.fork():
            children.append(child)
            continue
        mine = [case for case in cases if names.index(case.command.name) % jobs == job]
        try:
            (folder / "outcomes").write_bytes(pickle.dumps(run_cases(mine, Bench(base, folder))))
            os._exit(0)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
    ended = [os.waitpid(child, 0)[1] for child in children]
    if any(ended):
        raise SystemExit("The bench itself failed; see above.")
    found = [one for job in range(jobs) for one in pickle.loads((scratch / f"job{job}" / "outcomes").read_bytes())]
    return sorted(found, key=lambda one: one.case.number)


def run_cases(cases: list[Case], bench: Bench) -> list[Outcome]:
    """Run the cases one after the other, and say how each ended."""
    outcomes = []
    for case in cases:
        outcomes.append(bench.run(case))
        when = f"{case.share:.0%} of its {'operations' if case.at_operation else 'time'}"
        faults = outcomes[-1].faults + [f"left over: {one}" for one in outcomes[-1].left]
        verdict = "; ".join(faults) or ("equal" if outcomes[-1].killed else "equal (ended before)")
        print(f"case {case.number}: {case.command.name}, {case.kind} at {when}: {verdict}", flush=True)
    return outcomes


def markdown(outcomes: list[Outcome], seed: int) -> str:
    """Return the table: a row a command and a kind of kill."""
    lines = [
        f"{len(outcomes)} kills, {sum(not one.faults and not one.left for one in outcomes)} of them without a fault; "
        f"seed {seed}. Written by: make kills",
        "",
        "| command | killed by | kills | before its end | resumed equal | left-over files | worst message |",
        "|---|---|---|---|---|---|---|",
    ]
    for key in dict.fromkeys((one.case.command.name, one.case.kind) for one in outcomes):
        these = [one for one in outcomes if (one.case.command.name, one.case.kind) == key]
        worst = next(
            (f"case {one.case.number}: {(one.faults + one.left)[0]}" for one in these if one.faults + one.left), ""
        )
        equal, left = sum(not one.faults for one in these), sum(len(one.left) for one in these)
        cells = (*key, len(these), sum(one.killed for one in these), equal, left, worst.replace("|", "/"))
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Run the cases, print the table and write it; return 1 if a case shows a fault."""
    options = _options(arguments)
    import_everything()
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        base = options.study or finished_study(Path(scratch) / "study")
        commands = [one for one in ALL if options.only is None or one.name in options.only]
        cases = [Case.draw(options.seed, number, commands) for number in options.case or range(options.n)]
        outcomes = in_processes(cases, base, Path(scratch), options.jobs)
    table = markdown(outcomes, options.seed)
    print(table)
    if options.out:
        options.out.write_text("# Kills\n\n" + table, encoding="utf-8")
    return int(any(one.faults or one.left for one in outcomes))


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills", description=__doc__)
    add = parser.add_argument
    add("-n", type=int, default=100, help="cases (default: 100)")
    add("--seed", type=int, default=42, help="of the moments (default: 42)")
    add("--case", type=int, action="append", help="this case alone; may be given several times")
    add("--only", action="append", choices=[one.name for one in ALL], help="of this command alone")
    add("--study", type=Path, help="a finished study on few posts (default: one is made, in a few minutes)")
    add("--jobs", type=int, default=1, help="processes to run them in (default: 1)")
    add("--scratch", type=Path, help="the folder to work below (default: the system's for temporary files)")
    add("--out", type=Path, help="the table as Markdown")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())

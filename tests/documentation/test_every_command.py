"""Every command of the documentation and the notebooks runs as it stands there, in a copy of the finished study.

Each environment of the copy is small and has a tiny encoder; the sample is its real data. The whole study is run once:
a command that runs it for another file, protocol or environment stops after the data. Commands of the project run in
this process, others in a shell; one that goes on until it is stopped is asked once. A command that several pages have
runs on the first of them.
"""

import os
import random
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path
from signal import SIGKILL

import nbformat
import pandas as pd
import pytest
from omegaconf import OmegaConf
from tests.documentation.test_commands import PAGES, PROJECT
from tests.projects import ENVIRONMENT, kedro_here

from tweet_sentiment.cli import COMMANDS

pytestmark = pytest.mark.slow
BIN = Path(sys.executable).parent
MADE = {"pipelines.md", "parameters.md", "benchmarks.md", "results.md", "report.md"}  # of commands that were given
PROGRAMS = r"kedro|tweet-sentiment|make|python|pytest|curl|docker|pip|git|source|echo|tar|hf|mlflow|\.venv/bin/\S+"
COMMAND = re.compile(rf"(?:[A-Z_]+=\S+ )*(?:{PROGRAMS})( .+)?")
TO_FILL_IN = re.compile(r"[<…]|\b[A-Z]{4,}\b")
NOT_RUN = {  # what begins so, and why
    "git |source ": "is of the reader's own shell",
    "docker ": "needs a container engine; tests/test_container.py reads what it is given",
    "pip ": "needs a package index; tests/test_wheel.py installs the wheel",
    "tar |tweet-sentiment run|python -m tweet_sentiment": "needs the wheel: tests/test_wheel.py",
    "hf auth login": "needs a token",
    "kedro promote --push-to-hub": "needs a hub; tests/commands/test_push_to_hub.py has a stand-in of it",
    "kedro run --env=paper$": "needs a GPU and a hub",
    "kedro run --env=kaggle$": "takes a day; with a limit of rows it runs",
    "kedro run --env=kaggle --pipelines=classical,full_fine_tuning,lora": "takes an hour",
    "kedro run .*emotion": "needs TweetEval's files",
    "kedro run --pipelines=past_the_paper": "takes a minute: tests/test_past_the_paper.py",
    "kedro run .*/tmp/mpnet|kedro predict .*06_models/mpnet": "needs a hub: tests/modeling/test_families.py",
    ".*(postgresql://|--engine ray|ray_serve|kubectl|airflow|spark)": "needs an engine: tests/engines",
    "kedro serve --workers|kedro run .*training.processes": "starts several processes: tests/serving, tests/modeling",
    r"mlflow ui|.*tracking\.|\.venv/bin/tensorboard": "needs an extra: tests/test_tracking.py",
    "(KEDRO_ENV=kaggle )?make ": "makes what others test, needs a package index, or takes an hour on an idle machine",
    r"python -m benchmarks\.": "takes minutes on an idle machine; tests/benchmarks has a part of each",
    r"python -m tests\.": "draws pictures of whole runs, or writes down what is tested",
    "python -m nltk.downloader": "needs the network",
    "kedro run --pipelines=preprocessing_ablation": "needs NLTK's data: tests/pipelines/test_cleaning_ways.py",
    "kedro export$": "is the first half of kedro export --quantize int8",
    "pytest ": "is part of what runs this test",
}
SERVERS = {  # what goes on until it is stopped: how its port is said, and an address of it
    "kedro serve": ("--port={}", "/health"),
    "kedro viz run": ("--no-browser --port={}", "/api/main"),
    "python -m http.server": ("{}", "/"),
}
WHOLE = re.compile(r"kedro run --(params|env)=\S+( --params=\S+)?$")
PATIENCE = 120  # seconds
SMALLEST = {"learning_curve": {"techniques": ["full_fine_tuning"], "sizes": [6, 8, 12]}}


def texts() -> dict[str, str]:
    """Return what is read of each page and notebook."""
    read = {page.relative_to(PROJECT).as_posix(): page.read_text(encoding="utf-8") for page in PAGES}
    for path in sorted((PROJECT / "notebooks").glob("*.ipynb")):
        cells = nbformat.read(path, 4).cells
        read[path.name] = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return {name: text for name, text in read.items() if Path(name).name not in MADE}


def commands(text: str) -> list[str]:
    """Return the commands of a page: lines of blocks that name no language, and code with arguments elsewhere."""
    parts = re.split(r"^```(.*)\n((?:.*\n)*?)```$", text, flags=re.MULTILINE)
    blocks = [block for language, block in zip(parts[1::3], parts[2::3], strict=True) if not language]
    lines = [line.partition(" #")[0].strip() for block in blocks for line in block.replace("\\\n", "").splitlines()]
    spans = [span for part in parts[::3] for span in re.findall(r"`([^`\n]+)`", part) if len(span.split()) > 2]
    found = [one.replace(r"\|", "|") for one in (*lines, *spans)]
    return [one for one in found if COMMAND.fullmatch(one) and not TO_FILL_IN.search(one)]


def by_page() -> dict[str, list[str]]:
    """Return the commands of each page that no page before it has."""
    seen: dict[str, str] = {}
    for name, text in texts().items():
        for command in commands(text):
            seen.setdefault(command, name)
    return {page: [one for one, first in seen.items() if first == page] for page in dict.fromkeys(seen.values())}


EVERY = by_page()


@pytest.fixture(scope="module")
def project(finished, tmp_path_factory) -> Path:
    """The study, what a reader has beside it, and small parameters in each environment."""
    folder = Path(shutil.copytree(finished, tmp_path_factory.mktemp("read") / "project"))
    (folder / ".venv").symlink_to(BIN.parent)
    small = OmegaConf.merge(OmegaConf.load(folder / "conf/test/parameters.yml"), SMALLEST)
    OmegaConf.save(small, folder / "conf/test/parameters.yml")
    for name in ("kaggle", "paper"):
        for path in (folder / f"conf/{name}").glob("parameters_*.yml"):
            path.unlink()
        own = folder / f"conf/{name}/parameters.yml"
        OmegaConf.save(OmegaConf.merge(OmegaConf.load(own) if own.is_file() else {}, small), own)
    raw = folder / "data/01_raw"
    for part in ("training", "validation"):
        shutil.copy(raw / f"sample_{part}.csv", raw / f"twitter_{part}.csv")
    posts = pd.read_csv(raw / "sample_training.csv", header=None, keep_default_na=False, dtype=str)[200:320]
    posts = posts.rename(columns={3: "text", 2: "stars"})[["text", "stars"]]
    posts["split"] = [("train", "train", "test")[n % 3] for n in range(len(posts))]
    posts.to_csv(folder / "my.csv", index=False)
    for name, part in posts.groupby("split"):
        part.to_csv(folder / f"my_{name}.csv", index=False)
    posts.rename(columns={"text": "content"})[:20].to_csv(folder / "in.csv", index=False)
    (folder / "site").mkdir()
    return folder


@pytest.fixture
def here(project, monkeypatch) -> Path:
    """The working directory, with a best model that has a soft prompt, another before it, and that of a run ``my``."""
    models = project / "data/06_models/test"
    kept = {"best": "prompt_tuning", "best.previous": "layer_unfreezing", "../my/best": "linear_svc"}
    for name, technique in kept.items():
        shutil.rmtree(models / name, ignore_errors=True)
        shutil.copytree(models / "leak_free" / technique, models / name)
    for name, value in {"KEDRO_ENV": "test", "PATH": f"{BIN}:{os.environ['PATH']}", "HF_HUB_OFFLINE": "1"}.items():
        monkeypatch.setenv(name, value)
    return project


def given(command: str) -> str:
    """Return what is run of a command: the run is named test, a whole study stops after its data."""
    command = re.sub("=(embedded|models/all-mpnet-base-v2)", "=data/01_raw/tiny_encoder", command)
    command = command.replace("06_models/sample/", "06_models/test/")
    return f"{command} --pipelines=data_processing" if WHOLE.match(command) else command


def in_shell(project: Path, command: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["bash", "-c", command], cwd=project, env=ENVIRONMENT | os.environ, capture_output=True, text=True
    )


def free_port() -> int:
    """Return a port that nobody listens on, among those that kedro viz takes."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)):
                return port


@contextmanager
def served(project: Path, command: str, option: str, path: str):
    """Start what goes on until it is stopped; give its address when it answers."""
    port = free_port()
    words = shlex.split(f"{command} {option.format(port)}")
    log = project / "server.txt"
    with log.open("w") as out:  # a group of its own: kedro viz starts a process that outlives it
        process = subprocess.Popen(words, cwd=project, stdout=out, stderr=out, start_new_session=True)
    try:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE).close()
                break
            except OSError:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < end, command
                time.sleep(0.1)
        yield f"127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, SIGKILL)
        process.wait()


def failed(project: Path, command: str, servers: ExitStack, address: str) -> tuple[str, str]:
    """Run a command; return what went wrong, and the address of the server that was started last."""
    command = given(command)
    if server := next((one for one in SERVERS if command.startswith(one)), None):
        return "", servers.enter_context(served(project, command, *SERVERS[server]))
    words = shlex.split(command)
    own = words[0] == "kedro" and words[1] in COMMANDS and "|" not in words
    if own:
        done = kedro_here(project, *words[1:])
    else:
        done = in_shell(project, command.replace("localhost:8000", address).replace("curl ", "curl -sS --fail "))
    return f"{command}\n{done.stdout}{done.stderr}" if done.returncode else "", address


@pytest.mark.parametrize("page", EVERY)
def test_every_command_of_the_page_runs(page, here):
    address = ""
    with ExitStack() as servers:
        for command in EVERY[page]:
            if not any(re.match(one, command) for one in NOT_RUN):
                wrong, address = failed(here, command, servers, address)
                assert not wrong, wrong


def test_what_is_not_run_is_in_the_documentation():
    every = [command for page in EVERY.values() for command in page]
    assert [one for one in NOT_RUN if not any(re.match(one, command) for command in every)] == []
    assert sum(any(re.match(one, command) for one in NOT_RUN) for command in every) < len(every) * 0.6


@pytest.mark.parametrize("page", ["README.md", "docs/models.md", "docs/your_data.md"])
def test_every_example_in_python_runs(page, here, monkeypatch):
    monkeypatch.chdir(here)
    blocks = re.findall(r"```python\n(.*?)```", texts()[page], flags=re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block.replace("/sample/", "/test/"), page, "exec"), {})

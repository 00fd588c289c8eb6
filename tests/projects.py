"""Copies of the project, and its commands: in a process of their own as a user starts them, or in this one."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import chdir
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

PROJECT = Path(__file__).parents[1]
KEDRO = str(Path(sys.executable).with_name("kedro"))
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "KEDRO_DISABLE_TELEMETRY": "1"}


def copy_project(folder: Path, encoder: Path) -> Path:
    """Copy what a run needs: the configuration, the code and the sample, and link the tiny encoder."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(PROJECT / "conf", folder / "conf")
    shutil.copy(PROJECT / "pyproject.toml", folder)
    shutil.copy(PROJECT / ".telemetry", folder)
    shutil.copytree(PROJECT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    (folder / "data/01_raw").mkdir(parents=True)
    for part in ("training", "validation"):
        shutil.copy(PROJECT / f"data/01_raw/sample_{part}.csv", folder / "data/01_raw")
    (folder / "data/01_raw/tiny_encoder").symlink_to(encoder)
    return folder


def tiny_encoder(folder: Path) -> Path:
    """Write an encoder of DistilBERT's shape, tiny and random, and the embedded encoder's tokenizer."""
    import torch
    from transformers import DistilBertConfig, DistilBertModel

    from tweet_sentiment.modeling.encoders import load_tokenizer

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        DistilBertModel(DistilBertConfig(dim=32, n_layers=2, n_heads=4, hidden_dim=64)).save_pretrained(folder)
    load_tokenizer("embedded").save_pretrained(folder)
    return folder


SMALLER = {
    "seeds": [42, 43],
    "data": {"row_limit": 60},
    "hyperparameter_search": {"n_trials": 1},
    "prompt_tuning": {"row_limit": 8, "hard_prompts": ["The sentiment is:"]},
    "uncertainty": {"resamples": 100},
}


def small_project(folder: Path) -> Path:
    """Copy the project, with the tiny encoder in it and parameters for few posts."""
    from omegaconf import OmegaConf

    encoder = folder / "data/01_raw/tiny_encoder"
    copy_project(folder, encoder)
    encoder.unlink()
    tiny_encoder(encoder)
    parameters = folder / "conf/test/parameters.yml"
    OmegaConf.save(OmegaConf.merge(OmegaConf.load(parameters), SMALLER), parameters)
    return folder


def kedro(project: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Give a command as a user does, in a process of its own: some ten seconds of imports."""
    return subprocess.run([KEDRO, *arguments], cwd=project, env=ENVIRONMENT, capture_output=True, text=True)


def kedro_here(project: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Give a command of the project's in this process: the same status and messages, but not the log."""
    from kedro.framework.project import configure_project
    from kedro.framework.startup import bootstrap_project

    from tweet_sentiment.cli import cli

    bootstrap_project(PROJECT)
    configure_project("tweet_sentiment")
    with chdir(project):
        done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)


def run(project: Path, *arguments: str) -> str:
    """Run pipelines in this process; return what is printed."""
    done = kedro_here(project, "run", "--env=test", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def killed_at_rename(number: int, work: Callable[[], object]) -> None:
    """Do the work in a process of its own, which is killed instead of the rename of this number, counted from 1."""
    if pid := os.fork():
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
        return
    renames, replace = count(1), os.replace
    os.replace = lambda *names: os.kill(os.getpid(), signal.SIGKILL) if next(renames) == number else replace(*names)
    try:
        work()
    finally:
        os._exit(0)


def message(done: subprocess.CompletedProcess) -> str:
    """Return what a command that failed says, and check that it is for people."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done.stderr


def outputs(project: Path) -> dict[Path, bytes]:
    """Return every file of every layer but the raw one, and its content."""
    layers = [folder for folder in (project / "data").iterdir() if folder.name != "01_raw"]
    return {path: path.read_bytes() for layer in layers for path in layer.rglob("*") if path.is_file()}


def assert_predicts_what_is_stored(project: Path, technique: str) -> None:
    """The model of a row of the comparison, loaded anew, gives the predictions that the row was counted from."""
    from tweet_sentiment.predictor import Predictor

    predictor = Predictor.load(project / f"data/06_models/test/leak_free/{technique}", "cpu", precision="fp32")
    posts = pd.read_parquet(project / "data/02_intermediate/test/leak_free/split_test_posts.parquet")
    stored = pd.read_parquet(project / f"data/07_model_output/test/leak_free/{technique}/predictions.parquet")
    assert len(posts) == len(stored)
    stored = stored.set_index("row").loc[posts["row"]]
    given = predictor(posts["post"])
    assert list(given["label"]) == list(stored["predicted"])
    columns = [f"probability_{label}" for label in predictor.labels]
    assert np.abs(given[columns].to_numpy() - stored[columns].to_numpy()).max() < 1e-5


def assert_transformers_answers_alike(project: Path, technique: str, literal: str = "[SEP]") -> None:
    """Ask transformers' pipeline and ours the same posts, cleaned as in training; one holds a special token's name."""
    from transformers import pipeline

    from tweet_sentiment.predictor import Predictor

    folder = project / f"data/06_models/test/leak_free/{technique}"
    predictor = Predictor.load(folder, "cpu", precision="fp32")
    posts = [f"I love it {literal}", "so bad " * 200, "we play at nine 🤣"]
    classify = pipeline("text-classification", model=str(folder), device="cpu", top_k=None, truncation=True)
    for answer, row in zip(classify(predictor.cleaned(posts)), predictor.probabilities(posts), strict=True):
        scores = {one["label"]: one["score"] for one in answer}
        assert [scores[label] for label in predictor.labels] == pytest.approx(row.tolist(), abs=1e-5)


def run_code_of_card(folder: Path) -> list[str]:
    """Run every block of code of a model's card as it stands, with the folder's path put in."""
    blocks = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), flags=re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block.replace("path/of/this/folder", str(folder)), "card", "exec"), {})
    return blocks

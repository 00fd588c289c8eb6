"""A whole study that has been run, and copies of it to change."""

import shutil
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from tests.incremental.sessions import run
from tests.test_study import copy_project

SMALLER = {
    "seeds": [42, 43],
    "data": {"row_limit": 60},
    "hyperparameter_search": {"n_trials": 1},
    "prompt_tuning": {"row_limit": 8, "hard_prompts": ["The sentiment is:"]},
}


@pytest.fixture(scope="session")
def finished(tmp_path_factory, encoder) -> Path:
    """The whole study on few posts, run once. To change nothing in."""
    folder = copy_project(tmp_path_factory.mktemp("incremental") / "project", encoder)
    (folder / "data/01_raw/tiny_encoder").unlink()
    shutil.copytree(encoder, folder / "data/01_raw/tiny_encoder")
    parameters = folder / "conf/test/parameters.yml"
    OmegaConf.save(OmegaConf.merge(OmegaConf.load(parameters), SMALLER), parameters)
    run(folder)
    return folder


@pytest.fixture
def study(finished, tmp_path) -> Path:
    """A copy of the finished study, to change."""
    return Path(shutil.copytree(finished, tmp_path / "study"))

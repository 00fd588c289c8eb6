"""Copies of the finished study, to change."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def study(finished, tmp_path) -> Path:
    """A copy of the finished study, to change."""
    return Path(shutil.copytree(finished, tmp_path / "study"))

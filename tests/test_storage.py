"""Files and folders are written whole or not at all."""

import errno
import os
import sqlite3
import subprocess
import sys

import pytest

from tests.projects import killed_at_rename
from tweet_sentiment.storage import atomic_write, restore, tidy


def tree(folder):
    """Return every file below a folder with its content."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write(path, content):
    """Write a file, or a folder with a file for each name."""
    if isinstance(content, dict):
        path.mkdir()
        for name, text in content.items():
            (path / name).write_text(text)
    else:
        path.write_text(content)


def write_and_raise(path, content, error):
    write(path, content)
    raise error


FILE = ("old", "new")
FOLDER = ({"weights": "old", "only_old": "x"}, {"weights": "new"})


@pytest.mark.parametrize(("old", "new"), [FILE, FOLDER])
def test_the_new_one_takes_the_place_of_the_old_one_and_nothing_else_is_left(tmp_path, old, new):
    path = tmp_path / "out" / "it"
    for content in (old, new):
        with atomic_write(path) as beside:
            assert not beside.exists()
            assert beside.parent == path.parent
            write(beside, content)
        assert [left.name for left in path.parent.iterdir()] == ["it"]
    expected = {"it": b"new"} if new == "new" else {"it/weights": b"new"}
    assert tree(path.parent) == expected


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize(("old", "new"), [FILE, FOLDER])
def test_an_error_inside_leaves_the_old_one_as_it_was_and_nothing_beside_it(tmp_path, old, new, error):
    path = tmp_path / "it"
    write(path, old)
    before = tree(tmp_path)
    with pytest.raises(error), atomic_write(path) as beside:
        write_and_raise(beside, new, error)
    assert tree(tmp_path) == before


def test_an_error_before_anything_was_written_leaves_no_file_at_all(tmp_path):
    with pytest.raises(ValueError, match="no"), atomic_write(tmp_path / "it"):
        raise ValueError("no")
    assert not list(tmp_path.iterdir())


def test_a_block_that_writes_nothing_is_an_error_and_the_old_one_stays(tmp_path):
    (tmp_path / "it").write_text("old")
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "it"):
        pass
    assert tree(tmp_path) == {"it": b"old"}


def test_a_folder_takes_the_place_of_a_file_but_never_a_file_that_of_a_folder(tmp_path):
    with atomic_write(tmp_path / "one") as beside:
        write(beside, {"weights": "new"})
    write(tmp_path / "other", "old")
    with atomic_write(tmp_path / "other") as beside:
        write(beside, {"weights": "new"})
    before = tree(tmp_path)
    assert set(before) == {"one/weights", "other/weights"}
    with pytest.raises(IsADirectoryError), atomic_write(tmp_path / "one") as beside:
        write(beside, "a file")
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
        OSError("Error writing bytes to file. Detail: [errno 28] No space left on device"),
        RuntimeError("[enforce fail at inline_container.cc:672] . PytorchStreamWriter failed writing file data/1"),
        sqlite3.OperationalError("database or disk is full"),
    ],
)
def test_a_full_disk_is_told_with_the_file_whoever_writes(tmp_path, error):
    with pytest.raises(OSError, match="No space left on device") as told, atomic_write(tmp_path / "it"):
        raise error
    assert (told.value.errno, told.value.filename) == (errno.ENOSPC, str(tmp_path / "it"))


@pytest.mark.parametrize("call", [1, 2])
def test_a_kill_between_the_renames_of_a_folder_loses_nothing(tmp_path, call):
    """Before the first rename the old folder is in its place; before the second it stands aside and is brought back."""
    path = tmp_path / "it"

    def replaced(by):
        with atomic_write(path) as beside:
            write(beside, {"weights": by})

    write(path, {"weights": "old"})
    killed_at_rename(call, lambda: replaced("new"))
    restore(path)
    assert tree(path) == {"weights": b"old"}
    replaced("newer")
    assert tree(path) == {"weights": b"newer"}


def test_what_a_dead_process_left_unfinished_is_swept_and_what_a_living_one_writes_is_not(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for process in (ended.pid, os.getpid(), os.getppid(), "x"):
        write(tmp_path / f".it.{process}.new", {"weights": "half"})
    write(tmp_path / f".other.{ended.pid}.new", "half")
    with atomic_write(tmp_path / "it") as beside:
        write(beside, "whole")
    left = {f".it.{os.getppid()}.new", ".it.x.new", f".other.{ended.pid}.new"}
    assert {path.name for path in tmp_path.iterdir()} == {"it", *left}
    write(tmp_path / f".it.{ended.pid}.new", "half")
    write(tmp_path / ".it.old", {"weights": "old"})
    tidy(tmp_path / "it")
    assert {path.name for path in tmp_path.iterdir()} == {"it", *left}
    (tmp_path / "it").rename(tmp_path / ".it.old")
    tidy(tmp_path / "it")
    assert (tmp_path / ".it.old").exists()  # it is all that there is


def test_what_an_earlier_kill_left_aside_is_not_brought_back_over_a_newer_one(tmp_path):
    write(tmp_path / ".it.old", {"weights": "old"})
    write(tmp_path / "it", {"weights": "new"})
    restore(tmp_path / "it")
    assert tree(tmp_path / "it") == {"weights": b"new"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_an_error_and_the_old_one_stays(tmp_path):
    (tmp_path / "it").write_text("old")
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(PermissionError), atomic_write(tmp_path / "it") as beside:
            beside.write_text("new")
    finally:
        tmp_path.chmod(0o755)
    assert tree(tmp_path) == {"it": b"old"}

"""What a process does to the files of a folder, as it does it; and what a power cut makes of them.

A power cut loses what was not synced: a file may be empty or half, a name in a folder that was not synced since may be
as it was before. SQLite's files are left as they are: it syncs them itself, unseen from Python.
"""

import json
import os
import shutil
import sqlite3
import stat
from pathlib import Path
from random import Random
from signal import SIGKILL, Signals
from sys import addaudithook
from threading import Timer
from typing import Any

SQLITE = ".sqlite3"
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
State = dict[int, tuple[int, int]]  # of each file by inode: bytes, and when it was written to


class Journal:
    """Writes down each operation on files of ``folder``, before it is done, and may end the process at one of them.

    What an operation deletes is kept by a second link in ``kept``. There is no way back: for a process of its own.
    """

    def __init__(
        self, folder: Path, record: Path, kept: Path, at: int | None = None, by: Signals | None = None
    ) -> None:
        self._root, self._kept, self._at, self._by = str(folder), kept, at, by
        self._file, self._count, self._busy = record.open("ab", buffering=0), 0, False
        self._fsync, self._connect = os.fsync, sqlite3.connect

    def install(self) -> None:
        """Begin."""
        os.fsync, sqlite3.connect = self._synced, self._connected
        addaudithook(self._notice)

    def _notice(self, event: str, given: tuple[Any, ...]) -> None:
        if self._busy:
            return
        self._busy = True
        try:
            if event == "open" and not isinstance(given[0], int) and (given[2] or 0) & WRITING:
                path = self._path(given[0])
                self._note("write" if os.path.exists(path) else "create", path)
            elif event == "os.rename":
                self._note("rename", self._path(given[0], given[2]), self._path(given[1], given[3]))
            elif event in ("os.remove", "os.rmdir"):
                self._note(event.removeprefix("os."), self._path(*given))
            elif event == "os.mkdir":
                self._note("mkdir", self._path(given[0], given[2]))
        finally:
            self._busy = False

    def _path(self, path: Any, within: int = -1) -> str:
        path = os.fsdecode(path)
        return os.path.join(os.getcwd() if within < 0 else os.readlink(f"/proc/self/fd/{within}"), path)

    def _note(self, what: str, *paths: str, **more: Any) -> None:
        if not all(f"{path}/".startswith(f"{self._root}/") for path in paths):
            return
        if os.path.lexists(paths[0]) == (what in ("create", "mkdir")):
            return  # it will fail, and do nothing
        doomed = paths[-1]
        if what in ("remove", "rename") and os.path.isfile(doomed) and not os.path.islink(doomed):
            os.link(doomed, self._kept / str(self._count))
        entry = {"what": what, "paths": paths, "number": self._count, **more}
        os.write(self._file.fileno(), json.dumps(entry).encode() + b"\n")
        self._tick()

    def _tick(self) -> None:
        self._count += 1
        if self._count == self._at and self._by == SIGKILL:
            os.kill(os.getpid(), SIGKILL)
        elif self._count == self._at and self._by is not None:  # not here, where its handler's exception could be lost
            Timer(0, os.kill, (os.getpid(), self._by)).start()

    def _connected(self, *arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = self._connect(*arguments, **options)
        if self._by == SIGKILL:  # a moment like the others; what a signal's handler raised here would be lost
            connection.set_trace_callback(lambda statement: self._tick())
        return connection

    def _synced(self, descriptor: Any) -> None:
        self._fsync(descriptor)
        number = descriptor if isinstance(descriptor, int) else descriptor.fileno()
        found = os.fstat(number)
        path, kind = os.readlink(f"/proc/self/fd/{number}"), "folder" if stat.S_ISDIR(found.st_mode) else "file"
        self._note("sync", path, kind=kind, inode=found.st_ino, state=(found.st_size, found.st_mtime_ns))


def state_of(*folders: Path) -> State:
    """Return what every file is like."""
    files = (path.lstat() for folder in folders for path in folder.rglob("*") if path.is_file())
    return {one.st_ino: (one.st_size, one.st_mtime_ns) for one in files}


def cut_power(folder: Path, record: Path, kept: Path, before: State, random: Random) -> None:
    """Take away what was not synced of what the process did that is dead now; ``before``: what was there and safe."""
    entries = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
    safe = before | {one["inode"]: tuple(one["state"]) for one in entries if one["what"] == "sync"}
    for path in [*folder.rglob("*"), *kept.iterdir()]:
        if path.is_file() and not path.is_symlink() and SQLITE not in path.name:
            found = path.stat()
            if safe.get(found.st_ino) != (found.st_size, found.st_mtime_ns):
                os.truncate(path, random.choice([0, found.st_size // 2, found.st_size]))
    for entry in reversed(_lost(entries, random)):
        _undo(entry, kept)


def _lost(entries: list[dict[str, Any]], random: Random) -> list[dict[str, Any]]:
    """Return the last operations in each folder since it was synced: all, or some of the last of them."""
    since: dict[str, list[int]] = {}
    for place, entry in enumerate(entries):
        if entry["what"] == "sync":
            if entry["kind"] == "folder":
                since.pop(entry["paths"][0], None)
        elif entry["what"] != "write":
            for folder in {os.path.dirname(path) for path in entry["paths"]}:
                since.setdefault(folder, []).append(place)
    lost = {
        place for places in since.values() for place in places[random.choice([0, random.randrange(len(places) + 1)]) :]
    }
    return [entries[place] for place in sorted(lost)]


def _undo(entry: dict[str, Any], kept: Path) -> None:
    source, target = Path(entry["paths"][0]), Path(entry["paths"][-1])
    old = kept / str(entry["number"])
    if not source.parent.is_dir():
        return
    if entry["what"] == "create":
        source.unlink(missing_ok=True)
    elif entry["what"] == "mkdir":
        shutil.rmtree(source, ignore_errors=True)
    elif entry["what"] == "rmdir":
        source.mkdir(exist_ok=True)
    elif entry["what"] == "rename" and target.exists() and not source.exists():
        os.replace(target, source)
    if old.is_file() and not target.exists() and target.parent.is_dir():
        shutil.copyfile(old, target)

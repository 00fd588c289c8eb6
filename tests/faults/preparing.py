"""What is done to a project before a command is given: files written, cut, changed; disks full; locks held.

Each function returns what does it, given the project's folder; that may return what undoes it. Files are put back by
the bench itself.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

Undo = Callable[[], Any]
Prepare = Callable[[Path], Undo | None]


class CannotPrepare(Exception):
    """This machine does not let the fault be provoked; the message says what it takes."""


def written(path: str, content: str | bytes) -> Prepare:
    """Write a file."""

    def prepare(project: Path) -> None:
        file = project / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)

    return prepare


def changed(path: str, change: Callable[[bytes], bytes], to: str | None = None) -> Prepare:
    """Change the content of each file that the glob matches; ``to``: write it elsewhere."""

    def prepare(project: Path) -> None:
        found = sorted(project.glob(path))
        assert found, f"no {path}"
        for file in found:
            written(to or file.relative_to(project).as_posix(), change(file.read_bytes()))(project)

    return prepare


def removed(path: str) -> Prepare:
    """Delete each file or folder that the glob matches."""

    def prepare(project: Path) -> None:
        for found in sorted(project.glob(path)):
            shutil.rmtree(found) if found.is_dir() else found.unlink()

    return prepare


def copied(path: str, to: str) -> Prepare:
    """Copy a file or a folder."""

    def prepare(project: Path) -> None:
        source, target = project / path, project / to
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)

    return prepare


def linked(path: str, to: str) -> Prepare:
    """Make a symbolic link."""

    def prepare(project: Path) -> None:
        (project / path).unlink(missing_ok=True)
        (project / path).symlink_to(to)

    return prepare


def settings(path: str, **values: Any) -> Prepare:
    """Set keys of a JSON file."""
    return changed(path, lambda content: json.dumps({**json.loads(content), **values}).encode())


def tensors(path: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Prepare:
    """Change the tensors of a safetensors file."""

    def prepare(project: Path) -> None:
        from safetensors.numpy import load_file, save_file

        weights = change(dict(load_file(project / path)))
        (project / path).unlink()
        save_file(weights, project / path, metadata={"format": "pt"})

    return prepare


def vouched(folder: str) -> Prepare:
    """Sign a model folder anew, as if it had been saved as it is."""

    def prepare(project: Path) -> None:
        from tweet_sentiment.manifests import write_manifest

        manifest = json.loads((project / folder / "manifest.json").read_text(encoding="utf-8"))
        write_manifest(project / folder, manifest)

    return prepare


def mounted(path: str, free: int, read_only: bool = False) -> Prepare:
    """Let a folder be a disk of its own, with what is in it and so many free bytes, or one that takes no writing."""

    def prepare(project: Path) -> Undo:
        folder = project / path
        folder.mkdir(parents=True, exist_ok=True)
        kept = folder.with_name(f"{folder.name}.kept")
        if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True).returncode:
            raise CannotPrepare("a small disk can only be mounted by root")

        def undo() -> None:
            subprocess.run(["umount", "-l", folder], check=True)
            shutil.rmtree(kept, ignore_errors=True)

        subprocess.run(["umount", folder], check=True)
        shutil.copytree(folder, kept, symlinks=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], check=True)
        shutil.copytree(kept, folder, symlinks=True, dirs_exist_ok=True)
        shutil.rmtree(kept)
        used = 64 * 2**20 - shutil.disk_usage(folder).free
        options = "ro" if read_only else f"size={-(-(used + free) // 4096) * 4096}"
        subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)
        return undo

    return prepare


def locked(path: str) -> Prepare:
    """Hold a lock, as another run does."""

    def prepare(project: Path) -> Undo:
        from filelock import FileLock

        lock = FileLock(project / path)
        lock.acquire(timeout=0)
        return lock.release

    return prepare

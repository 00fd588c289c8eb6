"""A file of a million posts through ``kedro predict``: ``python -m benchmarks.million --rows 1000000``.

Prints rows, seconds, rows per second, and the most memory that the process took. With ``--folder`` the files are kept;
the same command after a kill then goes on.
"""

import argparse
import csv
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.posts import PROJECT, REAL, SAMPLE

SEED = 42


def main() -> None:
    """Write the file, predict it in a process of its own, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--words", type=int, help="leave each post so many words; all if not given")
    parser.add_argument("--model", default="data/06_models/sample/best")
    parser.add_argument("--output", default="out.parquet", help="name of the output: .parquet, .csv or .jsonl")
    parser.add_argument("--folder", type=Path, help="where to keep the files; a temporary folder if not given")
    asked = parser.parse_args()
    with TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        source = folder / f"{asked.rows}_{asked.words or 'all'}.csv"
        if not source.exists():
            write_posts(source, asked.rows, asked.words)
        print(measure(source, folder / asked.output, asked.model, asked.rows))


def write_posts(path: Path, rows: int, words: int | None = None) -> None:
    """Write ``rows`` posts, or their first ``words``, drawn from the real training file, or the sample's."""
    posts = [post if words is None else " ".join(post.split()[:words]) for post in _posts()]
    draw = random.Random(SEED)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "content"])
        writer.writerows((number, draw.choice(posts)) for number in range(rows))


def _posts() -> Iterator[str]:
    path = PROJECT / REAL["training"]
    with (path if path.is_file() else PROJECT / SAMPLE["training"]).open(newline="", encoding="utf-8") as file:
        yield from (row[3] for row in csv.reader(file))


def measure(source: Path, output: Path, model: str, rows: int) -> str:
    """Predict the file in a new process; return what it took, in one line.

    Raises:
        SystemExit: the command failed; its messages stand above.
    """
    kedro = str(Path(sys.executable).with_name("kedro"))
    command = [kedro, "predict", "--csv", str(source), "--text-column", "content", "--output", str(output)]
    start = perf_counter()
    process = subprocess.Popen([*command, "--model", model], cwd=PROJECT)
    _, status, used = os.wait4(process.pid, 0)
    seconds = perf_counter() - start
    if os.waitstatus_to_exitcode(status):
        raise SystemExit("kedro predict failed")
    size = source.stat().st_size / (1 << 20)
    return (
        f"{rows:,} rows ({size:,.0f} MiB) in {seconds:,.0f} s, start included: {rows / seconds:,.0f} rows per second, "
        f"at most {used.ru_maxrss / 1024:,.0f} MiB of memory"
    )


if __name__ == "__main__":
    main()

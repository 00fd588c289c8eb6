"""One progress bar for everything that takes longer than a few seconds: rate and time left, quiet in a log file."""

import sys
from typing import Any


def progress_bar(description: str, total: int, unit: str = "posts") -> Any:
    """Return a tqdm bar to be updated by hand; away from a terminal it writes a line every half minute."""
    from tqdm import tqdm

    terminal = sys.stderr.isatty()
    return tqdm(
        desc=description, total=total, unit=f" {unit}", mininterval=0.2 if terminal else 30, delay=2, leave=terminal
    )

"""Unfinished work is gone on with only by the code, and on the data, that it was begun with.

What lies in a working folder is marked with the parameters and the account of rows that it was made of, but not with
code, libraries, or texts that changed while their number did not. So each such state has a folder of its own.
"""

import logging
import shutil
from pathlib import Path
from typing import Any

from tweet_sentiment.provenance import fingerprint

logger = logging.getLogger(__name__)


def folder_for(working_folder: Path, node: str, conditions: Any) -> Path:
    """Return the node's folder for work under these conditions.

    Of its folders for others the latest is kept, for who takes a change back; the rest are deleted.
    """
    name = node.rpartition(".")[2]
    mine = working_folder / f"{name}-{fingerprint(conditions)}"
    others = sorted(set(working_folder.glob(f"{name}-*")) - {mine}, key=lambda folder: folder.stat().st_mtime)
    if others and not mine.exists():
        logger.info("%s: code, libraries, data or machine have changed; unfinished work is begun anew.", node)
    for old in others[:-1]:
        shutil.rmtree(old)
    mine.mkdir(parents=True, exist_ok=True)
    return mine

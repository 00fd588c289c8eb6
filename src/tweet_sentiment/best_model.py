"""The best model of a run: a copy of a technique's folder with a model card; the previous one can be restored."""

import logging
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tweet_sentiment.addresses import fetch, written
from tweet_sentiment.errors import StudyError
from tweet_sentiment.manifests import (
    CARD,
    ENSEMBLE,
    FORMAT,
    MANIFEST,
    MEMBERS,
    checked_manifest,
    members_of,
    read_manifest,
    write_manifest,
)
from tweet_sentiment.storage import exchange, restore

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Promotion:
    """The technique with the best model, the reason (for its manifest), and its card; or why there is none.

    ``figure`` is what decided, in words.
    """

    technique: str | None
    why: dict[str, Any] = field(default_factory=dict)
    card: str = ""
    figure: str = ""


def previous_of(best: Path) -> Path:
    """Return the folder of the previous best model."""
    return best.parent / f"{best.name}.previous"


def promote(promotion: Promotion, models: Path, best: Path) -> None:
    """Copy the technique's folder from ``models`` to ``best``, whole or not at all, with card and manifest.

    The members of an ensemble are copied into it, so that ``best`` can be moved. The former best model becomes the
    previous one, unless it is the same.

    Raises:
        StudyError: the technique's folder is not whole.
    """
    if promotion.technique is None:
        return
    source = fetch(models / promotion.technique)
    restore(best, previous_of(best))
    manifest = checked_manifest(source)
    with written(best, keep=None if _is(best, manifest) else previous_of(best)) as new:
        shutil.copytree(source, new, ignore=shutil.ignore_patterns(MANIFEST))
        members = {}
        for name, path in members_of(source, manifest).items():
            shutil.copytree(path, new / MEMBERS / name)
            members[name] = manifest[MEMBERS][name] | {"folder": f"{MEMBERS}/{name}"}
        (new / CARD).write_text(promotion.card, encoding="utf-8")
        content = manifest | ({MEMBERS: members} if members else {})
        write_manifest(new, content | {"promotion": promotion.why})
        checked_manifest(new)
        if not _is(new, manifest):
            raise StudyError(f"{source} was changed while it was copied; promote it again.")
    logger.info("Promoted: %s%s.", promotion.technique, promotion.figure)


def _is(best: Path, manifest: dict[str, Any]) -> bool:
    try:
        return _weights(read_manifest(best)) == _weights(manifest)
    except StudyError:
        return False


def _weights(manifest: dict[str, Any]) -> dict[str, str]:
    if manifest.get(FORMAT) == ENSEMBLE:
        return {name: member["manifest"] for name, member in manifest[MEMBERS].items()}
    return {name: sha256 for name, sha256 in manifest["files"].items() if name != CARD}


def bring_back(best: Path) -> dict[str, Any]:
    """Exchange the best model and the previous one; return the manifest of the new best model.

    Raises:
        StudyError: there is no previous one, or it is not whole.
    """
    previous = previous_of(best)
    restore(best, previous)
    if not previous.is_dir():
        raise StudyError(f"{previous}: there is no previous model to restore; one is kept when another is promoted.")
    manifest = checked_manifest(previous)
    exchange(best, previous) if best.is_dir() else previous.rename(best)
    return manifest

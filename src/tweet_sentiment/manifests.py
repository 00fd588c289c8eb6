"""``manifest.json`` of a model folder: where the model comes from, and the hash of every file; needs no torch."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tweet_sentiment.addresses import fetch
from tweet_sentiment.errors import StudyError
from tweet_sentiment.storage import file_hash, folder_hashes, library_versions

MANIFEST = "manifest.json"
CARD = "README.md"
FORMAT = "format"  # of a folder, in its manifest
ENCODER, CLASSICAL, ENSEMBLE = "encoder", "classical", "ensemble"
MEMBERS = "members"  # of an ensemble: by name, the folder as seen from its own, and the hash of its manifest
REMEDY = "train the model again, or bring the folder back whole"


def hashes(folder: Path) -> dict[str, str]:
    """Return the sha256 of every file of a folder except its manifest, by path."""
    return folder_hashes(folder, without=MANIFEST)


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest with the hash of every file of the folder; it must be written last."""
    content = json.dumps({**manifest, "files": hashes(folder)}, indent=2, ensure_ascii=False)
    (folder / MANIFEST).write_text(content, encoding="utf-8")


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest, unchecked.

    Raises:
        StudyError: there is none, or it is damaged.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise StudyError(
            f"{folder}: no {MANIFEST} here. A technique writes a model folder, and reporting writes a run's best:\n"
            "  kedro run --pipelines=layer_unfreezing  and then  kedro run --pipelines=reporting"
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        ensemble = manifest.get(FORMAT) == ENSEMBLE  # it has members instead of files
        named = _named_members(manifest[MEMBERS]) if ensemble else manifest["files"].keys()
        sound = bool(manifest["labels"] and named)
    except (ValueError, KeyError, AttributeError, TypeError):
        sound = False
    if not sound:
        raise StudyError(f"{folder}: {MANIFEST} is damaged; {REMEDY}.")
    return dict(manifest)


def _named_members(members: dict[str, dict[str, str]]) -> dict[str, tuple[str, str]]:
    return {name: (member["folder"], member["manifest"]) for name, member in members.items()}


def title(folder: Path, manifest: dict[str, Any]) -> str:
    """Return a model's folder and a short description from its manifest, to name it in answers."""
    what = ", ".join(str(manifest[key]) for key in ("technique", "protocol") if manifest.get(key))
    return f"{folder} ({what})" if what else str(folder)


def checked_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a folder, after checking its files and, for an ensemble, its members.

    Raises:
        StudyError: a file or a member is missing or has changed, or a file is there that the manifest does not list
            (the card may be), or a symbolic link.
    """
    manifest = read_manifest(folder)
    if links := [path for path in folder.rglob("*") if path.is_symlink()]:
        raise StudyError(f"{links[0]} is a symbolic link; put the file itself in its place.")
    found = hashes(folder)
    for name, expected in manifest["files"].items():
        if found.get(name) != expected:
            what = "is missing" if name not in found else "has changed since it was saved"
            raise StudyError(f"{folder}: {name} {what}; {REMEDY}.")
    if unlisted := [name for name in found if name not in manifest["files"] and name != CARD]:
        raise StudyError(f"{folder}: {unlisted[0]} is not one of the files that {MANIFEST} lists; remove it.")
    for member in members_of(folder, manifest).values():
        checked_manifest(member)
    return manifest


def members_of(folder: Path, manifest: dict[str, Any]) -> dict[str, Path]:
    """Return the folders of an ensemble's members by name, or nothing if it is no ensemble.

    Raises:
        StudyError: a member is missing, or is not the one that the ensemble was made of.
    """
    found = {}
    for name, member in manifest[MEMBERS].items() if manifest.get(FORMAT) == ENSEMBLE else ():
        place = folder / str(member["folder"])
        found[name] = fetch(place) if member["folder"].startswith("../") else place  # beside it, not a copy in it
        path = found[name] / MANIFEST
        if not path.is_file() or file_hash(path) != member["manifest"]:
            what = "has changed since the ensemble was made of it" if path.is_file() else "is missing"
            raise StudyError(
                f"{folder}: its member {name}, {found[name]}, {what}.\n"
                f"  Run the ensemble again (kedro run --pipelines=ensemble --params=ensemble.members="
                f"[{','.join(manifest[MEMBERS])}]), or restore the member."
            )
    return found


def format_of(manifest: dict[str, Any], folder: Path) -> str:
    """Return the kind of model in a folder; a manifest without a kind is an encoder's.

    Raises:
        StudyError: this version knows no such format.
    """
    if (found := manifest.get(FORMAT, ENCODER)) not in (ENCODER, CLASSICAL, ENSEMBLE):
        raise StudyError(f"{folder}: {MANIFEST} says {FORMAT} '{found}', which this version does not know.")
    return str(found)


@dataclass(frozen=True)
class Ensemble:
    """An ensemble: the names of its members, whose folders are beside its own, and its manifest."""

    members: list[str]
    manifest: dict[str, Any]

    def save(self, folder: Path) -> None:
        """Write the manifest, with the path and the hash of each member's.

        Raises:
            StudyError: a member has no folder beside this one.
        """
        members = {}
        for name in self.members:
            path = fetch(folder.parent / name) / MANIFEST
            if not path.is_file():
                raise StudyError(
                    f"The ensemble's member {name} has no model folder {path.parent}.\n"
                    "  Run its pipeline again, then: kedro run --pipelines=ensemble"
                )
            members[name] = {"folder": f"../{name}", "manifest": file_hash(path)}
        folder.mkdir(parents=True)
        write_manifest(folder, self.manifest | {MEMBERS: members})


def manifest_of(
    technique: str, study: Any, row_counts: dict[str, Any], figures: dict[str, Any], parameters: dict[str, Any]
) -> dict[str, Any]:
    """Return the content of a model folder's ``manifest.json``: the model's origin and its figures.

    ``row_counts`` comes from data_processing, with the hash of each file and the parameters of the data; ``figures``
    come from the training, with ``input``; ``parameters`` are the sections of conf that the model depends on besides
    the study's and the data's.
    """
    return {
        "technique": technique,
        "protocol": study.protocol,
        "labels": study.labels,
        "seed": study.seed,
        "data": row_counts["files"],
        "n_train": row_counts["training_posts"],
        **figures,
        "parameters": {**study.model_dump(), **row_counts["parameters"], **parameters},
        "versions": library_versions(),
    }


def input_settings(row_counts: dict[str, Any], max_length: int | None, second_segment: Any = None) -> dict[str, Any]:
    """Return how a text becomes the model's input, for its manifest."""
    from tweet_sentiment.parameters import InputSettings

    data = row_counts["parameters"]["data"]
    cleaning = {name: data[name] for name in ("cleaning", "remove_stop_words", "lemmatize")}
    return InputSettings(**cleaning, max_length=max_length, second_segment=second_segment).model_dump()

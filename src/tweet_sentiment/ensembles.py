"""Folders of ensembles: a manifest that names the members by path and hash; in a run's best model they lie within."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tweet_sentiment.errors import StudyError
from tweet_sentiment.manifests import MANIFEST, MEMBERS, file_hash, members_of, write_manifest

WITHIN = "members"  # the folder that holds them, where they lie within


@dataclass(frozen=True)
class Ensemble:
    """The names of the members, whose folders lie beside the ensemble's, and where it comes from."""

    members: list[str]
    manifest: dict[str, Any]

    def save(self, folder: Path) -> None:
        """Write the manifest, with the path and the hash of each member's.

        Raises:
            StudyError: a member has no folder beside this one.
        """
        found = {name: folder.parent / name / MANIFEST for name in self.members}
        if missing := [name for name, path in found.items() if not path.is_file()]:
            raise StudyError(
                f"The ensemble's member {missing[0]} has no model folder {found[missing[0]].parent}.\n"
                "  Run its pipeline again, then: kedro run --pipeline=ensemble"
            )
        folder.mkdir(parents=True)
        members = {name: {"folder": f"../{name}", "manifest": file_hash(path)} for name, path in found.items()}
        write_manifest(folder, self.manifest | {MEMBERS: members})


def take_in(source: Path, manifest: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Copy the members of the ensemble at ``source`` into ``folder``; return the manifest that names them there.

    Of another model the manifest is returned as it is.
    """
    members = {}
    for name, path in members_of(source, manifest).items():
        shutil.copytree(path, folder / WITHIN / name)
        members[name] = manifest[MEMBERS][name] | {"folder": f"{WITHIN}/{name}"}
    return manifest | {MEMBERS: members} if members else manifest

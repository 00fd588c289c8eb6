"""A content hash is equal for equal content, and for no other."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from tweet_sentiment.datasets.tables import Json, Partitions
from tweet_sentiment.incremental.content import MISSING, content_hash, files_hash

NAMES = st.sampled_from(["a", "b", "ab", "a.b", "c/a", "c/b", "d/e/a", "ß 😀"])
FOLDERS = st.dictionaries(NAMES, st.binary(max_size=4), max_size=4)


def hash_of(files):
    with TemporaryDirectory() as folder:
        for name, content in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return content_hash(Path(folder))


@given(FOLDERS, FOLDERS)
def test_folders_have_one_hash_exactly_if_names_and_bytes_are_the_same(one, other):
    assert (hash_of(one) == hash_of(other)) == (one == other)


@given(FOLDERS.filter(bool), st.data())
def test_a_changed_byte_or_name_changes_the_hash(files, data):
    name = data.draw(st.sampled_from(sorted(files)))
    assert hash_of(files | {name: files[name] + b"!"}) != hash_of(files)
    moved = {other: content for other, content in files.items() if other != name} | {f"{name}x": files[name]}
    assert hash_of(moved) != hash_of(files)


@given(st.binary(max_size=8), st.binary(max_size=8))
def test_files_have_one_hash_exactly_if_their_bytes_are_the_same(one, other):
    with TemporaryDirectory() as folder:
        paths = Path(folder, "one"), Path(folder, "other")
        for path, content in zip(paths, (one, other), strict=True):
            path.write_bytes(content)
        assert (content_hash(paths[0]) == content_hash(paths[1])) == (one == other)


def test_a_file_and_the_folder_that_holds_it_and_nothing_differ(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "empty").mkdir()
    hashes = [content_hash(tmp_path / name) for name in ("file", "empty", "nothing", ".")]
    assert len(set(hashes)) == 4
    assert hashes[2] == MISSING


def test_records_are_no_content(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    before = content_hash(tmp_path)
    (tmp_path / ".fingerprints").mkdir()
    (tmp_path / ".fingerprints/file.json").write_text("{}")
    assert content_hash(tmp_path) == before


def test_partitions_are_the_files_that_they_load_and_records_beside_them_are_none(tmp_path):
    partitions = Partitions(path=str(tmp_path), filename_suffix="/metrics.json", dataset=Json)
    none = files_hash(partitions.files())
    for name in ("leak_free/one/metrics.json", "leak_free/one/.fingerprints/metrics.json", "leak_free/two/other.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(json.dumps({"name": name}))
    assert set(partitions.files()) == set(partitions.load()) == {"leak_free/one"}
    assert files_hash(partitions.files()) != none
    assert partitions.holds(tmp_path / "leak_free/three/metrics.json")
    assert not partitions.holds(tmp_path / "leak_free/.fingerprints/metrics.json")
    assert not partitions.holds(tmp_path.parent / "metrics.json")

"""The notebooks: they run on a finished study, compute nothing long, and are kept with their outputs."""

from base64 import b64decode

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import PROJECT

NOTEBOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb"))
LARGEST = 700_000  # bytes, outputs included


def code_of(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_is_one_to_explore_one_to_compare_one_to_try():
    assert [path.stem for path in NOTEBOOKS] == ["01_explore_the_data", "02_compare_techniques", "03_try_the_model"]


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_on_a_study_that_has_been_run(path, finished, monkeypatch):
    monkeypatch.setenv("KEDRO_ENV", "test")
    monkeypatch.setenv("DO_NOT_TRACK", "1")
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=None, resources={"metadata": {"path": str(finished)}}).execute()
    assert all(cell.execution_count for cell in code_of(notebook))


def test_every_figure_has_an_image_for_viewers_without_scripts():
    outputs = [out for path in NOTEBOOKS for cell in code_of(nbformat.read(path, 4)) for out in cell.outputs]
    figures = [out.data for out in outputs if "application/vnd.plotly.v1+json" in out.get("data", {})]
    assert len(figures) > 6
    assert all(b64decode(data["image/png"]).startswith(b"\x89PNG") for data in figures)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_reads_the_catalog_and_is_kept_with_its_outputs_and_small(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    first, *others = code_of(notebook)
    assert "%load_ext kedro.ipython" in first.source
    assert not [cell.source for cell in others if not cell.outputs]
    assert not [out for cell in code_of(notebook) for out in cell.outputs if out.output_type == "error"]
    text = "".join(cell.source for cell in code_of(notebook))
    assert "catalog.load(" in text
    assert not [word for word in ("session.run", ".fit(", "read_csv", ".train(") if word in text]
    assert path.stat().st_size < LARGEST
    assert str(PROJECT.parent) not in path.read_text()

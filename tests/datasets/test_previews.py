"""What kedro-viz shows of a dataset."""

import json
import re
from html import unescape

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweet_sentiment.datasets import files, tables
from tweet_sentiment.datasets.previews import escape, facts

TOLD = {"kedro-viz": {"description": "What this_is"}}
TABLE = pd.DataFrame({"post": [f"post {n}" for n in range(9)], "share": [0.123456] * 9})


@pytest.mark.parametrize(
    ("kind", "name", "data", "seen"),
    [
        (tables.Csv, "a.csv", TABLE, ["post 0", "0.1235"]),
        (tables.Parquet, "a.parquet", TABLE, ["post 0", "0.1235"]),
        (tables.Json, "a.json", {"accuracy": 0.5, "intervals": {"f1": [0.25, 0.75]}}, ["intervals.f1", "0.25, 0.75"]),
        (tables.Text, "a.md", "# Title\nwords", ["# Title"]),
        (tables.Text, "a.html", '<p>x</p><section id="summary"><p>In short</p></section>', ["In short", "a.html"]),
        (files.Array, "a.npy", np.zeros((4, 2)), ["4, 2", "float64"]),
        (files.ArrowTable, "b.parquet", pa.table({"text": ["hello"]}), ["hello"]),
    ],
)
def test_a_dataset_shows_its_line_and_a_look_at_its_content(tmp_path, kind, name, data, seen):
    dataset = kind(filepath=str(tmp_path / name), metadata=TOLD)
    assert "Not made yet" in unescape(dataset.preview())
    dataset.save(data)
    shown = unescape(dataset.preview())
    assert shown.startswith("<p>What this is</p>")
    for one in seen:
        assert one in shown
    assert "post 8" not in shown


def test_a_figure_that_is_not_made_yet_says_what_it_will_be(tmp_path):
    dataset = tables.Plotly(filepath=str(tmp_path / "a.json"), metadata=TOLD)
    assert dataset.preview()["layout"]["title"]["text"] == "Not made yet: What this_is"
    dataset.save(go.Figure(go.Bar(x=["a"], y=[1])))
    assert dataset.preview()["data"][0]["type"] == "bar"


def test_a_model_shows_its_manifest_and_partitions_their_names(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps({"technique": "lora", "seed": 42}))
    for kind in (files.ModelFolder, files.ModelPath):
        assert "lora" in kind(str(folder), TOLD).preview()
    found = tables.Partitions(
        path=str(tmp_path), filename_suffix="/manifest.json", dataset="json.JSONDataset", metadata=TOLD
    )
    assert "<li>model</li>" in found.preview()


@given(st.text() | st.just("[x](javascript:alert(1))") | st.just("# a_b_c *d*\n- `e`"))
def test_a_text_is_markup_neither_in_html_nor_in_markdown(text):
    escaped = escape(text)
    assert not re.search(r"[<>*_`\n]|\]\(", escaped)
    kept = unescape(escaped).translate(str.maketrans("∗' ", "   "))
    assert kept.split() == text.replace("](", "] (").translate(str.maketrans("*'_`∗", "     ")).split()


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.floats() | st.text() | st.lists(st.integers())))
def test_any_facts_can_be_shown(values):
    assert facts(values).startswith("<table>")

"""A file in, the same rows out: nothing lost, nothing repeated, whatever happens in between."""

import csv
import io
import json
import sys
import weakref

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from filelock import FileLock

from tweet_sentiment.errors import StudyError
from tweet_sentiment.predictor import Predictor
from tweet_sentiment.predictor.files import FileJob, predict_file
from tweet_sentiment.predictor.writing import writer_for
from tweet_sentiment.scoring.metrics import PROBABILITY

TEXTS = ["I love it", "so bad, the worst", "NaN", "we play at nine", 'two\nlines, "quoted"', "a\rb", "🤣", "ok"]


def write_csv(path, texts, **columns):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "content", *columns])
        writer.writerows(zip(range(len(texts)), texts, *columns.values(), strict=True))
    return path


def job(source, output, **options):
    return FileJob(**{"source": str(source), "output": output, "text_column": "content", "part_rows": 3} | options)


def read(path):
    match path.suffix:
        case ".csv":
            with path.open(newline="", encoding="utf-8") as file:
                return list(csv.DictReader(file))
        case ".parquet":
            return pq.read_table(path).to_pylist()
        case _:
            return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def said_by(predictor, texts):
    return [(record["label"], list(record["probabilities"].values())) for record in predictor.records(texts)]


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_every_row_comes_out_once_with_its_columns_and_what_the_predictor_says(predictor, tmp_path, suffix):
    source, output = write_csv(tmp_path / "in.csv", TEXTS), tmp_path / f"out{suffix}"
    summary = predict_file(lambda: predictor, job(source, output))
    rows = read(output)
    assert [(row["id"], row["content"]) for row in rows] == [(str(i), text) for i, text in enumerate(TEXTS)]
    for row, (label, probabilities) in zip(rows, said_by(predictor, TEXTS), strict=True):
        assert row["label"] == label
        assert [float(row[f"{PROBABILITY}{name}"]) for name in predictor.labels] == pytest.approx(probabilities)
        assert row["error"] in ("", None)
    assert (summary.rows, summary.faults, summary.truncated, summary.emptied) == (8, 0, 0, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["in.csv", output.name])


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_a_text_that_cleaning_empties_is_a_faulty_row(cleaning_predictor, tmp_path, suffix):
    source, output = write_csv(tmp_path / "in.csv", TEXTS), tmp_path / f"out{suffix}"
    summary = predict_file(lambda: cleaning_predictor, job(source, output))
    assert (summary.rows, summary.faults, summary.emptied) == (8, 1, 1)
    for text, row in zip(TEXTS, read(output), strict=True):
        assert bool(row["label"]) == (text != "🤣")
        assert (row["error"] or "") == ("" if text != "🤣" else "the model's cleaning leaves nothing of the text")
        assert (row[f"{PROBABILITY}{cleaning_predictor.labels[0]}"] in ("", None)) == (text == "🤣")
    with pytest.raises(StudyError, match=r"row 7.*cleaning leaves nothing"):
        predict_file(lambda: cleaning_predictor, job(source, output, on_error="stop"))


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_faulty_rows_are_kept_with_an_error_or_stop_the_run_by_number(predictor, tmp_path, suffix):
    source, output = tmp_path / "in.csv", tmp_path / f"out{suffix}"
    source.write_bytes(b"id,content\n1,ok\n2,\n3,a,b\n4,x\0y\n5,so bad\n")
    summary = predict_file(lambda: predictor, job(source, output))
    assert (summary.rows, summary.faults) == (5, 3)
    assert summary.faulty[0] == "row 2 (line 3): the text is empty or blank"
    assert summary.faulty[1].startswith("row 3 (line 4): found 3 fields, expected 2")
    assert summary.faulty[2].startswith("row 4 (line 5): found a NUL character")
    rows = read(output)
    assert [bool(row["label"]) for row in rows] == [True, False, False, False, True]
    assert [bool(row["error"]) for row in rows] == [False, True, True, True, False]
    absent = [row[f"{PROBABILITY}{predictor.labels[0]}"] in ("", None) for row in rows]
    assert absent == [False, True, True, True, False]

    before = output.read_bytes()
    asked = []
    with pytest.raises(StudyError) as refused:
        predict_file(lambda: asked.append(1), job(source, output, on_error="stop"))
    assert "row 2 (line 3): the text is empty or blank" in str(refused.value)
    assert not asked  # the model was not even loaded
    assert output.read_bytes() == before


def test_without_kept_errors_there_is_no_column_for_them(predictor, tmp_path):
    source = write_csv(tmp_path / "in.csv", TEXTS[:2])
    predict_file(lambda: predictor, job(source, tmp_path / "out.csv", on_error="stop"))
    assert "error" not in read(tmp_path / "out.csv")[0]


def test_columns_of_the_same_name_are_refused_until_the_new_ones_are_named_otherwise(predictor, tmp_path):
    source = write_csv(tmp_path / "in.csv", ["ok"], label=["mine"])
    with pytest.raises(StudyError, match=r"has the columns \['label'\] already"):
        predict_file(lambda: predictor, job(source, tmp_path / "out.csv"))
    predict_file(lambda: predictor, job(source, tmp_path / "out.csv", prefix="predicted_"))
    (row,) = read(tmp_path / "out.csv")
    assert row["label"] == "mine"
    assert row["predicted_label"] in predictor.labels


def test_parquet_and_json_lines_keep_their_types(predictor, tmp_path):
    table = pa.table({"content": ["ok", None], "when": pa.array([1, 2], pa.timestamp("us")), "n": [1.5, None]})
    pq.write_table(table, tmp_path / "in.parquet")
    for suffix in (".parquet", ".jsonl", ".csv"):
        predict_file(lambda: predictor, job(tmp_path / "in.parquet", tmp_path / f"out{suffix}"))
    assert pq.read_table(tmp_path / "out.parquet").select(table.column_names).equals(table)
    assert read(tmp_path / "out.jsonl")[0]["when"] == "1970-01-01T00:00:00.000001"
    assert read(tmp_path / "out.csv")[1]["n"] == ""
    lines = [{"content": "ok", "tags": ["a", {"b": None}], "n": 7}, {"content": "bad", "mixed": 1}, {"mixed": "one"}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    predict_file(lambda: predictor, job(tmp_path / "in.jsonl", tmp_path / "out.jsonl"))
    found = read(tmp_path / "out.jsonl")
    for line, row in zip(lines, found, strict=True):
        assert {name: row[name] for name in ("content", "tags", "n", "mixed")} == dict.fromkeys(
            ("content", "tags", "n", "mixed")
        ) | line
    assert "found None" in found[2]["error"]


def test_standard_input_is_a_file_too(predictor, tmp_path, monkeypatch):
    class _Input:
        buffer = io.BytesIO(b'{"content": "ok"}\n{"content": "so bad"}\n')

    monkeypatch.setattr(sys, "stdin", _Input)
    summary = predict_file(lambda: predictor, job("-", tmp_path / "out.jsonl", format="jsonl"))
    assert summary.rows == 2
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


class _Dies:
    """A backend that runs the model, and dies once at a given batch."""

    description, tokens_a_batch, batches_at_once = "torch cpu fp32", 64, 1

    def __init__(self, predictor, at=None):
        self.predictor, self.at, self.texts = predictor, at, 0

    def logits(self, input_ids):
        self.texts += len(input_ids)
        if self.at is not None and self.texts > self.at:
            raise KeyboardInterrupt
        return self.predictor.backend.logits(input_ids)


def dying(predictor, at=None):
    return Predictor(predictor.tokenizer, predictor.manifest, _Dies(predictor, at))


@pytest.mark.parametrize("at", [0, 4, 8, 14])
def test_an_interrupted_run_goes_on_without_predicting_a_part_twice(predictor, tmp_path, at):
    source = write_csv(tmp_path / "in.csv", TEXTS * 2)
    predict_file(lambda: dying(predictor), job(source, tmp_path / "whole.parquet"))
    dies, output = dying(predictor, at), tmp_path / "out.parquet"
    with pytest.raises(KeyboardInterrupt):
        predict_file(lambda: dies, job(source, output))
    assert not output.exists()
    again = dying(predictor)
    predict_file(lambda: again, job(source, output))
    assert again.backend.texts == len(TEXTS) * 2 - at // 3 * 3
    assert output.read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def interrupted(predictor, source, output, **options):
    with pytest.raises(KeyboardInterrupt):
        predict_file(lambda: dying(predictor, 6), job(source, output, **options))


@pytest.mark.parametrize("change", ["source", "model", "setting", "part", "truncated part"])
def test_parts_of_something_else_are_not_gone_on_from(predictor, prompted, tmp_path, change):
    source, output = write_csv(tmp_path / "in.csv", TEXTS), tmp_path / "out.csv"
    interrupted(predictor, source, output)
    options, used = {}, predictor
    match change:
        case "source":
            write_csv(source, [*TEXTS[1:], TEXTS[0]])
        case "model":
            used = prompted
        case "setting":
            options = {"on_error": "stop"}
        case "part":
            next((tmp_path / ".out.csv.parts").glob("part-*-000000.parquet")).unlink()
        case _:
            part = next((tmp_path / ".out.csv.parts").glob("part-*-000001.parquet"))
            part.write_bytes(part.read_bytes()[:-5])
    predict_file(lambda: used, job(source, output, **options))
    predict_file(lambda: used, job(source, tmp_path / "fresh.csv", **options))
    assert output.read_bytes() == (tmp_path / "fresh.csv").read_bytes()


def test_a_run_that_died_while_writing_the_output_has_only_that_left_to_do(predictor, tmp_path, monkeypatch):
    from tweet_sentiment.predictor import files

    source, output = write_csv(tmp_path / "in.csv", TEXTS), tmp_path / "out.csv"
    output.write_text("earlier")

    def full(path, schema, tables):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(files, "writer_for", lambda output: full)
        with pytest.raises(OSError, match="No space left"):
            predict_file(lambda: predictor, job(source, output))
    assert output.read_text() == "earlier"
    again = dying(predictor)
    predict_file(lambda: again, job(source, output))
    assert again.backend.texts == 0
    assert len(read(output)) == len(TEXTS)


def test_a_second_run_to_the_same_output_is_refused(predictor, tmp_path):
    source, output = write_csv(tmp_path / "in.csv", TEXTS), tmp_path / "out.csv"
    (tmp_path / ".out.csv.parts").mkdir()
    with FileLock(tmp_path / ".out.csv.parts/.lock"), pytest.raises(StudyError, match="Another run is writing to"):
        predict_file(lambda: predictor, job(source, output))


def test_a_file_that_changes_meanwhile_is_noticed(predictor, tmp_path):
    source, output = write_csv(tmp_path / "in.csv", TEXTS), tmp_path / "out.csv"

    def load():
        with source.open("a") as file:
            file.write("9,late\n")
        return predictor

    with pytest.raises(StudyError, match="was changed while it was read"):
        predict_file(load, job(source, output))
    assert not output.exists()


@pytest.mark.parametrize(
    ("source", "output", "said"),
    [
        ("nothing.csv", "out.csv", "there is no such file"),
        (".", "out.csv", "there is no such file (or it is a folder)"),
        ("in.csv", "out.xlsx", "expected an output that ends in .csv, .parquet, .jsonl"),
        ("in.csv", "in.csv", "this is the file that is read"),
    ],
)
def test_a_source_or_an_output_that_cannot_be_is_refused(predictor, tmp_path, source, output, said):
    write_csv(tmp_path / "in.csv", TEXTS)
    with pytest.raises(StudyError) as refused:
        predict_file(lambda: predictor, job(tmp_path / source, tmp_path / output))
    assert said in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_a_file_of_a_header_alone_gives_a_header_alone(predictor, tmp_path):
    for suffix in (".csv", ".parquet", ".jsonl"):
        output = tmp_path / f"out{suffix}"
        assert predict_file(lambda: predictor, job(write_csv(tmp_path / "in.csv", []), output)).rows == 0
        assert read(output) == []


def test_logits_that_are_not_finite_end_the_run_and_leave_no_output(predictor, tmp_path):
    class _Broken:
        description, tokens_a_batch, batches_at_once = "broken", 64, 1

        def logits(self, input_ids):
            return np.full((len(input_ids), 3), np.nan, dtype=np.float32)

    broken = Predictor(predictor.tokenizer, predictor.manifest, _Broken())
    with pytest.raises(StudyError, match="logits that are not finite"):
        predict_file(lambda: broken, job(write_csv(tmp_path / "in.csv", TEXTS), tmp_path / "out.csv"))
    assert not (tmp_path / "out.csv").exists()


def test_no_more_than_a_part_is_held_at_a_time(predictor, tmp_path):
    held = []

    class _Counts(Predictor):
        def inputs(self, texts, entities=None):
            held.append(len(texts))
            return super().inputs(texts, entities)

    counting = _Counts(predictor.tokenizer, predictor.manifest, predictor.backend)
    predict_file(lambda: counting, job(write_csv(tmp_path / "in.csv", TEXTS * 3), tmp_path / "out.csv", part_rows=5))
    assert held == [5, 5, 5, 5, 4]


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_writers_hold_one_part_at_a_time(tmp_path, suffix):
    alive = []

    def tables():
        for _ in range(5):
            assert sum(one() is not None for one in alive) <= 1
            table = pa.table({"a": np.arange(10)})
            alive.append(weakref.ref(table))
            yield table
            del table

    output = tmp_path / f"out{suffix}"
    writer_for(output)(output, pa.schema([("a", pa.int64())]), tables())
    assert len(read(output)) == 50


def test_a_number_that_is_none_is_an_empty_field_of_a_csv(tmp_path):
    output, table = tmp_path / "out.csv", pa.table({"a": [float("nan"), 0.1 + 0.2, None]})
    writer_for(output)(output, table.schema, [table])
    assert [row["a"] for row in read(output)] == ["", "0.30000000000000004", ""]


def test_entities_come_from_their_column_if_the_model_reads_them(predictor, tmp_path):
    source = write_csv(tmp_path / "in.csv", ["ok", "so bad"], brand=["Nvidia", "x" * 200])
    manifest = predictor.manifest | {"input": predictor.manifest["input"] | {"second_segment": "entity"}}
    reads = Predictor(predictor.tokenizer, manifest, predictor.backend)
    with pytest.raises(StudyError, match="none is given: give --entity-column NAME"):
        predict_file(lambda: reads, job(source, tmp_path / "out.csv"))
    with pytest.raises(StudyError, match="leave the entities out"):
        predict_file(lambda: predictor, job(source, tmp_path / "out.csv", entity_column="brand"))
    summary = predict_file(lambda: reads, job(source, tmp_path / "out.csv", entity_column="brand"))
    assert summary.faulty == ["row 2 (line 3): an entity of 200 characters; the most is 100"]
    expected = reads.probabilities(["ok"], ["Nvidia"])[0]
    assert [float(read(tmp_path / "out.csv")[0][f"{PROBABILITY}{name}"]) for name in reads.labels] == list(expected)

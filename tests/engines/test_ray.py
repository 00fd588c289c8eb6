"""Posts through a model on Ray: what the local engine gives, shared out, and gone on with after a kill."""

import os
import signal
import subprocess
import sys
import time

import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from tests.engines.conftest import ROWS

from tweet_sentiment.errors import StudyError
from tweet_sentiment.predictor import Predictor
from tweet_sentiment.predictor.files import FileJob, predict_file
from tweet_sentiment.predictor.on_ray import predict_on_ray

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'tweet-sentiment[ray]'")
pytest.importorskip("ray.data", reason="Ray Data is not installed: pip install 'tweet-sentiment[ray]'")
pytestmark = pytest.mark.slow

CHOICE = {"device": "cpu", "precision": "fp32"}


@pytest.fixture(scope="module")
def cluster(s3):
    ray.init(num_cpus=2, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def model(s3, plain_folder):
    s3.put(str(plain_folder), "bucket/models/plain", recursive=True)
    return "s3://bucket/models/plain"


@pytest.fixture(scope="module")
def expected(posts, plain_folder, tmp_path_factory):
    """What the local engine says of the posts."""
    output = tmp_path_factory.mktemp("local") / "out.parquet"
    summary = predict_file(lambda: Predictor.load(plain_folder, **CHOICE), FileJob(str(posts), output, "content"))
    return summary, pq.read_table(output)


def read(folder, s3=None):
    return pa.dataset.dataset(folder, format="parquet", filesystem=s3).to_table()


def alike(found, expected):
    """Tell whether all columns are the same, and probabilities too but for the sums' order in other batches."""
    for name in expected.column_names:
        if name.startswith("probability_"):
            pairs = zip(found[name].to_pylist(), expected[name].to_pylist(), strict=True)
            assert all(a == b or abs(a - b) < 1e-6 for a, b in pairs), name
        else:
            assert found[name].equals(expected[name]), name
    return found.schema.equals(expected.schema)


def test_labels_are_those_of_the_local_engine_and_both_actors_work(cluster, s3, posts, model, expected):
    s3.put_file(str(posts), "bucket/ray/in.csv")
    job = FileJob("s3://bucket/ray/in.csv", "s3://bucket/ray/out", "content")
    summary = predict_on_ray(model, job, actors=2, **CHOICE)
    said, table = expected
    assert len(summary.by_worker) == 2
    assert min(summary.by_worker.values()) > 0
    assert sum(summary.by_worker.values()) == ROWS
    counted = ("rows", "faults", "truncated", "emptied", "faulty")
    assert [getattr(summary, name) for name in counted] == [getattr(said, name) for name in counted]
    assert alike(read("bucket/ray/out", s3), table)
    again = predict_on_ray(model, job, actors=2, **CHOICE)
    assert (again.by_worker, again.faults) == ({}, said.faults)
    with pytest.raises(StudyError, match="holds parts of other files, settings or another model"):
        predict_on_ray(model, FileJob(job.source, job.output, "content", prefix="my_"), actors=2, **CHOICE)


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
def test_a_folder_of_files_is_read_and_other_columns_are_refused(cluster, posts, plain_folder, tmp_path, suffix):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "_SUCCESS").touch()
    for number in range(2):
        lines = [{"content": text, "n": number} for text in ("ok", None, "so bad")]
        if suffix == ".parquet":
            pq.write_table(pa.Table.from_pylist(lines), folder / f"{number}.parquet")
        else:
            (folder / f"{number}.jsonl").write_text(
                '{"content": "ok", "n": 1}\n{"content": 5}\n{"content": "so bad"}\n'
            )
    summary = predict_on_ray(plain_folder, FileJob(str(folder), tmp_path / "out", "content"), actors=2, **CHOICE)
    assert (summary.rows, summary.faults) == (6, 2)
    assert summary.faulty[1].startswith(f"{folder}/1{suffix}, row 2")
    assert [row["label"] is None for row in read(str(tmp_path / "out")).to_pylist()] == [False, True, False] * 2
    pattern = FileJob(str(folder / f"1{suffix[:3]}*"), tmp_path / "one", "content")
    assert predict_on_ray(plain_folder, pattern, actors=1, **CHOICE).rows == 3
    (folder / "2.csv").write_text("content\nok\n")
    with pytest.raises(StudyError, match=r"2\.csv: its columns are content \(string\), those of .* are content"):
        predict_on_ray(plain_folder, FileJob(str(folder), tmp_path / "more", "content"), actors=2, **CHOICE)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"source": "-"}, "Ray reads no standard input"),
        ({"source": "nothing.csv"}, "nothing.csv: there is no such file"),
        ({"output": "out.csv"}, "with Ray the output is a folder"),
        ({"text_column": "post"}, "there is no column 'post'; found ['id', 'content']"),
        ({"on_error": "stop"}, "row 8 (line 9): the text is empty or blank"),
        ({"entity_column": "id"}, "leave the entities out"),
    ],
)
def test_a_mistake_is_the_same_message(cluster, posts, plain_folder, tmp_path, options, said):
    asked = {"source": str(posts), "output": tmp_path / "out", "text_column": "content"} | options
    with pytest.raises(StudyError) as refused:
        predict_on_ray(plain_folder, FileJob(**asked), actors=2, **CHOICE)
    assert said in str(refused.value)


def test_after_kill_9_the_same_command_makes_the_parts_that_are_missing(s3, posts, model, expected):
    s3.put_file(str(posts), "bucket/killed/in.csv")
    command = [sys.executable, "-m", "tweet_sentiment", "predict", "--engine=ray", "--actors=2", "--part-rows=20"]
    command += ["--csv=s3://bucket/killed/in.csv", "--text-column=content", "--output=s3://bucket/killed/out"]
    command += [f"--model={model}", "--device=cpu", "--precision=fp32"]
    first = subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE)

    def parts():
        s3.invalidate_cache()
        return {name: s3.modified(name) for name in s3.glob("bucket/killed/out/part-*")}

    while len(parts()) < 5:
        assert first.poll() is None, first.stderr.read().decode()
        time.sleep(0.02)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    left = parts()
    assert len(left) < ROWS // 20
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert f"{ROWS:,} rows, {ROWS - 8:,} with a label, 8 faulty" in again.stderr
    assert {name: when for name, when in parts().items() if name in left} == left
    assert alike(read("bucket/killed/out", s3), expected[1])

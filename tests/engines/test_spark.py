"""Posts through a model on Spark: what the local engine gives."""

import sys
from functools import partial

import pyarrow.parquet as pq
import pytest
from tests.engines.conftest import ROWS

from tweet_sentiment.predictor import Predictor
from tweet_sentiment.predictor.files import FileJob, predict_file
from tweet_sentiment.predictor.scorer import Scorer, score_frame

sql = pytest.importorskip("pyspark.sql", reason="Spark is not installed: pip install 'tweet-sentiment[spark]'")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def spark():
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYSPARK_PYTHON", sys.executable)
        session = (
            sql.SparkSession.builder.master("local[2]")
            .config("spark.ui.enabled", "false")
            .config("spark.driver.host", "127.0.0.1")
            .getOrCreate()
        )
        yield session
        session.stop()


def test_a_frame_gets_what_the_same_rows_get_in_a_file(spark, posts, plain_folder, tmp_path):
    load = partial(Predictor.load, plain_folder, device="cpu", precision="fp32")
    frame = spark.read.csv(str(posts), header=True, schema="id string, content string")
    frame.coalesce(1).write.parquet(str(tmp_path / "in"))
    (source,) = (tmp_path / "in").glob("part-*.parquet")
    predict_file(load, FileJob(str(source), tmp_path / "out.parquet", "content"))
    expected = pq.read_table(tmp_path / "out.parquet").to_pylist()
    again = spark.read.parquet(str(source)).repartition(2)
    found = {row.id: row.asDict() for row in score_frame(again, Scorer(load, "content")).collect()}
    assert len(found) == len(expected) == ROWS
    faulty = 0
    for row in expected:
        same, probabilities = (
            {name: one[name] for name in row if name.startswith("probability_") == numbers}
            for one, numbers in ((found[row["id"]], False), (found[row["id"]], True))
        )
        assert same == {name: row[name] for name in same}
        faulty += row["error"] is not None
        assert all(one == row[name] or abs(one - row[name]) < 1e-6 for name, one in probabilities.items())
    assert faulty

"""Arrow tables through a model: what files give, row for row, in any process."""

import pickle
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tweet_sentiment.errors import StudyError
from tweet_sentiment.predictor import Predictor
from tweet_sentiment.predictor.files import FileJob, predict_file
from tweet_sentiment.predictor.scorer import Scorer

TABLE = pa.table(
    {
        "id": pa.array([1, 2, 3, 4, 5], pa.int16()),
        "content": pa.array(["I love it", None, " ", "x\0y", "so bad"]).dictionary_encode(),
        "tags": [["a"], None, [], ["b", "c"], []],
    }
)


@pytest.fixture(scope="module")
def load(plain_folder):
    return partial(Predictor.load, plain_folder, device="cpu", precision="fp32")


def test_a_table_gets_what_the_same_rows_get_in_a_file_also_in_another_process(load, tmp_path):
    pq.write_table(TABLE, tmp_path / "in.parquet")
    predict_file(load, FileJob(str(tmp_path / "in.parquet"), tmp_path / "out.parquet", "content", prefix="my_"))
    scorer = Scorer(load, "content", prefix="my_")
    expected = pq.read_table(tmp_path / "out.parquet")
    assert scorer(TABLE).equals(expected)
    again = pickle.loads(pickle.dumps(scorer))
    assert "predictor" not in vars(again)  # it goes without the model, and loads it where it is used
    assert again(TABLE.combine_chunks().to_batches()[0]).equals(expected)
    assert again(TABLE.slice(0, 0)).equals(expected.slice(0, 0))


@pytest.mark.parametrize(
    ("columns", "options", "said"),
    [
        ({"text": ["ok"]}, {}, "The table: there is no column 'content'; found ['text']"),
        ({"content": [1]}, {}, "The table: 'content' holds int64, expected texts"),
        ({"content": ["ok"], "label": ["x"]}, {}, "has the columns ['label'] already"),
        ({"content": ["ok"], "label": ["x"]}, {}, "give prefix='predicted_'"),
        ({"content": ["ok", ""]}, {"on_error": "stop"}, "The table, row 2: the text is empty or blank"),
        ({"content": ["ok"], "brand": ["x"]}, {"entity_column": "brand"}, "leave the entities out"),
    ],
)
def test_a_table_that_cannot_be_is_refused(load, columns, options, said):
    with pytest.raises(StudyError) as refused:
        Scorer(load, "content", **options)(pa.table(columns))
    assert said in str(refused.value)

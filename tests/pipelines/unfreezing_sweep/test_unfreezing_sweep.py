"""The sweep: one row a number of blocks, measured where it says, and kept when the sweep is run again."""

import pytest
from tests.modeling.tuned import few, tiny, tuning_data
from tweet_sentiment.pipelines.unfreezing_sweep.nodes import plot_sweep, sweep

from tweet_sentiment.modeling.encoders import load_classifier, load_tokenizer
from tweet_sentiment.modeling.tokenization import tokenize
from tweet_sentiment.pipelines.feature_extraction.nodes import encode_posts


@pytest.fixture
def small(parameters, encoder):
    chosen = few(parameters.unfreezing_sweep, top_blocks=[0, 1, 2], num_train_epochs=2, row_limit=20)
    return tiny(parameters, encoder, unfreezing_sweep=chosen)


def run(small, encoder, folder):
    data, tokenizer = tuning_data(folder), load_tokenizer(str(encoder))
    tokens = [tokenize(posts, tokenizer, small.labels, 64)[0] for posts in (data.training_posts, data.test_posts)]
    features = encode_posts(*tokens, small)[:2]
    return sweep(*tokens, *features, data.row_counts, folder, small)


def test_each_number_of_blocks_is_a_row_and_learns_its_blocks_more(small, encoder, tmp_path):
    table = run(small, encoder, tmp_path)
    assert list(table["top_blocks"]) == [0, 1, 2]
    assert list(table["way"]) == ["features", "encoder", "encoder"]
    assert set(table["n_train"]) == {20}
    block = load_classifier(str(encoder), small.labels, 1).distilbert.transformer.layer[0]
    size = sum(parameter.numel() for parameter in block.parameters())
    assert list(table["trainable_parameters"].diff()[1:]) == [size, size]
    assert table["low"].le(table["accuracy"]).all()
    assert table["high"].ge(table["accuracy"]).all()
    figure = plot_sweep(table, small)
    assert [list(line.y) for line in figure.data] == [list(table["accuracy"]), list(table["dev_accuracy"])]
    best = table["top_blocks"][table["dev_accuracy"] == table["dev_accuracy"].max()]
    assert any(f"Best on the dev split: {k} unfrozen blocks" in figure.layout.title.text for k in best)


def test_finished_rows_are_kept_for_a_longer_sweep_and_not_under_other_settings(small, encoder, tmp_path):
    def sweeping(**changes):
        chosen = small.unfreezing_sweep.model_copy(update=changes)
        return run(small.model_copy(update={"unfreezing_sweep": chosen}), encoder, tmp_path)

    first = sweeping(top_blocks=[0])
    both = sweeping(top_blocks=[0, 1])
    assert both["seconds"][0] == first["seconds"][0]
    other = sweeping(top_blocks=[0], row_limit=12)
    assert other["n_train"][0] == 12
    surer = small.uncertainty.model_copy(update={"level": 0.5})
    narrow = run(small.model_copy(update={"uncertainty": surer}), encoder, tmp_path)
    assert narrow["high"][0] - narrow["low"][0] < first["high"][0] - first["low"][0]

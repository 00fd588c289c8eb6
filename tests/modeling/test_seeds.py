import pandas as pd
from tests.modeling.test_training_heads import FEW
from tweet_sentiment.modeling.seeds import COLUMNS, each_seed, repeat_with_seeds

from tweet_sentiment.modeling.fitting import FittingData


def test_each_further_seed_is_used_once_and_the_run_s_own_is_not(parameters):
    used = []
    table = each_seed(
        parameters.model_copy(update={"seed": 2, "seeds": [1, 2, 3]}),
        lambda seeded: used.append(seeded.seed) or {"accuracy": seeded.seed / 10},
    )
    assert used == [1, 3]
    assert table["seed"].tolist() == [1, 3]
    assert table["accuracy"].tolist() == [0.1, 0.3]


def test_one_seed_alone_is_an_empty_table_with_its_columns(parameters):
    table = each_seed(parameters.model_copy(update={"seeds": [parameters.seed]}), lambda seeded: {})
    assert table.empty
    assert list(table.columns) == COLUMNS


def test_another_seed_gives_other_scores_and_the_same_seed_the_same(tiny_folder, tokens, parameters, tmp_path):
    import numpy as np

    from tweet_sentiment.modeling.devices import Device
    from tweet_sentiment.modeling.encoders import load_encoder
    from tweet_sentiment.modeling.prediction import encode

    encoder = load_encoder(str(tiny_folder))
    features = [encode(encoder, part["input_ids"], Device("cpu", "fp32")) for part in tokens]
    model = parameters.model.model_copy(update={"checkpoint": str(tiny_folder)})
    seeded = parameters.model_copy(update={"model": model, "device": "cpu", "precision": "fp32", "seeds": [42, 5, 6]})
    one, again = (
        repeat_with_seeds(FittingData(*tokens, *features), FEW, seeded, working_folder=tmp_path, fingerprint={})
        for _ in range(2)
    )
    pd.testing.assert_frame_equal(one.drop(columns="seconds"), again.drop(columns="seconds"))
    assert not np.isclose(one["eval_loss"][0], one["eval_loss"][1])

"""P-tuning: what learns, that its folder predicts the same, and that its network survives a kill."""

import pandas as pd
import pytest
import torch
from tests.modeling.conftest import LABELS
from tests.modeling.test_training import interrupt_at_step, same_bits
from tests.modeling.tuned import copy_of, few, tiny, tuning_data
from tweet_sentiment.modeling.p_tuning import KeepLearnt, add_prompt_encoder
from tweet_sentiment.modeling.prompts import fold
from tweet_sentiment.modeling.tuning import tune

from tweet_sentiment.modeling.encoders import load_classifier
from tweet_sentiment.modeling.model_folder import TrainedModel, load_model
from tweet_sentiment.modeling.prediction import pad
from tweet_sentiment.modeling.tokenization import tokenize, tokens_as_trained


@pytest.fixture
def chosen(parameters):
    return few(parameters.p_tuning, num_virtual_tokens=3, encoder_hidden_size=16, learning_rate=1e-2)


def prompted(tiny_folder, chosen):
    return add_prompt_encoder(load_classifier(str(tiny_folder), LABELS, seed=1), chosen, seed=5)


def fit(model, chosen, folder, tiny_folder, parameters):
    return tune(model, tuning_data(folder), chosen, tiny(parameters, tiny_folder), callbacks=[KeepLearnt()])


@pytest.mark.parametrize("kind", ["MLP", "LSTM"])
@pytest.mark.parametrize("pooling", ["first", "cls"])
def test_the_folder_predicts_what_the_trained_model_did(tiny_folder, parameters, chosen, tmp_path, kind, pooling):
    chosen = chosen.model_copy(update={"encoder_reparameterization_type": kind, "pooling": pooling})
    model = prompted(tiny_folder, chosen)
    before = copy_of(model)
    fitted = fit(model, chosen, tmp_path / "work", tiny_folder, parameters)
    moved = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert {name.split(".")[0] for name in moved} == {"prompt_encoder", "base_model"}
    assert all(".modules_to_save." in name for name in moved if name.startswith("base_model"))
    TrainedModel(*fold(model.eval(), fitted.tokenizer), {"labels": LABELS}).save(tmp_path / "model")
    again, posts = load_model(tmp_path / "model"), tuning_data("").test_posts
    as_trained = tokenize(posts, fitted.tokenizer, LABELS, 64)[0]["input_ids"]
    with torch.inference_mode():
        expected = model(**pad(as_trained, 0)).logits
        found = again.model(**pad(tokens_as_trained(again, posts, 64)["input_ids"], 0)).logits
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_an_interrupted_training_goes_on_to_the_same_network_and_the_best_epoch_s_is_kept(
    tiny_folder, parameters, chosen, tmp_path
):
    whole, resumed = prompted(tiny_folder, chosen), prompted(tiny_folder, chosen)
    expected = fit(whole, chosen, tmp_path / "whole", tiny_folder, parameters)
    cut = interrupt_at_step(prompted(tiny_folder, chosen), 6)  # four steps an epoch
    with pytest.raises(KeyboardInterrupt):
        fit(cut, chosen, tmp_path / "cut", tiny_folder, parameters)
    outcome = fit(resumed, chosen, tmp_path / "cut", tiny_folder, parameters)
    assert same_bits(whole, resumed)
    pd.testing.assert_frame_equal(outcome.fit.curves, expected.fit.curves, check_exact=True)

"""A trial: it starts where every other does, whatever the trials before it have learnt."""

import pytest
import torch
from tests.modeling.tuned import tiny, tuning_data
from tweet_sentiment.pipelines.hyperparameter_search import objective as module
from tweet_sentiment.pipelines.hyperparameter_search.objective import TrialObjective

from tweet_sentiment.modeling.encoders import load_classifier, load_tokenizer
from tweet_sentiment.modeling.fitting import FittingData
from tweet_sentiment.modeling.tokenization import tokenize
from tweet_sentiment.parameters import Hyperparameters
from tweet_sentiment.pipelines.feature_extraction.nodes import encode_posts

RATES = (1e-3, 0.1)


@pytest.mark.parametrize("top_blocks", [0, 1], ids=["head", "head and a block"])
def test_a_trial_starts_from_the_untrained_weights_after_other_trials(parameters, encoder, tmp_path, top_blocks):
    chosen = parameters.layer_unfreezing.model_copy(update={"top_blocks": top_blocks})
    training = parameters.training.model_copy(update={"metric_for_best_model": "eval_loss"})
    small = tiny(parameters, encoder, layer_unfreezing=chosen, training=training)
    posts, tokenizer = tuning_data(tmp_path), load_tokenizer(str(encoder))
    parts = (posts.training_posts, posts.test_posts)
    tokens = [tokenize(part, tokenizer, small.labels, 64)[0] for part in parts]
    objective = TrialObjective(FittingData(*tokens, *encode_posts(*tokens, small)[:2]), small, tmp_path, "")

    def trial(rate):
        drawn = Hyperparameters(
            num_train_epochs=1, per_device_train_batch_size=8, learning_rate=rate, warmup_steps=0, weight_decay=0.0
        )
        return objective(drawn, lambda epoch, metrics: None)

    module._untrained.cache_clear()
    first, other = map(trial, RATES)
    assert trial(RATES[0]) == first != other
    untrained = load_classifier(str(encoder), small.labels, small.seed).state_dict()
    used, start = objective._untrained()
    held = {name: weights for name, weights in (used.state_dict() | start).items() if not weights.is_meta}
    assert held.keys() == (untrained.keys() if top_blocks else start.keys())  # on features no encoder is held
    assert all(torch.equal(weights, untrained[name]) for name, weights in held.items())

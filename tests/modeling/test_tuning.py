"""What is learnt from and what is chosen on; what a fit says of itself."""

import pytest
import torch
from tests.modeling.conftest import LABELS
from tests.modeling.test_training import interrupt_at_step, same_bits
from tests.modeling.tuned import copy_of, few, tiny, tuning_data
from tweet_sentiment.modeling.tuning import repeat_tuning, scores_at, tune

from tweet_sentiment.modeling.encoders import load_classifier
from tweet_sentiment.modeling.freezing import layerwise_groups, unfreeze_all


@pytest.mark.parametrize(
    ("best", "held_out", "apart"), [(True, False, True), (False, True, True), (False, False, False)]
)
def test_posts_to_choose_on_are_learnt_from_only_if_nothing_is_chosen_on_them(
    parameters, tmp_path, best, held_out, apart
):
    data = tuning_data(tmp_path)
    chosen = few(parameters.lora, load_best_model_at_end=best, hold_out_dev_split=held_out)
    learning, measuring = data.parted(chosen)
    marked = set(data.training_posts.loc[data.training_posts["dev"], "id"])
    assert bool(marked & set(learning["id"])) is not apart
    assert set(measuring["id"]) == (marked if apart else set(data.test_posts["id"]))
    assert len(data.parted(chosen.model_copy(update={"row_limit": 5}))[0]) == 5


def test_under_the_published_protocol_the_choice_is_made_on_the_validation_posts(parameters, tmp_path):
    data = tuning_data(tmp_path)
    data.training_posts["dev"] = False
    learning, measuring = data.parted(parameters.lora)
    assert len(learning) == len(data.training_posts)
    assert measuring is data.test_posts


def full(tiny_folder, chosen):
    model = load_classifier(str(tiny_folder), LABELS, seed=1)
    unfreeze_all(model, but=["distilbert.embeddings"] if chosen.freeze_embeddings else [])
    return model


def fit(model, chosen, folder, tiny_folder, parameters):
    groups = layerwise_groups(model, chosen.hyperparameters.learning_rate, 0.01, chosen.layerwise_learning_rate_decay)
    return tune(model, tuning_data(folder), chosen, tiny(parameters, tiny_folder), optimizer_groups=groups)


@pytest.mark.parametrize("frozen", [True, False])
def test_in_full_fine_tuning_every_layer_moves_but_frozen_embeddings(tiny_folder, parameters, tmp_path, frozen):
    chosen = few(parameters.full_fine_tuning, freeze_embeddings=frozen, num_train_epochs=1)
    model = full(tiny_folder, chosen)
    before = copy_of(model)
    fitted = fit(model, chosen, tmp_path, tiny_folder, parameters)
    still = {name for name, tensor in model.state_dict().items() if torch.equal(tensor, before[name])}
    assert all(
        name.endswith("k_lin.bias") or (frozen and ".embeddings." in name) for name in still
    )  # softmax: no k bias
    assert frozen == any(".embeddings." in name for name in still)
    assert fitted.fit.figures["n_train"] == 30
    assert fitted.fit.figures["chosen_on"] == "dev split"
    measured = scores_at(fitted.fit.curves, fitted.fit.figures["epoch"])
    for name in ("accuracy", "macro_f1", "eval_loss"):
        assert fitted.fit.figures[f"dev_{name}"] == measured[name]


def test_an_interrupted_training_with_layerwise_rates_goes_on_to_the_same_bits(tiny_folder, parameters, tmp_path):
    chosen = few(parameters.full_fine_tuning, learning_rate=1e-2)
    whole, resumed = full(tiny_folder, chosen), full(tiny_folder, chosen)
    fit(whole, chosen, tmp_path / "whole", tiny_folder, parameters)
    with pytest.raises(KeyboardInterrupt):
        fit(interrupt_at_step(full(tiny_folder, chosen), 6), chosen, tmp_path / "cut", tiny_folder, parameters)
    fit(resumed, chosen, tmp_path / "cut", tiny_folder, parameters)
    assert same_bits(whole, resumed)


def test_further_seeds_are_trained_only_if_they_are_asked_for(tiny_folder, parameters, tmp_path):
    chosen = few(parameters.full_fine_tuning, num_train_epochs=1, repeat_seeds=True)
    seeded = tiny(parameters, tiny_folder, seeds=[parameters.seed, 5])

    def again(data, parameters):
        return tune(full(tiny_folder, chosen), data, chosen, parameters)

    data = tuning_data(tmp_path)
    assert list(repeat_tuning(again, data, chosen, seeded)["seed"]) == [5]
    assert repeat_tuning(again, data, chosen.model_copy(update={"repeat_seeds": False}), seeded).empty

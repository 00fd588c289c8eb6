"""The search over a technique: its budget, its pruner, its resumption, and the model at its end."""

import pytest
from optuna.trial import TrialState
from tests.modeling.tuned import few, tiny, tuning_data
from tests.pipelines.hyperparameter_search.test_study import learn, search
from transformers import Trainer
from tweet_sentiment.pipelines.hyperparameter_search.technique import (
    plot_technique_search,
    search_technique,
    train_best_technique,
    with_hyperparameters,
)

from tweet_sentiment.modeling.tokenization import virtual_tokens
from tweet_sentiment.parameters import Hyperparameters

POSTS = 20


@pytest.fixture
def small(parameters, encoder):
    space = parameters.technique_search.space.model_copy(update={"per_device_train_batch_size": [8]})
    chosen = {"n_trials": 3, "row_limit": POSTS, "space": space}
    searched = parameters.technique_search.model_copy(update=chosen)
    return tiny(parameters, encoder, technique_search=searched, lora=few(parameters.lora, r=2))


def run(small, folder, **changes):
    data = tuning_data(folder)
    chosen = small.technique_search.model_copy(update=changes)
    small = small.model_copy(update={"technique_search": chosen})
    return search_technique(data.training_posts, data.test_posts, data.row_counts, folder, small)


def test_the_best_values_train_the_technique_on_the_posts_it_names(small, tmp_path):
    best, trials = run(small, tmp_path)
    assert len(trials) == 3
    assert best["dev_accuracy"] == trials["value"].max()
    assert best["posts"] == trials["epochs"].sum() * POSTS
    data = tuning_data(tmp_path)
    given = (data.training_posts, data.test_posts, data.row_counts | {"training_posts": 36})
    model, curves, training = train_best_technique(*given, best, tmp_path, small)
    assert training["hyperparameters"] == best["hyperparameters"]
    assert training["n_train"] == 30  # the technique has no limit of its own
    assert curves["accuracy"].notna().sum() == best["hyperparameters"]["num_train_epochs"]
    assert (model.manifest["technique"], model.manifest["searched"]) == ("technique_search", "lora")
    assert model.manifest["parameters"]["lora"]["hyperparameters"] == best["hyperparameters"]
    assert len(plot_technique_search(trials, small)) == 3


def test_no_trial_is_begun_once_the_budget_is_spent(small, tmp_path):
    best, trials = run(small, tmp_path, budget_posts=1)
    assert len(trials) == 1
    assert best["trials"] == 1


def test_the_epoch_that_a_trial_was_cut_off_in_counts_against_the_budget(small, tmp_path, monkeypatch):
    learnt, step = [], Trainer.training_step

    def interrupted(trainer, model, inputs, *more):
        if len(learnt) == 5:  # of 3 steps an epoch: in the midst of the second
            learnt.append(0)
            raise KeyboardInterrupt
        learnt.append(len(inputs["labels"]))
        return step(trainer, model, inputs, *more)

    monkeypatch.setattr(Trainer, "training_step", interrupted)
    epochs = small.technique_search.space.num_train_epochs.model_copy(update={"low": 3, "high": 3})
    space = small.technique_search.space.model_copy(update={"num_train_epochs": epochs})
    with pytest.raises(KeyboardInterrupt):
        run(small, tmp_path, space=space)
    best, trials = run(small, tmp_path, space=space, budget_posts=3 * POSTS + 1)
    assert list(trials["state"]) == ["COMPLETE"]  # 60 posts would have been one trial more
    assert sum(learnt) == 3 * POSTS + 16
    assert best["posts"] == 4 * POSTS
    assert trials["value_by_epoch"][0].count(" ") == 2  # that of the first epoch is known from before


def test_a_finished_search_has_nothing_to_do_and_a_longer_one_goes_on(small, tmp_path):
    _, first = run(small, tmp_path, n_trials=1)
    _, longer = run(small, tmp_path, n_trials=2)
    assert longer["seconds"][0] == first["seconds"][0]
    assert len(longer) == 2
    assert len(run(small, tmp_path, n_trials=1, row_limit=12)[1]) == 1  # other posts: another study


def test_a_trial_changes_the_technique_alone_and_chooses_no_epoch(small):
    drawn = Hyperparameters(
        num_train_epochs=2, per_device_train_batch_size=4, learning_rate=1e-3, warmup_steps=0, weight_decay=0.0
    )
    trial = with_hyperparameters(small, drawn, trial=True)
    assert (trial.lora.hyperparameters, trial.lora.row_limit, trial.lora.load_best_model_at_end) == (drawn, 20, False)
    assert trial.model_copy(update={"lora": small.lora}) == small
    best = with_hyperparameters(small, drawn)
    assert best.lora == small.lora.model_copy(update={"hyperparameters": drawn})


def test_hyperband_stops_trials(tmp_path):
    study = search(
        tmp_path, 20, learn, pruner={"min_resource": 1, "reduction_factor": 2}, num_train_epochs={"low": 4, "high": 8}
    )
    states = [trial.state for trial in study.trials]
    assert TrialState.PRUNED in states
    assert TrialState.COMPLETE in states


def test_prompt_tuning_is_searched_too_and_the_best_reads_posts_behind_its_hard_prompt(small, tmp_path):
    prompt = few(small.prompt_tuning, num_virtual_tokens=3, row_limit=None)
    small = small.model_copy(update={"prompt_tuning": prompt})
    best, trials = run(small, tmp_path, technique="prompt_tuning", n_trials=2)
    assert best["posts"] == trials["epochs"].sum() * POSTS
    searched = small.technique_search.model_copy(update={"technique": "prompt_tuning"})
    small, data = small.model_copy(update={"technique_search": searched}), tuning_data(tmp_path)
    given = (data.training_posts, data.test_posts, data.row_counts | {"training_posts": 36})
    model, _, training = train_best_technique(*given, best, tmp_path, small)
    assert training["hyperparameters"] == best["hyperparameters"]
    assert model.manifest["hard_prompt"] == prompt.hard_prompts[-1]
    assert virtual_tokens(model.tokenizer) == 3
    read = model.tokenizer.decode(model.tokenizer("ok")["input_ids"], skip_special_tokens=True)
    assert read == f"{prompt.hard_prompts[-1]} ok".lower().replace(":", " :")

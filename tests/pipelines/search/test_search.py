"""The nodes of a search: where a trial starts, what it may cost, and the model at the end."""

import pytest
from tests.trainings import encoded, examples, few, interrupted_at, node_inputs, setup_of, small

from tweet_sentiment.incremental.code import code_of
from tweet_sentiment.modeling.tokenization import virtual_tokens
from tweet_sentiment.parameters import Hyperparameters, IntRange
from tweet_sentiment.pipelines.search.nodes import search, train_best
from tweet_sentiment.pipelines.search.objective import Objective
from tweet_sentiment.pipelines.search.plotting import plot_search
from tweet_sentiment.techniques import FEATURES, TECHNIQUES, TUNABLE

POSTS = 20


def drawn(rate, epochs=1):
    given = {"num_train_epochs": epochs, "per_device_train_batch_size": 8, "warmup_steps": 0, "weight_decay": 0.0}
    return Hyperparameters(learning_rate=rate, **given)


@pytest.mark.parametrize("top_blocks", [0, 1], ids=["head", "head and a block"])
def test_a_trial_starts_from_the_untrained_weights_whatever_trials_before_it_did(
    parameters, encoder, tmp_path, top_blocks
):
    chosen = parameters.layer_unfreezing.model_copy(update={"top_blocks": top_blocks})
    training = parameters.training.model_copy(update={"metric_for_best_model": "eval_loss"})
    sections = small(parameters, encoder, training=training)
    setup = setup_of(sections, tmp_path)
    given = encoded(examples(), setup).with_dev_split()
    objective = Objective("layer_unfreezing", given, chosen, setup)
    first, other, again = (objective(drawn(rate), lambda *_: None) for rate in (1e-3, 0.1, 1e-3))
    assert first == again != other
    fitted = TECHNIQUES["layer_unfreezing"].fit(
        given, chosen.model_copy(update={"hyperparameters": drawn(1e-3)}), setup
    )
    assert fitted.curves["eval_loss"].dropna().item() == first


@pytest.fixture
def searching(parameters, encoder, tmp_path):
    """Search a technique by three trials on few posts; return the function, and the inputs of the node."""
    space = parameters.technique_search.space.model_copy(update={"per_device_train_batch_size": [8]})
    chosen = {"n_trials": 3, "row_limit": POSTS, "space": space}
    prompt = few(parameters.prompt_tuning, num_virtual_tokens=3, row_limit=None)
    sections = small(parameters, encoder, lora=few(parameters.lora, r=2), prompt_tuning=prompt)
    posts = {"training_posts": examples().training, "test_posts": examples().evaluation}
    given = node_inputs(sections, tmp_path, *TUNABLE) | posts
    given["search"] = parameters.technique_search.model_copy(update=chosen)

    def run(**changes):
        given["search"] = parameters.technique_search.model_copy(update=chosen | changes)
        return search("technique_search", **given)

    return run, given


@pytest.mark.parametrize("technique", [pytest.param("lora", marks=pytest.mark.slow), "prompt_tuning"])
def test_the_best_values_train_the_technique_on_all_the_posts_it_names(searching, technique):
    run, given = searching
    best, trials = run(technique=technique)
    assert len(trials) == 3
    assert best["dev_accuracy"] == trials["value"].max()
    assert best["posts"] == trials["epochs"].sum() * POSTS
    model, curves, training = train_best("technique_search", best=best, **given)
    assert training["hyperparameters"] == best["hyperparameters"]
    assert training["n_train"] == 30  # the technique has no limit of its own
    assert curves["accuracy"].notna().sum() == best["hyperparameters"]["num_train_epochs"]
    manifest = model.manifest
    assert (manifest["technique"], manifest["searched"]) == ("technique_search", technique)
    assert manifest["parameters"][technique] == given[technique].model_dump() | {
        "hyperparameters": best["hyperparameters"]
    }
    assert len(plot_search(trials, given["search"], given["training"])) == 3
    if technique == "prompt_tuning":
        assert virtual_tokens(model.tokenizer) == 3
        read = model.tokenizer.decode(model.tokenizer("ok")["input_ids"], skip_special_tokens=True)
        assert read == f"{given[technique].hard_prompts[-1]} ok".lower().replace(":", " :")


def test_no_trial_is_begun_once_the_budget_is_spent(searching):
    run, _ = searching
    best, trials = run(budget_posts=1)
    assert (len(trials), best["trials"]) == (1, 1)


def test_the_epoch_that_a_trial_was_cut_off_in_counts_against_the_budget(searching):
    run, given = searching
    three = IntRange(low=3, high=3)
    space = given["search"].space.model_copy(update={"num_train_epochs": three})
    with interrupted_at(5):  # of three an epoch
        run(space=space)
    best, trials = run(space=space, budget_posts=3 * POSTS + 1)
    assert list(trials["state"]) == ["COMPLETE"]  # 60 posts would have been one trial more
    assert best["posts"] == 4 * POSTS
    assert trials["value_by_epoch"][0].count(" ") == 2  # that of the first epoch is known from before


@pytest.mark.slow
def test_a_longer_search_goes_on_and_another_row_limit_is_another_search(searching):
    run, _ = searching
    _, first = run(n_trials=1)
    _, longer = run(n_trials=2)
    assert longer["seconds"][0] == first["seconds"][0]
    assert len(longer) == 2
    assert run(n_trials=1, row_limit=12)[1]["seconds"][0] != first["seconds"][0]


def test_the_search_of_the_head_runs_on_features_alone_and_gives_its_model_a_dev_score(parameters, encoder, tmp_path):
    sections = small(parameters, encoder)
    whole = encoded(examples(), setup_of(sections, tmp_path))
    data = (whole.training, whole.evaluation, whole.training_features, whole.evaluation_features)
    given = node_inputs(sections, tmp_path, "layer_unfreezing") | dict(zip(FEATURES, data, strict=True))
    given["search"] = parameters.hyperparameter_search.model_copy(update={"n_trials": 3})
    best, trials = search("hyperparameter_search", **given)
    assert best["dev_accuracy"] == trials["value"].max()
    more = {"best": best, "encoding": {"seconds": 7.0}}
    model, _, training = train_best("hyperparameter_search", **given, **more)
    assert (training["encoding_seconds"], training["searched"], training["n_train"]) == (7.0, "layer_unfreezing", 36)
    assert model.manifest["parameters"]["layer_unfreezing"]["hyperparameters"] == best["hyperparameters"]


def test_trials_learn_from_as_many_posts_as_the_model_does(parameters, encoder, tmp_path):
    limited = parameters.layer_unfreezing.model_copy(update={"row_limit": 12})
    training = parameters.training.model_copy(update={"metric_for_best_model": "eval_loss"})
    sections = small(parameters, encoder, layer_unfreezing=limited, training=training)
    whole = encoded(examples(), setup_of(sections, tmp_path))
    data = (whole.training, whole.evaluation, whole.training_features, whole.evaluation_features)
    given = node_inputs(sections, tmp_path, "layer_unfreezing") | dict(zip(FEATURES, data, strict=True))
    given["search"] = parameters.hyperparameter_search.model_copy(update={"n_trials": 1})
    best, _ = search("hyperparameter_search", **given)
    found = {"hold_out_dev_split": True, "hyperparameters": Hyperparameters(**best["hyperparameters"])}
    fit = TECHNIQUES["layer_unfreezing"].fit
    figures = fit(whole, limited.model_copy(update=found), setup_of(sections, tmp_path)).figures
    assert figures["n_train"] == 12
    assert figures["dev_eval_loss"] == pytest.approx(best["eval_loss"])


def test_a_change_of_figures_is_no_reason_to_search_again():
    figures = "tweet_sentiment/reports/figures.py"
    assert figures in code_of("tweet_sentiment.pipelines.search.plotting")
    assert figures not in code_of("tweet_sentiment.pipelines.search.nodes")

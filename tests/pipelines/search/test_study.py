"""The search: what a kill, a failing trial or a damaged database does to it. Its objective is a formula."""

import logging
import math
import signal
import sqlite3
import subprocess
import sys
from typing import get_args

import optuna
import pandas as pd
import pytest
from tests.conftest import PROJECT

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import SearchParameters, TrainingParameters
from tweet_sentiment.pipelines.search.figures import search_figures
from tweet_sentiment.pipelines.search.study import DATABASE, Search, run_study, suggest, trials_table

FIVE = ["num_train_epochs", "per_device_train_batch_size", "learning_rate", "warmup_steps", "weight_decay"]
SPACE = {
    "num_train_epochs": {"low": 2, "high": 3},
    "per_device_train_batch_size": [8, 16, 32],
    "learning_rate": {"low": 1e-5, "high": 1e-2, "log": True},
    "warmup_steps": {"low": 0, "high": 500},
    "weight_decay": {"low": 1e-6, "high": 1e-2, "log": True},
}
METRICS = get_args(TrainingParameters.model_fields["metric_for_best_model"].annotation)
TRIALS = 12  # Optuna's sampler draws at random up to 10
NEVER = {"n_startup_trials": 100, "n_warmup_steps": 0, "interval_steps": 1}
PRUNING = {"n_startup_trials": 2, "n_warmup_steps": 0, "interval_steps": 1}
HYPERBAND = {"min_resource": 1, "reduction_factor": 2}


def settings(n_trials, pruner=NEVER, trials_at_once=1, storage=None, **space):
    given = {"n_trials": n_trials, "trials_at_once": trials_at_once, "space": SPACE | space, "pruner": pruner}
    fixed = {"attempt": 1, "processes": "auto", "direction": "auto", "storage": storage}
    return SearchParameters.model_validate(fixed | given)


def value(hyperparameters, epoch):
    """Best at a learning rate of 1e-3, and better with each epoch."""
    return 0.9 - 0.1 * abs(math.log10(hyperparameters.learning_rate) + 3) - 0.05 / epoch


def train(hyperparameters, on_epoch):
    for epoch in range(1, hyperparameters.num_train_epochs + 1):
        on_epoch(epoch, {name: value(hyperparameters, epoch) for name in METRICS})
    return value(hyperparameters, hyperparameters.num_train_epochs)


def search(folder, n_trials, objective=train, name="search-a", seed=42, processes=1, metric="accuracy", **changes):
    folder.mkdir(exist_ok=True)
    given = settings(n_trials, **changes)
    return run_study(Search(folder, name, given, objective, seed, metric, "hyperparameter_search", processes))


def outcomes(study):
    """Return what came of each trial, in their order."""
    return [(trial.state, trial.value, trial.params, trial.intermediate_values) for trial in study.trials]


def states(study):
    return [trial.state.name for trial in study.trials]


def breaking(at, error):
    """Train, but raise in the second epoch of the trial that is started as number ``at`` (from 1)."""
    started = 0

    def objective(hyperparameters, on_epoch):
        nonlocal started
        started += 1
        on_epoch(1, {"accuracy": value(hyperparameters, 1)})
        if started == at:
            raise error
        return train(hyperparameters, lambda epoch, metrics: epoch == 1 or on_epoch(epoch, metrics))

    return objective


def constant(values, metric="accuracy", epochs=5):
    """Reach in each epoch of a trial the next of ``values``."""
    given = iter(values)

    def objective(hyperparameters, on_epoch):
        reached = next(given)
        for epoch in range(1, epochs + 1):
            on_epoch(epoch, {metric: reached})
        return reached

    return objective


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    return search(tmp_path_factory.mktemp("uninterrupted"), TRIALS)


def test_every_epoch_of_every_trial_is_reported_and_no_two_trials_are_alike_or_outside_the_space(uninterrupted):
    for trial in uninterrupted.trials:
        assert list(trial.intermediate_values) == list(range(trial.params["num_train_epochs"]))  # steps, from 0
        assert trial.value == list(trial.intermediate_values.values())[-1]
        assert set(trial.params) == set(FIVE)
        assert trial.params["per_device_train_batch_size"] in SPACE["per_device_train_batch_size"]
        for name in set(FIVE) - {"per_device_train_batch_size"}:
            assert SPACE[name]["low"] <= trial.params[name] <= SPACE[name]["high"]
    assert len({tuple(trial.params.values()) for trial in uninterrupted.trials}) == TRIALS


@pytest.mark.parametrize(
    "metric",
    [pytest.param(one, marks=() if one in ("accuracy", "eval_loss") else pytest.mark.slow) for one in METRICS],
)
def test_the_best_trial_has_the_lowest_loss_or_the_highest_of_any_other_metric(tmp_path, caplog, metric):
    best_of = min if metric == "eval_loss" else max
    with caplog.at_level(logging.INFO):
        study = search(tmp_path, 5, metric=metric)
    values = [trial.value for trial in study.trials]
    assert len(set(values)) == 5
    assert study.best_value == best_of(values)
    assert f"trial 4 complete {values[4]:.4f}, best so far {best_of(values):.4f}" in caplog.text
    history = search_figures(trials_table(study), settings(5).space, metric)[0]
    assert f": {best_of(values):.4f}, trial {values.index(best_of(values))}" in history.layout.title.text


@pytest.mark.parametrize(("metric", "worse", "better"), [("accuracy", 0.1, 0.9), ("eval_loss", 0.9, 0.1)])
def test_the_pruner_ends_a_trial_that_is_worse_than_the_median(tmp_path, metric, worse, better):
    """Two epochs are waited."""
    objective = constant([*[0.5] * 5, worse, better], metric)
    pruner, longest = {"n_startup_trials": 5, "n_warmup_steps": 2, "interval_steps": 1}, {"low": 5, "high": 5}
    study = search(tmp_path, 7, objective, metric=metric, pruner=pruner, num_train_epochs=longest)
    assert states(study) == [*["COMPLETE"] * 5, "PRUNED", "COMPLETE"]
    assert study.best_trial.number == 6
    table = trials_table(study)
    assert table["epochs"].tolist() == [5, 5, 5, 5, 5, 3, 5]
    assert table["value_by_epoch"][5] == " ".join([f"{worse:.4f}"] * 3)


def test_hyperband_stops_trials(tmp_path):
    study = search(tmp_path, 20, pruner=HYPERBAND, num_train_epochs={"low": 4, "high": 8})
    assert set(states(study)) == {"PRUNED", "COMPLETE"}


def test_trials_one_by_one_are_those_of_optuna_s_own_loop_with_one_sampler(tmp_path):
    """As in the paper's script: ``create_study(TPESampler(seed=42), MedianPruner)``, then ``optimize``."""
    space = settings(1).space

    def objective(trial):
        hyperparameters = suggest(trial, space)

        def on_epoch(epoch, metrics):
            trial.report(metrics["accuracy"], epoch - 1)
            if epoch < hyperparameters.num_train_epochs and trial.should_prune():
                raise optuna.TrialPruned

        if trial.number == 3:
            raise ValueError("no such")
        return train(hyperparameters, on_epoch)

    plain = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=42), pruner=optuna.pruners.MedianPruner(2, 0, 1)
    )
    plain.optimize(objective, n_trials=20, catch=ValueError)
    ours = search(tmp_path, 20, breaking(4, ValueError("no such")), pruner=PRUNING)
    assert set(states(plain)) == {"COMPLETE", "PRUNED", "FAIL"}
    assert [one[:3] for one in outcomes(ours)] == [one[:3] for one in outcomes(plain)]


@pytest.mark.parametrize("trials_at_once", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_fewer_trials_are_the_first_of_more_and_more_trials_start_no_finished_one_again(tmp_path, trials_at_once):
    started = []

    def counted(hyperparameters, on_epoch):
        started.append(hyperparameters)
        return train(hyperparameters, on_epoch)

    whole = search(tmp_path / "whole", TRIALS, trials_at_once=trials_at_once)
    first = search(tmp_path / "longer", 4, counted, trials_at_once=trials_at_once)
    assert outcomes(first) == outcomes(whole)[:4]
    assert outcomes(search(tmp_path / "whole", 4, trials_at_once=trials_at_once)) == outcomes(first)
    assert outcomes(search(tmp_path / "longer", TRIALS, counted, trials_at_once=trials_at_once)) == outcomes(whole)
    assert len(started) == TRIALS


def test_the_same_seed_draws_the_same_and_another_seed_others(uninterrupted, tmp_path):
    assert outcomes(search(tmp_path, 4, name="same")) == outcomes(uninterrupted)[:4]
    assert outcomes(search(tmp_path, 3, name="other", seed=43)) != outcomes(uninterrupted)[:3]


@pytest.mark.parametrize(
    ("at", "changes"),
    [
        pytest.param([1], {}, marks=pytest.mark.slow),
        pytest.param([11], {}, marks=pytest.mark.slow),
        pytest.param(
            [4, 2, 3],
            {"pruner": PRUNING | {"n_warmup_steps": 1}, "num_train_epochs": {"low": 4, "high": 4}},
            marks=pytest.mark.slow,
        ),
        ([1], {"trials_at_once": 2}),
        pytest.param([2, 9], {"trials_at_once": 2}, marks=pytest.mark.slow),
    ],
)
def test_a_search_interrupted_in_trials_ends_as_if_it_had_not_been(tmp_path, at, changes):
    for number in at:
        with pytest.raises(KeyboardInterrupt):
            search(tmp_path / "cut", TRIALS, breaking(number, KeyboardInterrupt()), **changes)
    resumed = search(tmp_path / "cut", TRIALS, **changes)
    assert outcomes(resumed) == outcomes(search(tmp_path / "whole", TRIALS, **changes))
    assert ("PRUNED" in states(resumed)) == ("pruner" in changes)
    assert sum(trial.user_attrs.get("cut_off", 0) for trial in resumed.trials) >= len(at)


KILLED = """
import os, signal, sys
from pathlib import Path
import tests.pipelines.search.test_study as here
started = 0
def objective(hyperparameters, on_epoch):
    global started
    started += 1
    on_epoch(1, {"accuracy": here.value(hyperparameters, 1)})
    if started == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return here.train(hyperparameters, lambda epoch, metrics: epoch == 1 or on_epoch(epoch, metrics))
here.search(Path(sys.argv[1]), here.TRIALS, objective)
"""


@pytest.mark.slow
def test_a_search_killed_twice_ends_as_if_it_had_not_been(uninterrupted, tmp_path):
    for at in (3, 10):
        command = [sys.executable, "-c", KILLED, str(tmp_path), str(at)]
        died = subprocess.run(command, cwd=PROJECT, capture_output=True)
        assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    assert outcomes(search(tmp_path, TRIALS)) == outcomes(uninterrupted)


@pytest.mark.slow
def test_trials_drawn_together_end_the_same_in_one_process_and_in_two(tmp_path):
    one, two = (search(tmp_path / str(n), 20, processes=n, trials_at_once=2, pruner=PRUNING, seed=1) for n in (1, 2))
    assert outcomes(one) == outcomes(two)
    assert set(states(one)) == {"COMPLETE", "PRUNED"}


def test_a_finished_search_has_nothing_to_do_and_says_how_to_search_again(tmp_path, caplog):
    done = search(tmp_path, 3)
    with caplog.at_level(logging.INFO):
        again = search(tmp_path, 3, objective=None)
    assert outcomes(again) == outcomes(done)
    assert "3 of 3 trials are done already" in caplog.text
    assert "--params=hyperparameter_search.attempt=2" in caplog.text


@pytest.mark.parametrize(
    "error", [StudyError("it diverged"), RuntimeError("out of memory"), MemoryError("none left"), ValueError("no such")]
)
def test_a_trial_that_raises_fails_with_its_reason_and_the_search_goes_on(tmp_path, error):
    study = search(tmp_path, 4, breaking(2, error))
    assert states(study) == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    assert study.trials[1].user_attrs["error"] == str(error)
    table = trials_table(study)
    assert list(table.columns) == ["number", "state", "value", "seconds", "epochs", *FIVE, "value_by_epoch"]
    assert table["value"].isna().tolist() == [False, True, False, False]
    assert [table.loc[trial.number, FIVE].to_dict() for trial in study.trials] == [one.params for one in study.trials]


def test_a_trial_that_gives_nan_fails_and_is_never_the_best(tmp_path):
    study = search(tmp_path, 3, constant([0.5, math.nan, 0.4]))
    assert states(study) == ["COMPLETE", "FAIL", "COMPLETE"]
    assert study.best_value == 0.5
    with pytest.raises(StudyError, match="the last error: accuracy is NaN"):
        search(tmp_path, 2, lambda given, on_epoch: math.nan, name="search-of-nothing")


def test_when_every_trial_fails_the_last_reason_is_given_and_the_search_ends(tmp_path):
    started = []

    def objective(hyperparameters, on_epoch):
        started.append(hyperparameters)
        raise StudyError(f"trial {len(started)} diverged")

    with pytest.raises(StudyError, match="No trial of the search gave a value; the last error: trial 3 diverged"):
        search(tmp_path, 3, objective)
    assert len(started) == 3


def test_an_error_that_is_none_of_a_trial_s_stops_the_search_and_costs_no_trial(uninterrupted, tmp_path):
    with pytest.raises(OSError, match="no space"):
        search(tmp_path, 3, breaking(2, OSError("no space left on device")))
    assert outcomes(search(tmp_path, 3)) == outcomes(uninterrupted)[:3]


@pytest.mark.parametrize("name", ["a?b", "a#b", "a%20b", "a b", "a%3Fb", "a@b:c", "[é😀]", "q'\"x", "a&b=c"])
def test_the_database_lies_in_the_folder_whatever_its_name(tmp_path, name):
    search(tmp_path / name, 1)
    assert [path.name for path in (tmp_path / name).iterdir()] == [DATABASE]
    assert list(tmp_path.iterdir()) == [tmp_path / name]
    assert len(search(tmp_path / name, 2).trials) == 2


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (
            "UPDATE trial_params SET param_value = 0.005 WHERE param_name = 'learning_rate'",
            "hyperparameters than are drawn",
        ),
        ("UPDATE trial_values SET value = 0.99 WHERE trial_id = 1", "values than were measured"),
        (
            "UPDATE trial_intermediate_values SET intermediate_value = 0.99 WHERE trial_id = 1",
            "values than were measured",
        ),
        ("UPDATE trials SET state = 'FAIL' WHERE trial_id = 1", "values than were measured"),
    ],
    ids=["hyperparameters", "value", "value of an epoch", "state"],
)
def test_what_somebody_has_put_into_the_database_is_refused(tmp_path, edit, said):
    search(tmp_path, 2)
    with sqlite3.connect(tmp_path / DATABASE) as database:
        assert database.execute(edit).rowcount
    with pytest.raises(StudyError, match=f"trial 0 has other {said}"):
        search(tmp_path, 2)


DAMAGES = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "scrambled": lambda content: content[:4096] + bytes(256) * 16 + content[8192:],
    "garbage": lambda content: b"this is no database\n" * 500,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_database_is_refused_with_its_path_and_left_as_it_is(tmp_path, damage):
    search(tmp_path, 2)
    path = tmp_path / DATABASE
    path.write_bytes(damage(path.read_bytes()))
    before = path.read_bytes()
    with pytest.raises(StudyError, match="the search's database is damaged") as refused:
        search(tmp_path, 2)
    assert str(path) in str(refused.value)
    assert "Delete it to start the search again" in str(refused.value)
    assert path.read_bytes() == before


def test_searches_share_a_database(tmp_path):
    one = search(tmp_path, 3, name="search-one")
    other = search(tmp_path, 2, name="search-other", learning_rate={"low": 0.1, "high": 0.5})
    assert (len(one.trials), len(other.trials)) == (3, 2)
    assert all(trial.params["learning_rate"] >= 0.1 for trial in other.trials)
    assert outcomes(search(tmp_path, 3, name="search-one")) == outcomes(one)


@pytest.mark.parametrize(
    ("n_trials", "waits", "longest", "warned"),
    [(6, 2, 4, False), (6, 0, 2, False), (6, 2, 3, True), (6, 0, 1, True), (5, 2, 4, True)],
)
def test_a_warning_says_when_the_pruner_cannot_stop_even_the_worst_trial(
    tmp_path, caplog, n_trials, waits, longest, warned
):
    """Each trial is worse than those before it, and as long as it may be."""
    objective = constant([1 - n / 10 for n in range(6)], epochs=longest)
    pruner = {"n_startup_trials": 5, "n_warmup_steps": waits, "interval_steps": 1}
    with caplog.at_level(logging.WARNING):
        study = search(tmp_path, n_trials, objective, pruner=pruner, num_train_epochs={"low": longest, "high": longest})
    assert ("The pruner cannot stop any trial" in caplog.text) == warned
    assert (states(study)[-1] == "COMPLETE") == warned


def figures_of(study, tmp_path):
    """Draw the figures from the table as the catalog gives it back."""
    trials_table(study).to_csv(tmp_path / "trials.csv", index=False)
    return search_figures(pd.read_csv(tmp_path / "trials.csv"), settings(1).space, "accuracy")


def test_drawing_them_alone_is_silent(tmp_path, capfd):
    study = search(tmp_path, 2, constant([0.5, 0.6]))
    optuna.logging.set_verbosity(optuna.logging.INFO)
    figures_of(study, tmp_path)
    assert capfd.readouterr().err == ""


def test_the_figures_show_the_trials_of_the_table(tmp_path):
    study = search(tmp_path, 6, breaking(2, StudyError("it diverged")))
    history, importance, parallel = figures_of(study, tmp_path)
    assert list(history.data[0].x) == [0, 2, 3, 4, 5]
    values = [trial.value for trial in study.trials if trial.value is not None]
    assert list(history.data[0].y) == pytest.approx(values)
    assert history.layout.title.text.endswith(f", trial {study.best_trial.number}")
    lines = [line.y for line in parallel.data if len(line.y) == 1 + len(FIVE)]
    scaled = [(value - min(values)) / (max(values) - min(values)) for value in values]
    assert sorted(line[0] for line in lines) == pytest.approx(sorted(scaled))
    assert set(importance.data[0].y) == set(FIVE)
    by_variance = optuna.importance.FanovaImportanceEvaluator(seed=0)
    shares = optuna.importance.get_param_importances(study, evaluator=by_variance)
    assert dict(zip(importance.data[0].y, importance.data[0].x, strict=True)) == pytest.approx(shares)
    assert "by fANOVA" in importance.layout.meta["alt"]


@pytest.mark.parametrize("values", [[0.5], [0.5, 0.5, 0.5]])
def test_too_few_different_values_for_importance_are_told_in_its_figure(tmp_path, values):
    _, importance, _ = figures_of(search(tmp_path, len(values), constant(values)), tmp_path)
    assert importance.layout.title.text == "Importance needs two trials with different values"

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
from tweet_sentiment.pipelines.hyperparameter_search.figures import search_figures
from tweet_sentiment.pipelines.hyperparameter_search.study import DATABASE, run_study, suggest, trials_table

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import HyperparameterSearchParameters, TrainingParameters

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


def settings(n_trials, pruner=NEVER, trials_at_once=1, **space):
    return HyperparameterSearchParameters.model_validate(
        {
            "n_trials": n_trials,
            "attempt": 1,
            "trials_at_once": trials_at_once,
            "processes": "auto",
            "direction": "auto",
            "space": SPACE | space,
            "pruner": pruner,
        }
    )


def value(hyperparameters, epoch):
    """Best at a learning rate of 1e-3, and better with each epoch."""
    return 0.9 - 0.1 * abs(math.log10(hyperparameters.learning_rate) + 3) - 0.05 / epoch


def learn(hyperparameters, on_epoch):
    for epoch in range(1, hyperparameters.num_train_epochs + 1):
        on_epoch(epoch, {name: value(hyperparameters, epoch) for name in METRICS})
    return value(hyperparameters, hyperparameters.num_train_epochs)


def search(folder, n_trials, objective=learn, name="search-a", seed=42, processes=1, metric="accuracy", **changes):
    given = settings(n_trials, **changes)
    return run_study(folder, name, given, objective, seed, metric, key="hyperparameter_search", processes=processes)


def drawn(study):
    """Return the hyperparameters of the trials that have an end, in their order."""
    ended = study.get_trials(states=(optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED))
    return [trial.params for trial in ended]


def breaking(at, error):
    """Learn, but raise in the second epoch of the trial that is started as number ``at`` (from 1)."""
    started = 0

    def objective(hyperparameters, on_epoch):
        nonlocal started
        started += 1
        on_epoch(1, {"accuracy": value(hyperparameters, 1)})
        if started == at:
            raise error
        return learn(hyperparameters, lambda epoch, metrics: epoch == 1 or on_epoch(epoch, metrics))

    return objective


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    return search(tmp_path_factory.mktemp("uninterrupted"), TRIALS)


def test_every_epoch_of_every_trial_is_reported(uninterrupted):
    for trial in uninterrupted.trials:
        assert list(trial.intermediate_values) == list(range(trial.params["num_train_epochs"]))  # steps, from 0
        assert trial.value == list(trial.intermediate_values.values())[-1]


@pytest.mark.parametrize("metric", METRICS)
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


def test_the_pruner_ends_the_trial_with_the_higher_loss(tmp_path):
    losses = iter([0.5] * 5 + [0.9, 0.1])

    def objective(hyperparameters, on_epoch):
        loss = next(losses)
        for epoch in range(1, 6):
            on_epoch(epoch, {"eval_loss": loss})
        return loss

    pruner = {"n_startup_trials": 5, "n_warmup_steps": 2, "interval_steps": 1}
    longest = {"low": 5, "high": 5}
    study = search(tmp_path, 7, objective, metric="eval_loss", pruner=pruner, num_train_epochs=longest)
    assert [trial.state.name for trial in study.trials] == [*["COMPLETE"] * 5, "PRUNED", "COMPLETE"]
    assert study.best_trial.number == 6


PRUNING = {"n_startup_trials": 2, "n_warmup_steps": 0, "interval_steps": 1}


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
        return learn(hyperparameters, on_epoch)

    plain = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=42), pruner=optuna.pruners.MedianPruner(2, 0, 1)
    )
    plain.optimize(objective, n_trials=20, catch=ValueError)
    ours = search(tmp_path, 20, breaking(4, ValueError("no such")), pruner=PRUNING)
    assert {trial.state.name for trial in plain.trials} == {"COMPLETE", "PRUNED", "FAIL"}
    assert [(t.state, t.value, t.params) for t in ours.trials] == [(t.state, t.value, t.params) for t in plain.trials]


@pytest.mark.parametrize("trials_at_once", [1, 2])
def test_fewer_trials_are_the_first_of_more(tmp_path, trials_at_once):
    search(tmp_path, TRIALS, trials_at_once=trials_at_once)
    fewer = search(tmp_path, 4, trials_at_once=trials_at_once)
    (tmp_path / "fresh").mkdir()
    fresh = search(tmp_path / "fresh", 4, trials_at_once=trials_at_once)
    assert [(t.params, t.value) for t in fewer.trials] == [(t.params, t.value) for t in fresh.trials]
    assert (len(fewer.trials), fewer.best_trial.number) == (4, fresh.best_trial.number)


def test_a_trial_that_was_cut_off_is_pruned_as_if_it_had_not_been(tmp_path):
    for folder in ("whole", "stopped"):
        (tmp_path / folder).mkdir()
    given = {"pruner": PRUNING | {"n_warmup_steps": 1}, "num_train_epochs": {"low": 4, "high": 4}}
    whole = search(tmp_path / "whole", TRIALS, **given)
    for at in (4, 2, 3):  # of those that are left
        with pytest.raises(KeyboardInterrupt):
            search(tmp_path / "stopped", TRIALS, breaking(at, KeyboardInterrupt()), **given)
    resumed = search(tmp_path / "stopped", TRIALS, **given)
    assert {trial.state.name for trial in whole.trials} == {"COMPLETE", "PRUNED"}
    assert [t.intermediate_values for t in resumed.trials] == [t.intermediate_values for t in whole.trials]
    assert [t.state for t in resumed.trials] == [t.state for t in whole.trials]


@pytest.mark.parametrize("name", ["a?b", "a#b", "a%20b", "a b", "a%3Fb", "a@b:c", "[é😀]", "q'\"x", "a&b=c"])
def test_the_database_lies_in_the_folder_whatever_its_name(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    search(folder, 2)
    assert [path.name for path in folder.iterdir()] == [DATABASE]
    assert list(tmp_path.iterdir()) == [folder]
    assert len(search(folder, 3).trials) == 3


def test_hyperparameters_in_the_database_that_were_not_drawn_are_refused(tmp_path):
    search(tmp_path, 2)
    with sqlite3.connect(tmp_path / DATABASE) as database:
        database.execute("UPDATE trial_params SET param_value = 0.005 WHERE param_name = 'learning_rate'")
    with pytest.raises(StudyError, match="trial 0 has other hyperparameters than are drawn for it"):
        search(tmp_path, 2)


def test_a_finished_search_says_how_to_search_again(tmp_path, caplog):
    search(tmp_path, 2)
    with caplog.at_level(logging.INFO):
        search(tmp_path, 2)
    assert "2 of 2 trials are done already" in caplog.text
    assert "--params=hyperparameter_search.attempt=2" in caplog.text


def test_every_value_drawn_lies_in_the_space(uninterrupted):
    for params in drawn(uninterrupted):
        assert set(params) == set(FIVE)
        assert params["per_device_train_batch_size"] in SPACE["per_device_train_batch_size"]
        for name in set(FIVE) - {"per_device_train_batch_size"}:
            assert SPACE[name]["low"] <= params[name] <= SPACE[name]["high"]


def test_the_same_seed_draws_the_same_and_another_seed_others(uninterrupted, tmp_path):
    assert drawn(search(tmp_path, 4, name="same")) == drawn(uninterrupted)[:4]
    assert drawn(search(tmp_path, 3, name="other", seed=43)) != drawn(uninterrupted)[:3]


@pytest.mark.parametrize("at", [1, 11])
def test_a_search_interrupted_in_a_trial_goes_on_as_if_it_had_not_been(uninterrupted, tmp_path, at):
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path, TRIALS, breaking(at, KeyboardInterrupt()))
    resumed = search(tmp_path, TRIALS)
    assert drawn(resumed) == drawn(uninterrupted)
    assert {trial.state.name for trial in resumed.trials} == {"COMPLETE"}
    assert [trial.user_attrs.get("cut_off", 0) for trial in resumed.trials].count(1) == 1


def test_no_set_of_hyperparameters_is_tried_twice(uninterrupted):
    assert len({tuple(params.values()) for params in drawn(uninterrupted)}) == TRIALS


def test_more_trials_go_on_from_those_that_are_done(uninterrupted, tmp_path):
    search(tmp_path, 5)
    started = []
    longer = search(tmp_path, TRIALS, lambda given, on_epoch: started.append(given) or learn(given, on_epoch))
    assert len(started) == TRIALS - 5
    assert drawn(longer) == drawn(uninterrupted)


KILLED = """
import os, signal, sys
from pathlib import Path
import tests.pipelines.hyperparameter_search.test_study as here
started = 0
def objective(hyperparameters, on_epoch):
    global started
    started += 1
    on_epoch(1, {"accuracy": here.value(hyperparameters, 1)})
    if started == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return here.learn(hyperparameters, lambda epoch, metrics: epoch == 1 or on_epoch(epoch, metrics))
here.search(Path(sys.argv[1]), here.TRIALS, objective)
"""


def test_a_search_killed_twice_goes_on_as_if_it_had_not_been(uninterrupted, tmp_path):
    for at in (3, 10):
        died = subprocess.run(
            [sys.executable, "-c", KILLED, str(tmp_path), str(at)], cwd=PROJECT, capture_output=True, timeout=120
        )
        assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    resumed = search(tmp_path, TRIALS)
    assert drawn(resumed) == drawn(uninterrupted)
    assert not resumed.get_trials(states=(optuna.trial.TrialState.RUNNING, optuna.trial.TrialState.WAITING))


def test_trials_drawn_together_end_the_same_in_one_process_and_in_two(tmp_path):
    one, two = (
        search(tmp_path / str(n), 20, processes=n, trials_at_once=2, pruner=PRUNING, seed=1)
        for n in (1, 2)
        if not (tmp_path / str(n)).mkdir()
    )
    assert drawn(one) == drawn(two)
    assert [t.intermediate_values for t in one.trials] == [t.intermediate_values for t in two.trials]
    assert [t.state for t in one.trials] == [t.state for t in two.trials]
    assert {t.state.name for t in one.trials} == {"COMPLETE", "PRUNED"}


@pytest.mark.parametrize("at", [1, 2, 12])
def test_a_search_interrupted_in_trials_drawn_together_goes_on_as_if_it_had_not_been(tmp_path, at):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "a", TRIALS, breaking(at, KeyboardInterrupt()), trials_at_once=2)
    resumed = search(tmp_path / "a", TRIALS, trials_at_once=2)
    assert drawn(resumed) == drawn(search(tmp_path / "b", TRIALS, trials_at_once=2))


def test_a_finished_search_has_nothing_to_do(tmp_path):
    done = search(tmp_path, 3)

    def objective(hyperparameters, on_epoch):
        raise AssertionError("a trial was run")

    again = search(tmp_path, 3, objective)
    assert again.best_params == done.best_params
    assert len(again.trials) == 3


@pytest.mark.parametrize(
    "error", [StudyError("it diverged"), RuntimeError("out of memory"), MemoryError("none left"), ValueError("no such")]
)
def test_a_trial_that_raises_fails_with_its_reason_and_the_search_goes_on(tmp_path, error):
    study = search(tmp_path, 4, breaking(2, error))
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    assert study.trials[1].user_attrs["error"] == str(error)


def test_a_trial_that_gives_nan_fails_and_is_never_the_best(tmp_path):
    values = iter([0.5, math.nan, 0.4])
    study = search(tmp_path, 3, lambda given, on_epoch: next(values))
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "FAIL", "COMPLETE"]
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
    assert drawn(search(tmp_path, 3)) == drawn(uninterrupted)[:3]


def empty(content):
    return b""


def cut(content):
    return content[: len(content) // 2]


def scrambled(content):
    return content[:4096] + bytes(256) * 16 + content[8192:]


def garbage(content):
    return b"this is no database\n" * 500


@pytest.mark.parametrize("damage", [empty, cut, scrambled, garbage])
def test_a_damaged_database_is_refused_with_its_path_and_left_as_it_is(tmp_path, damage):
    search(tmp_path, 2)
    path = tmp_path / DATABASE
    path.write_bytes(damage(path.read_bytes()))
    before = path.read_bytes()
    with pytest.raises(StudyError, match="the search's database is damaged") as refused:
        search(tmp_path, 2)
    assert str(path) in str(refused.value)
    assert "Delete it to start the search anew" in str(refused.value)
    assert path.read_bytes() == before


def test_tables_of_something_else_in_the_database_stay(tmp_path):
    with sqlite3.connect(tmp_path / DATABASE) as database:
        database.execute("CREATE TABLE notes (text)")
        database.execute("INSERT INTO notes VALUES ('mine')")
    search(tmp_path, 2)
    with sqlite3.connect(tmp_path / DATABASE) as database:
        assert database.execute("SELECT text FROM notes").fetchall() == [("mine",)]


def test_two_searches_share_a_database_without_sharing_trials(tmp_path):
    one = search(tmp_path, 3, name="search-one")
    other = search(tmp_path, 2, name="search-other", learning_rate={"low": 0.1, "high": 0.5})
    assert (len(one.trials), len(other.trials)) == (3, 2)
    assert all(trial.params["learning_rate"] >= 0.1 for trial in other.trials)
    assert drawn(search(tmp_path, 3, name="search-one")) == drawn(one)


def test_the_pruner_ends_a_trial_that_is_worse_than_the_median(tmp_path):
    """Trials of five epochs reach 0.5 in each; the sixth reaches 0.1, and two epochs are waited."""
    started = []

    def objective(hyperparameters, on_epoch):
        started.append(hyperparameters)
        reached = 0.1 if len(started) == 6 else 0.5
        for epoch in range(1, 6):
            on_epoch(epoch, {"accuracy": reached})
        return reached

    pruner = {"n_startup_trials": 5, "n_warmup_steps": 2, "interval_steps": 1}
    study = search(tmp_path, 7, objective, pruner=pruner, num_train_epochs={"low": 5, "high": 5})
    assert [trial.state.name for trial in study.trials] == [*["COMPLETE"] * 5, "PRUNED", "COMPLETE"]
    table = trials_table(study)
    assert table["epochs"].tolist() == [5, 5, 5, 5, 5, 3, 5]
    assert table["value_by_epoch"][5] == "0.1000 0.1000 0.1000"


@pytest.mark.parametrize(
    ("n_trials", "waits", "longest", "warned"),
    [(6, 2, 4, False), (6, 0, 2, False), (6, 2, 3, True), (6, 0, 1, True), (5, 2, 4, True)],
)
def test_a_warning_says_when_the_pruner_cannot_stop_even_the_worst_trial(
    tmp_path, caplog, n_trials, waits, longest, warned
):
    """Each trial is worse than those before it, and as long as it may be."""
    worse = iter(range(100))

    def objective(hyperparameters, on_epoch):
        reached = 1 - next(worse) / 10
        for epoch in range(1, longest + 1):
            on_epoch(epoch, {"accuracy": reached})
        return reached

    pruner = {"n_startup_trials": 5, "n_warmup_steps": waits, "interval_steps": 1}
    with caplog.at_level(logging.WARNING):
        study = search(tmp_path, n_trials, objective, pruner=pruner, num_train_epochs={"low": longest, "high": longest})
    assert ("The pruner cannot stop any trial" in caplog.text) == warned
    assert (study.trials[-1].state.name == "COMPLETE") == warned


def test_the_table_of_trials_has_a_row_a_trial(tmp_path):
    study = search(tmp_path, 5, breaking(2, StudyError("it diverged")))
    table = trials_table(study)
    assert list(table["number"]) == [0, 1, 2, 3, 4]
    assert list(table.columns) == ["number", "state", "value", "seconds", "epochs", *FIVE, "value_by_epoch"]
    assert table["value"].isna().tolist() == [False, True, False, False, False]
    for trial in study.trials:
        assert table.loc[trial.number, FIVE].to_dict() == trial.params


def figures_of(table, tmp_path):
    """Draw the figures from the table as the catalog gives it back."""
    table.to_csv(tmp_path / "trials.csv", index=False)
    return search_figures(pd.read_csv(tmp_path / "trials.csv"), settings(1).space, "accuracy")


def test_the_figures_show_the_trials_of_the_table(tmp_path):
    study = search(tmp_path, 6, breaking(2, StudyError("it diverged")))
    history, importance, parallel = figures_of(trials_table(study), tmp_path)
    values = [trial.value for trial in study.trials if trial.value is not None]
    assert list(history.data[0].y) == pytest.approx(values)
    lines = [line.y for line in parallel.data if len(line.y) == 1 + len(FIVE)]
    scaled = [(value - min(values)) / (max(values) - min(values)) for value in values]
    assert sorted(line[0] for line in lines) == pytest.approx(sorted(scaled))
    assert set(importance.data[0].y) == set(FIVE)


@pytest.mark.parametrize("values", [[0.5], [0.5, 0.5, 0.5]])
def test_too_few_different_values_for_importance_are_told_in_its_figure(tmp_path, values):
    given = iter(values)
    study = search(tmp_path, len(values), lambda hyperparameters, on_epoch: next(given))
    _, importance, _ = figures_of(trials_table(study), tmp_path)
    assert importance.layout.title.text == "Importance needs two trials with different values"

"""Optuna's own plots, drawn from the table of trials, without the search's database."""

from typing import Any

import optuna
import pandas as pd

from tweet_sentiment.parameters import SearchSpace, direction_of
from tweet_sentiment.pipelines.search.study import suggest
from tweet_sentiment.reports.figures import SERIES, styled


def search_figures(trials: pd.DataFrame, space: SearchSpace, metric: str) -> tuple[Any, Any, Any]:
    """Return history, importance and parallel coordinates, as Plotly figures."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction=direction_of(metric))
    study.add_trials([_trial(row, space) for row in trials.to_dict("records")])
    plots = optuna.visualization
    complete = study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    history = plots.plot_optimization_history(study, target_name=metric).update_traces(marker_color=SERIES[0])
    parallel = plots.plot_parallel_coordinate(study, target_name=metric)
    parallel.update_traces({"line": {"colorscale": "Cividis"}}, selector={"type": "parcoords"})
    if len({trial.value for trial in complete}) > 1:
        by_variance = optuna.importance.FanovaImportanceEvaluator(seed=0)
        importance = plots.plot_param_importances(study, evaluator=by_variance, target_name=metric).update_traces(
            marker_color=SERIES[0]
        )
        decides = max(zip(importance.data[0].x, importance.data[0].y, strict=True))
        weighs = f"{decides[1]} decides most of the search: {decides[0]:.1%} of the differences between trials"
    else:
        importance, weighs = type(history)(), "Importance needs two trials with different values"
    best = study.best_trial if complete else None
    found = f"Best of {len(complete)} finished trials: {best.value:.4f}, trial {best.number}" if best else "No trial"
    return (
        styled(history, "history", found, {"name": metric}),
        styled(importance, "importance", weighs),
        styled(parallel, "parallel", f"{found}; every trial is a line through its values", {"name": metric}),
    )


def _trial(row: dict[Any, Any], space: SearchSpace) -> Any:
    state = optuna.trial.TrialState[row["state"]]
    if state.name not in ("COMPLETE", "PRUNED"):
        return optuna.create_trial(state=optuna.trial.TrialState.FAIL)  # that the others keep their numbers
    drawn = optuna.trial.FixedTrial(row)
    suggest(drawn, space)
    kinds = drawn.distributions
    parameters = {name: kind.to_external_repr(kind.to_internal_repr(row[name])) for name, kind in kinds.items()}
    value = float(row["value"]) if state.name == "COMPLETE" else None
    return optuna.create_trial(state=state, params=parameters, distributions=kinds, value=value)

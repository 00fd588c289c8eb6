"""Search, plot the search, train with the best values (paper, section "Hyperparameter search")."""

from time import perf_counter
from typing import Any

import pandas as pd

from tweet_sentiment.parameters import Hyperparameters, SearchParameters, TechniqueSearchParameters
from tweet_sentiment.scoring.metrics import dev_scores
from tweet_sentiment.storage import fingerprint
from tweet_sentiment.techniques import TECHNIQUES


def search(
    key: str,
    search: SearchParameters,
    **given: Any,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Search the hyperparameters with the best metric on the dev split; return them, and all trials.

    The search does not train on the dev split or use the test posts; only under the published protocol the choice is
    made on the test posts, as in the paper. A finished search is not run again. With ``storage`` this is one of many
    workers, and each returns the same. ``key``: the section of conf. A technique's search starts no trial once all
    trials together have been trained on ``budget_posts`` posts; an epoch in which a trial was interrupted or failed
    counts as a whole one.
    """
    from tweet_sentiment.modeling.fitting import from_inputs

    from .objective import Objective
    from .study import Search, epochs_begun, run_study, trials_table
    from .workers import share_study

    technique = _technique(search)
    setup, examples, sections = from_inputs(given, TECHNIQUES[technique].reads)
    study, metric = setup.study, setup.training.metric_for_best_model
    if isinstance(search, TechniqueSearchParameters):
        limit, budget = search.row_limit, search.budget_posts
    else:
        limit, budget = sections[technique].row_limit, None
        examples = examples.with_dev_split().limited(limit)
    objective = Objective(technique, examples, sections[technique], setup.within("trial"), limit)
    posts = objective.posts_per_epoch()
    find = share_study if search.storage else run_study
    name = f"{technique}-{fingerprint(setup.identity(), objective.identity(), search.identity())}"
    asked = (setup.working_folder, name, search, objective, study.seed, metric, key, objective.processes(search))
    study_of_trials = find(
        Search(*asked, lambda trials: budget is not None and sum(map(epochs_begun, trials)) * posts >= budget)
    )
    trials = trials_table(study_of_trials)
    best = {
        "technique": technique,
        "hyperparameters": study_of_trials.best_params,
        "source": key,
        metric: study_of_trials.best_value,
        "trial": study_of_trials.best_trial.number,
        "trials": len(trials),
        "chosen_on": study.chosen_on,
        "dev_accuracy": study_of_trials.best_value if metric == "accuracy" and study.has_dev_split else None,
        "seconds": float(trials["seconds"].sum()),
    }
    if budget is not None:
        trials = trials.assign(posts=trials["epochs"] * posts)
        best["posts"] = int(trials["posts"].sum())
    return best, trials


def _technique(search: SearchParameters) -> str:
    return search.technique if isinstance(search, TechniqueSearchParameters) else "layer_unfreezing"


def train_best(
    key: str,
    best: dict[str, Any],
    search: SearchParameters,
    **given: Any,
) -> tuple[Any, pd.DataFrame, dict[str, Any]]:
    """Train the technique with the best hyperparameters; return model, curves and figures."""
    from tweet_sentiment.modeling.fitting import from_inputs
    from tweet_sentiment.techniques.layer_unfreezing import with_dev_scores

    start, technique = perf_counter(), _technique(search)
    setup, examples, rest = from_inputs(given, TECHNIQUES[technique].reads)
    chosen = _with_best(rest[technique], best)
    fit: Any = TECHNIQUES[technique].fit
    fitted = fit(examples, chosen, setup.within("best"))
    figures = fitted.figures | {
        "searched": technique,
        "seconds": best["seconds"] + perf_counter() - start,
        "search_seconds": best["seconds"],
        "chosen_on": best["chosen_on"],
    }
    if "encoding" in rest:
        scored = with_dev_scores(fitted, examples, chosen, setup)
        figures |= {"encoding_seconds": rest["encoding"]["seconds"]} | {name: scored[name] for name in dev_scores(None)}
    if figures.get("dev_accuracy") is None:  # through the encoder: what the search has measured anyway
        figures["dev_accuracy"] = best["dev_accuracy"]
    sections = {key: search.model_dump(exclude={"storage"}), technique: chosen.model_dump()}
    return fitted.model(setup.manifest(key, sections, figures)), fitted.curves, figures


def repeat_with_seeds(
    best: dict[str, Any],
    search: SearchParameters,
    seeds: list[int],
    **given: Any,
) -> pd.DataFrame:
    """Train with the best hyperparameters again, once for each other seed; return one row of scores per seed."""
    from tweet_sentiment.modeling import series
    from tweet_sentiment.modeling.fitting import from_inputs

    technique = _technique(search)
    setup, examples, sections = from_inputs(given, TECHNIQUES[technique].reads)
    fit: Any = TECHNIQUES[technique].fit
    return series.repeat_with_seeds(technique, fit, examples, _with_best(sections[technique], best), setup, seeds)


def _with_best(parameters: Any, best: dict[str, Any]) -> Any:
    return parameters.model_copy(update={"hyperparameters": Hyperparameters(**best["hyperparameters"])})

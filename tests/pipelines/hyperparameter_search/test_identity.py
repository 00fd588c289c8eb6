"""What makes a search another search: every parameter that its trials depend on, and no other."""

import pytest
from pydantic import BaseModel
from tests.conftest import raw_parameters, validate_parameters
from tweet_sentiment.pipelines.hyperparameter_search.nodes import conditions, repeat_with_seeds
from tweet_sentiment.pipelines.hyperparameter_search.technique import technique_conditions

from tweet_sentiment.errors import StudyError

STUDY = validate_parameters(raw_parameters())
ACCOUNT = {"files": {"training": {"sha256": "a"}}}
SHARED = ["labels", "protocol", "seed", "device", "fp16", "precision", "data", "model", "training", "dev"]
HOW_MANY_AND_WHERE = ["n_trials", "processes", "direction"]  # the direction is the metric's


def leaves(model, before=()):
    """Yield the path of every parameter below ``model``."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from leaves(value, (*before, name))
        else:
            yield (*before, name)


def changed(model, path):
    """Return a copy with another value at ``path``."""
    value = getattr(model, path[0])
    return model.model_copy(update={path[0]: changed(value, path[1:]) if path[1:] else other(value)})


def other(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value * 2 + 2
    if isinstance(value, str):
        return "p_tuning" if value == "lora" else f"{value} of another kind"
    return "another" if value is None else [value]


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # of values that are of no allowed kind
def test_each_parameter_that_trials_depend_on_makes_another_search_and_no_other_does():
    paths = list(leaves(STUDY))
    assert len(paths) > 200
    studies = {path: changed(STUDY, path) for path in paths}
    of_search = {path for path in paths if conditions(studies[path], ACCOUNT) != conditions(STUDY, ACCOUNT)}
    of_technique = {
        path for path in paths if technique_conditions(studies[path], ACCOUNT) != technique_conditions(STUDY, ACCOUNT)
    }
    shared = {path for path in paths if path[0] in [*SHARED, "layer_unfreezing"]}
    searches = {
        name: {path for path in paths if path[0] == name and path[1] not in HOW_MANY_AND_WHERE}
        for name in ("hyperparameter_search", "technique_search")
    }
    assert of_search == shared | searches["hyperparameter_search"]
    technique = {path for path in paths if path[0] == "lora"}
    assert of_technique == shared | technique | searches["technique_search"] - {("technique_search", "budget_posts")}


def test_other_data_make_another_search():
    account = {"files": {"training": {"sha256": "b"}}}
    assert conditions(STUDY, ACCOUNT) != conditions(STUDY, account)
    assert technique_conditions(STUDY, ACCOUNT) != technique_conditions(STUDY, account)


@pytest.mark.parametrize(("n_trials", "another"), [(6, False), (7, True)], ids=["whole pairs", "an odd one"])
def test_a_trial_drawn_alone_where_others_are_drawn_in_pairs_makes_another_search(n_trials, another):
    search = STUDY.hyperparameter_search.model_copy(update={"n_trials": n_trials, "trials_at_once": 2})
    more = search.model_copy(update={"n_trials": 8})
    assert (search.identity() != more.identity()) == another


def test_without_a_search_nothing_is_trained_with_its_best_values(tmp_path):
    with pytest.raises(StudyError, match="The search has not been run"):
        repeat_with_seeds(None, None, None, None, ACCOUNT, {}, tmp_path, STUDY)

"""What results are stored under: every parameter that decides one makes it another, and no other parameter does."""

import shutil
from contextlib import suppress
from types import SimpleNamespace
from typing import Literal, get_args, get_origin

import pytest
from kedro.io import DataCatalog, MemoryDataset
from pydantic import BaseModel, ValidationError

from tests.conftest import raw_parameters, validate_parameters
from tests.trainings import examples, fit, node_inputs, setup_of, small
from tweet_sentiment.incremental.identity import parameters_of
from tweet_sentiment.modeling import checkpoints, fitting, series, trainer
from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.pipeline_registry import register_pipelines
from tweet_sentiment.pipelines.domain_adaptation.nodes import adapt
from tweet_sentiment.pipelines.prompt_tuning import nodes as prompt_tuning
from tweet_sentiment.pipelines.search import study, workers
from tweet_sentiment.pipelines.search.nodes import search
from tweet_sentiment.storage import fingerprint
from tweet_sentiment.techniques import TECHNIQUES, TUNABLE

STUDY = validate_parameters(raw_parameters())
SHARED = ("study", "model", "training", "compute")
POSTS = {"training_posts": examples().training, "test_posts": examples().evaluation}
TOKENS = {"training_tokens": POSTS["training_posts"], "test_tokens": POSTS["test_posts"]}
FEATURES = TOKENS | dict.fromkeys(("training_features", "test_features"))
SAVING = {"training.save_total_limit", "training.save_minutes", "training.at_once"}
NOT_DECISIVE = set(SAVING)
NOT_DECISIVE |= {f"{name}.repeat_seeds" for name in TECHNIQUES}
NOT_DECISIVE |= {f"prompt_tuning.{name}" for name in ("heads_to_compare", "use_search_result")}
SET_BY_A_TRIAL = ("row_limit", "load_best_model_at_end", "hold_out_dev_split", "early_stopping_patience")


class Stored(Exception):
    """Carries out what a result would have been stored under."""


def store(*parts, **_):
    raise Stored(fingerprint(*map(str, parts)))


def literals(annotation):
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    for one in get_args(annotation):
        yield from literals(one)


def candidates(field, value, folder):
    """Yield values that a field may have instead, if they are valid."""
    yield from literals(field.annotation)
    match value:
        case bool():
            yield not value
        case int() | float():
            yield from (value * 2, value + 1, value / 2, 0.5)
        case str():
            yield from ("p_tuning" if value == "lora" else folder, f"{value} x", "cpu", "grouped", 2)
        case list():
            yield from (value[::-1], value[1:], [*value, "another"])
        case None:
            yield from (1, folder, "postgresql://ada@server/study")


def others(model, folder, before=""):
    """Yield each parameter's name, and the model under another value of it that is valid."""
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from (
                (key, model.model_copy(update={name: one})) for key, one in others(value, folder, f"{before}{name}.")
            )
            continue
        for one in candidates(field, value, folder):
            with suppress(ValidationError):
                found = type(model).model_validate(model.model_dump() | {name: one})
                if getattr(found, name) != value:
                    yield before + name, found
                    break


@pytest.fixture
def decisive(encoder, tmp_path, monkeypatch):
    """Return which parameters of these sections make ``stored`` say something else, and which do not."""
    other = str(shutil.copytree(encoder, tmp_path / "other"))
    monkeypatch.setattr(fitting, "device_of", lambda *_: Device("cpu", "fp32"))
    for module in (trainer, checkpoints):
        monkeypatch.setattr(module, "checkpoints_folder", store)
    monkeypatch.setattr(series, "fingerprint", store)
    for module, find in ((study, "run_study"), (workers, "share_study")):
        monkeypatch.setattr(module, find, lambda search: store(search.name))

    def sort(stored, *sections):
        start = small(STUDY, encoder)

        def said(**changes):
            with pytest.raises(Stored) as found:
                stored(SimpleNamespace(**vars(start) | changes), tmp_path)
            return str(found.value)

        keys, plain = {}, said()
        for name in (*SHARED, *sections):
            for key, changed in others(getattr(start, name), other):
                keys[f"{name}.{key}"] = said(**{name: changed}) != plain
        assert plain == said()
        assert len(keys) > 20
        return {key for key, another in keys.items() if another}, {key for key, another in keys.items() if not another}

    return sort


@pytest.mark.parametrize(
    "technique",
    [pytest.param(one, marks=() if one == "lora" else pytest.mark.slow) for one in (*TUNABLE, "distillation")],
)
def test_the_checkpoints_of_a_training(decisive, technique):
    _, rest = decisive(lambda sections, folder: fit(technique, sections, folder), technique)
    if technique == "prompt_tuning":  # only the last of them is trained on
        rest -= {"prompt_tuning.hard_prompts"}
    assert rest == NOT_DECISIVE & {*SAVING, *keys_of(technique)}


def keys_of(*sections):
    return {f"{name}.{key}" for name in sections for key in type(getattr(STUDY, name)).model_fields}


@pytest.mark.slow
def test_the_checkpoints_of_an_adaptation(decisive):
    def stored(sections, folder):
        posts = examples().training[["id", "post"]].assign(row=range(36))
        adapt(posts, **node_inputs(sections, folder, "domain_adaptation"))

    _, rest = decisive(stored, "domain_adaptation")
    assert rest <= {*SAVING, "domain_adaptation.row_limit", "domain_adaptation.measured_share"}


def test_a_fit_of_an_experiment(decisive):
    def stored(sections, folder):
        series.StoredFit("lora", None, None, sections.lora, setup_of(sections, folder)).result()

    assert decisive(stored, "lora")[1] == {*SAVING, "lora.repeat_seeds"}


def test_a_prompt(decisive):
    def stored(sections, folder):
        chosen = prompt_tuning.choose_hyperparameters({"hyperparameters": {}}, sections.prompt_tuning)
        if sections.prompt_tuning.use_search_result:
            chosen = {"hyperparameters": sections.prompt_tuning.hyperparameters.model_dump(), "source": "search"}
        prompt_tuning.train(chosen, **POSTS, **node_inputs(sections, folder, "prompt_tuning"))

    assert decisive(stored, "prompt_tuning")[1] == NOT_DECISIVE & {*SAVING, *keys_of("prompt_tuning")}


@pytest.mark.parametrize(
    ("key", "technique", "data"),
    [("hyperparameter_search", "layer_unfreezing", FEATURES), ("technique_search", "lora", POSTS)],
)
def test_a_search(decisive, key, technique, data):
    def stored(sections, folder):
        given = node_inputs(sections, folder, *TUNABLE, "layer_unfreezing") | data
        search(key, getattr(sections, key), **given)

    _, rest = decisive(stored, key, technique)
    of_trial = {f"{technique}.hyperparameters.{name}" for name in type(STUDY.lora.hyperparameters).model_fields}
    own = keys_of(technique) - {"layer_unfreezing.row_limit"}  # a trial learns from as many as the model does
    of_trial |= {f"{technique}.{name}" for name in SET_BY_A_TRIAL} & own
    names = ("n_trials", "processes", "direction", "storage", "budget_posts")
    how_many = {f"{key}.{name}" for name in names} & keys_of(key)
    assert rest == how_many | of_trial | NOT_DECISIVE & {*SAVING, *keys_of(technique)}


@pytest.mark.parametrize(("n_trials", "another"), [(6, False), (7, True)], ids=["whole pairs", "an odd one"])
def test_a_trial_drawn_alone_where_others_are_drawn_in_pairs_makes_another_search(n_trials, another):
    given = STUDY.hyperparameter_search.model_copy(update={"n_trials": n_trials, "trials_at_once": 2})
    assert (given.identity() != given.model_copy(update={"n_trials": 8}).identity()) == another


def test_the_record_of_whatever_a_node_writes(tmp_path):
    """Tokens, features, splits and scores have no names of their own: a record tells what was made otherwise."""
    nodes = {node for pipeline in register_pipelines().values() for node in pipeline.nodes}
    kinds = {
        tuple(sorted(name for name in node.inputs if name.removeprefix("params:") in vars(STUDY))): node
        for node in nodes
    }
    given = {name for node in nodes for name in node.inputs if name.startswith("params:")}
    catalog = DataCatalog({one: MemoryDataset(getattr(STUDY, one.removeprefix("params:"), "")) for one in given})
    seen = set()
    for names, node in kinds.items():
        plain = parameters_of(node, catalog)
        for name in names:
            section = getattr(STUDY, name.removeprefix("params:"))
            for key, changed in others(section, str(tmp_path)) if isinstance(section, BaseModel) else ():
                catalog[name] = MemoryDataset(changed)
                assert parameters_of(node, catalog) != plain, (node.name, name, key)
                seen.add(f"{name}.{key}")
            catalog[name] = MemoryDataset(section)
    assert {"params:model.max_length", "params:study.seed", "params:data.cleaning", "params:compute.precision"} <= seen


def test_other_data(tmp_path):
    one, other = (setup_of(STUDY, tmp_path, files={"training": {"sha256": digit}}) for digit in "ab")
    assert one.identity() != other.identity()
    assert one.identity() == one.within("elsewhere").identity()

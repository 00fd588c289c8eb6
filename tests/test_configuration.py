"""How layers of ``conf`` and ``--params`` are merged: over every map of the typed models."""

import re
import shutil
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from pydantic import BaseModel

from tests.conftest import PROJECT, validate_parameters
from tweet_sentiment.commands.options import run_of
from tweet_sentiment.commands.run import split_params
from tweet_sentiment.configuration import ConfigLoader, run_of_file
from tweet_sentiment.parameters import kinds_of
from tweet_sentiment.schema import Conf
from tweet_sentiment.settings import CONFIG_LOADER_ARGS

HYPERBAND = {"min_resource": 1, "reduction_factor": 3}
MEDIAN = {"n_startup_trials": 1, "n_warmup_steps": 0, "interval_steps": 1}
SHARES = {"low": 0.05, "high": 0.2, "log": False}  # of the steps, in the place of their number
OTHER_FORMS = {  # of every union and open map: what replaces base's, whole
    "hyperparameter_search.pruner": HYPERBAND,
    "technique_search.pruner": MEDIAN,
    "hyperparameter_search.space.warmup_steps": SHARES,
    "technique_search.space.warmup_steps": SHARES,
    "training.class_weights": {"Negative": 1.0, "Neutral": 2.0, "Positive": 3.0},
    "training_ablation.variants": {"whole": {}, "mine": {"pooling": "mean"}},
    "reporting.paper_accuracy": {"lora": 0.5},
}


def maps(model: type[BaseModel] = Conf, prefix: str = "") -> dict[str, list]:
    """Return every union of models and every map with names of its own, by key."""
    found = {}
    for name, field in model.model_fields.items():
        kinds = list(kinds_of(field.annotation))
        if dict in kinds or len(kinds) > 1:
            found[prefix + name] = kinds
        elif kinds:
            found |= maps(kinds[0], f"{prefix}{name}.")
    return found


def loaded(conf: Path, kind: str = "parameters", said: str = "", environment: str | None = None) -> dict:
    """Return what Kedro loads for ``--params=<said>``."""
    runtime = split_params(None, None, said)
    return ConfigLoader(str(conf), env=environment, runtime_params=runtime, **CONFIG_LOADER_ARGS)[kind]


@pytest.fixture
def conf(tmp_path) -> Path:
    copied = Path(shutil.copytree(PROJECT / "conf", tmp_path / "conf", ignore=shutil.ignore_patterns("local")))
    (copied / "local").mkdir()
    return copied


def local(conf: Path, values: dict, name: str = "parameters") -> None:
    OmegaConf.save(OmegaConf.create(values), conf / f"local/{name}.yml")


def nested(key: str, value: object) -> dict:
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


def dotted(key: str, value: object) -> list[str]:
    if isinstance(value, dict) and value:
        return [item for name, one in value.items() for item in dotted(f"{key}.{name}", one)]
    return [f"{key}={'{}' if value == {} else value}"]


def at(tree: dict, key: str) -> object:
    for part in key.split("."):
        tree = tree[part]
    return tree


def test_every_union_and_every_open_map_of_the_models_is_tried_here():
    assert maps().keys() == OTHER_FORMS.keys()


@pytest.mark.parametrize(("key", "value"), OTHER_FORMS.items())
def test_a_map_of_another_form_replaces_base_s(conf, key, value):
    said = ",".join(dotted(key, value))
    assert at(loaded(conf, said=said), key) == value
    local(conf, nested(key, value))
    assert at(loaded(conf), key) == value
    validate_parameters(loaded(conf))


@pytest.mark.parametrize(("key", "value"), OTHER_FORMS.items())
def test_params_replace_what_conf_local_says(conf, key, value):
    before = {"min_resource": 2, "reduction_factor": 2} if value is MEDIAN else MEDIAN if value is HYPERBAND else {}
    local(conf, nested(key, before))
    assert at(loaded(conf, said=",".join(dotted(key, value))), key) == value


@pytest.mark.parametrize("key", [key for key, kinds in maps().items() if dict in kinds])
def test_an_empty_open_map_replaces_base_s(conf, key):
    assert at(loaded(conf, said=f"{key}={{}}"), key) == {}
    local(conf, nested(key, {}))
    assert at(loaded(conf), key) == {}


def test_a_map_of_the_same_form_is_merged_key_by_key(conf):
    local(conf, {"hyperparameter_search": {"pruner": {"n_warmup_steps": 1}}})
    merged = loaded(conf, said="hyperparameter_search.pruner.interval_steps=2")["hyperparameter_search"]["pruner"]
    assert merged == {"n_startup_trials": 3, "n_warmup_steps": 1, "interval_steps": 2}


@pytest.mark.parametrize("by_params", [True, False])
def test_a_name_that_is_null_is_taken_out_and_the_others_stay(conf, by_params):
    before = validate_parameters(loaded(conf)).training_ablation.variants
    said = "training_ablation.variants.entity=null" if by_params else ""
    if not by_params:
        local(conf, {"training_ablation": {"variants": {"entity": None}}})
    after = validate_parameters(loaded(conf, said=said)).training_ablation.variants
    assert after == {name: changes for name, changes in before.items() if name != "entity"}


def test_a_null_by_params_takes_a_name_out_of_the_map_that_conf_local_put_in_base_s_place(conf):
    local(conf, {"training_ablation": {"variants": {"plain": {}, "mine": {"pooling": "mean"}}}})
    merged = validate_parameters(loaded(conf, said="training_ablation.variants.mine=null"))
    assert merged.training_ablation.variants == {"plain": {}}


@pytest.mark.parametrize("place", ["params", "parameters", "globals"])
@pytest.mark.parametrize("value", [None, "data/01_raw/held_out.csv"])
def test_the_validation_file_is_named_in_one_place(conf, place, value):
    said = f"data.validation_file={value or 'null'}" if place == "params" else ""
    if place == "parameters":
        local(conf, {"data": {"validation_file": value}})
    if place == "globals":
        local(conf, {"validation_file": value}, "globals")
    parameters, catalog = validate_parameters(loaded(conf, said=said)), loaded(conf, "catalog", said)
    assert parameters.data.validation_file == parameters.inference.file == value
    assert catalog["validation_file"]["filepath"] == catalog["inference.posts"]["filepath"] == value


def test_the_catalog_writes_where_the_parameters_say(conf):
    local(conf, {"run": "mine", "protocol": "grouped"})
    assert loaded(conf, "catalog")["row_counts"]["filepath"] == "data/08_reporting/mine/grouped/row_counts.json"
    assert loaded(conf)["inference"]["model"] == "data/06_models/mine/best"
    assert loaded(conf, "catalog", "run=other")["best_model"]["filepath"] == "data/06_models/other/best"


def test_a_file_of_one_s_own_has_nothing_of_the_project_s_files(conf):
    said = loaded(conf, said="data.training_file=in/My posts.csv,data.columns.label=stars")
    data = said["data"]
    assert (said["run"], said["labels"]) == ("My_posts", "auto")
    assert data["columns"] == {"id": None, "group": None, "entity": None, "label": "stars", "post": "auto"}
    assert (data["validation_file"], data["drop_labels"], data["header"], data["delimiter"]) == (
        None,
        [],
        "auto",
        "auto",
    )
    assert "My_posts" in loaded(conf, "catalog", "data.training_file=in/My posts.csv")["best_model"]["filepath"]


def test_what_is_said_of_a_file_of_one_s_own_holds(conf):
    local(conf, {"training_file": "in/mine.csv", "run": "mine"}, "globals")
    local(conf, {"labels": ["a", "b"], "data": {"header": True, "drop_labels": ["c"]}})
    said = loaded(conf)
    assert (said["run"], said["labels"], said["data"]["header"]) == ("mine", ["a", "b"], True)
    assert (said["data"]["drop_labels"], said["data"]["validation_file"]) == (["c"], None)
    assert loaded(conf, said="data.validation_file=in/other.csv")["data"]["validation_file"] == "in/other.csv"


def test_what_is_said_of_one_file_does_not_hold_of_another_that_params_name(conf):
    data = {"training_file": "in/mine.csv", "validation_file": "in/test.csv", "header": True, "cleaning": "minimal"}
    columns = {"id": "id", "group": None, "entity": None, "label": "stars", "post": "text"}
    local(conf, {"run": "mine", "labels": ["a", "b"], "data": data | {"columns": columns, "drop_labels": ["c"]}})
    for file in ("in/mine.csv", "./in/mine.csv"):
        assert loaded(conf, said=f"data.training_file={file}")["data"]["columns"] == columns
    said = loaded(conf, said="data.training_file=in/other.csv,data.columns.post=words")
    assert (said["run"], said["labels"], said["data"]["validation_file"]) == ("other", "auto", None)
    assert said["data"]["columns"] == {"id": None, "group": None, "entity": None, "label": "auto", "post": "words"}
    assert (said["data"]["header"], said["data"]["drop_labels"], said["data"]["cleaning"]) == ("auto", [], "minimal")
    assert loaded(conf, said="data.training_file=in/other.csv,run=own")["run"] == "own"


@pytest.mark.parametrize("environment", ["base", "kaggle", "paper", "test"])
def test_the_project_s_own_files_keep_what_conf_says_of_them(conf, environment):
    said = loaded(conf, environment=environment)
    assert (said["labels"], said["data"]["columns"]["id"]) == (["Negative", "Neutral", "Positive"], 0)
    assert said["data"]["validation_file"].endswith("_validation.csv")


@pytest.mark.parametrize("name", ["sample", "kaggle", "paper", "test", "отзывы", "_", "a b.c", ".hidden"])
def test_a_run_on_a_file_of_one_s_own_never_has_the_name_of_another(name):
    run = run_of_file(f"in/{name}.csv")
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", run)
    assert run not in ("sample", "kaggle", "paper", "test")
    assert run != run_of_file("in/твиты_a b.c.csv")


def test_lists_and_maps_can_be_set_by_params_among_others(conf):
    said = loaded(conf, said="labels=[bad, good],seed=7,data.columns={id: null, label: stars},seeds=[7]")
    assert (said["labels"], said["seed"], said["seeds"]) == (["bad", "good"], 7, [7])
    assert said["data"]["columns"] == {"id": None, "group": None, "entity": 1, "label": "stars", "post": 3}


def test_the_commands_take_the_run_of_a_file_of_one_s_own(conf):
    local(conf, {"data": {"training_file": "in/mine.csv"}})
    assert run_of(conf, None) == "mine"
    local(conf, {"run": "other", "data": {"training_file": "in/mine.csv"}})
    assert run_of(conf, None) == "other"

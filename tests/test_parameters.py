from copy import deepcopy
from functools import reduce
from operator import getitem
from typing import get_args

import pytest

from tests.conftest import raw_parameters, validate_parameters
from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import TrainingParameters

RAW = raw_parameters()


@pytest.mark.parametrize("environment", ["base", "kaggle", "paper", "test"])
def test_every_environment_is_valid(environment):
    parameters = validate_parameters(raw_parameters(environment))
    assert parameters.run == {"base": "sample"}.get(environment, environment)
    assert (parameters.tracking.mlflow, parameters.tracking.tensorboard) == (None, None)


def test_the_paper_s_environment_has_the_paper_s_values():
    paper = validate_parameters(raw_parameters("paper"))
    assert (paper.protocol, paper.data.cleaning, paper.device, paper.fp16) == ("published", "published", "cuda:0", True)
    assert (paper.model.checkpoint, paper.model.max_length) == ("distilbert-base-uncased", 128)
    assert (paper.model.padding, paper.model.encoder_dropout) == ("max_length", True)
    search, space = paper.hyperparameter_search, paper.hyperparameter_search.space
    assert (search.n_trials, search.direction) == (40, "maximize")
    assert (space.num_train_epochs.low, space.num_train_epochs.high) == (2, 15)
    assert space.per_device_train_batch_size == [8, 16, 32]
    assert (space.learning_rate.low, space.learning_rate.high, space.learning_rate.log) == (1e-5, 5e-4, True)
    assert (space.warmup_steps.low, space.warmup_steps.high) == (0, 500)
    assert (space.weight_decay.low, space.weight_decay.high, space.weight_decay.log) == (1e-6, 1e-2, True)
    assert (search.pruner.n_startup_trials, search.pruner.n_warmup_steps, search.pruner.interval_steps) == (5, 5, 1)
    best = paper.prompt_tuning.hyperparameters
    assert (best.num_train_epochs, best.per_device_train_batch_size, best.warmup_steps) == (8, 16, 393)
    assert (best.learning_rate, best.weight_decay) == (0.0006672367170464204, 6.290644294586145e-06)
    assert paper.prompt_tuning.num_virtual_tokens == 15
    assert paper.prompt_tuning.row_limit is None
    assert paper.layer_unfreezing.hyperparameters.learning_rate == 5e-5
    assert (paper.training.logging_steps, paper.training.per_device_eval_batch_size, paper.seed) == (400, 64, 42)


def _changed(key, value):
    raw = deepcopy(RAW)
    place = raw
    *path, last = key.split(".")
    for part in path:
        place[part] = place[part] or {}  # null: none of its keys
        place = place[part]
    place[last] = value
    return raw


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("layer_unfreezing.hyperparameters.learning_rate", "1e-5", "layer_unfreezing.hyperparameters.learning_rate"),
        ("layer_unfreezing.hyperparameters.learning_rate", 0.0, "more than 0"),
        ("layer_unfreezing.hyperparameters.learning_rate", float("nan"), "finite"),
        ("layer_unfreezing.hyperparameters.per_device_train_batch_size", 0, "1 or more"),
        ("layer_unfreezing.hyperparameters.num_train_epochs", 0, "1 or more"),
        ("seed", 2**32, "seed"),
        ("seed", -1, "seed"),
        ("training.metric_for_best_model", "acuracy", "accuracy"),
        ("hyperparameter_search.attempt", 0, "1 or more"),
        ("model.max_length", 500, "500) + prompt_tuning.num_virtual_tokens (15) = 515"),
        ("hyperparameter_search.space.learning_rate", {"low": 1.0, "high": 0.1, "log": True}, "above high"),
        ("hyperparameter_search.space.learning_rate", {"low": 0.0, "high": 0.1, "log": True}, "low > 0"),
        ("layer_unfreezing.lrr", 1, "layer_unfreezing.lrr: no such parameter"),
        ("learning_rat", 1, "learning_rat: no such parameter"),
        ("learning_rate", 1, "did you mean layer_unfreezing.hyperparameters.learning_rate or hyperparameter_search."),
        ("lora.learning_rate", 1, "lora.learning_rate: no such parameter; did you mean lora.hyperparameters.learning_"),
        ("promotion.techniqe", 1, "promotion.techniqe: no such parameter; did you mean promotion.technique?"),
        ("device", "gpu", "device: expected auto, cpu, cuda or cuda:N; found 'gpu'"),
        ("protocol", "leakfree", "protocol: expected published, leak_free, grouped or grouped_<k>_of_<n>; found 'leak"),
        ("run", "../x", "run: expected a name of letters, digits, _, . and -; found '../x'"),
        ("data.columns.label", 1.5, "data.columns.label: expected a whole number or a text; found 1.5\n"),
        ("training.class_weights", "heavy", "class_weights: expected 'balanced' or keys with values; found 'heavy'\n"),
        ("training.class_weights.Positive", -1, "training.class_weights.Positive: expected more than 0; found -1\n"),
        (
            "full_fine_tuning.hyperparameters.learning_rate",
            "x",
            "learning_rate: expected a number or 'auto'; found 'x'",
        ),
        ("hyperparameter_search.pruner.n_startup_trials", -1, "search.pruner.n_startup_trials: expected 0 or more; fo"),
        ("hyperparameter_search.space.warmup_steps.low", "x", "warmup_steps.low: expected a number; found 'x'\n"),
        ("hyperparameter_search.pruner", None, "hyperparameter_search.pruner: expected keys with values; found None"),
        ("protocol", "grouped_4_of_3", "grouped_4_of_3"),
        ("protocol", "grouped_1_of_1", "n of 2 or more"),
        ("seeds", [1, 1], "an item twice"),
        ("seeds", [], "seeds"),
        ("dev_split.share", 1.0, "less than 1"),
        ("uncertainty.resamples", 5, "100 or more"),
        *((f"{name}.peft_type", "PREFIX_TUNING", "past_key_values") for name in ("prompt_tuning", "p_tuning", "lora")),
        *(
            (f"{name}.peft_type", "PREFIX_TUNING", "use PROMPT_TUNING")
            for name in ("prompt_tuning", "p_tuning", "lora")
        ),
        ("p_tuning.num_virtual_tokens", 400, "128) + p_tuning.num_virtual_tokens (400) = 528"),
        ("lora.label_smoothing_factor", 1.0, "less than 1"),
        ("lora.pooling", "max", "'cls' or 'mean'"),
        ("ensemble.members", ["lora", "lora"], "an item twice"),
        ("ensemble.members", ["lora", "baseline"], "ensemble.members"),
        ("promotion.technique", "loraa", "promotion.technique: expected one of baseline, "),
        ("reporting.paper_accuracy", {"loraa": 0.5}, "found 'loraa'"),
        ("distillation.label_smoothing_factor", 0.1, "labels are soft already"),
        ("distillation.temperature", 0.5, "1 or more"),
        ("training_ablation.variants", {"odd": {"poolin": "mean"}}, "training_ablation.variants.odd: poolin no such"),
        ("training_ablation.variants", {"odd": {"pooling": "max"}}, "training_ablation.variants.odd: pooling"),
        ("unfreezing_sweep.top_blocks", [1, 1], "an item twice"),
        ("full_fine_tuning.layerwise_learning_rate_decay", 1.1, "1 or less"),
        ("labels", ["a", "a"], "twice"),
        ("labels", ["Negative", "Irrelevant"], "['Irrelevant'] are in both"),
        ("data.columns.post", "text", "positions"),
        ("training.class_weights", {"Positive": 1.0}, "must name each"),
    ],
)
def test_a_wrong_value_is_refused_by_its_key(key, value, said):
    with pytest.raises(StudyError) as refused:
        validate_parameters(_changed(key, value))
    assert said in str(refused.value)
    keys = [line.partition(":")[0] for line in str(refused.value).splitlines()]
    assert len({*keys}) == len(keys)  # not a line for each kind that the value might be of
    assert "nothing was run" in str(refused.value)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://ada:SECRET@server:5432/study", "set PGPASSWORD"),
        ("postgresql://ada:SEC/RET@server/study", "set PGPASSWORD"),
        ("postgresql://ada@server/study?password=SECRET", "set PGPASSWORD"),
        ("postgresql://ada@server/study?%70assword=SECRET", "set PGPASSWORD"),
        ("postgresql+psycopg2://ada:SECRET@server/study", "set PGPASSWORD"),
        ("postgresql:/ada:SECRET@server/study", "expected a database as postgresql://"),
        ("mysql://server/SECRET", "expected a database as postgresql://"),
        ("sqlite:///SECRET.sqlite3", "expected a database as postgresql://"),
    ],
)
def test_a_database_that_no_worker_may_be_given_is_refused_and_not_shown(url, said):
    for key in ("hyperparameter_search", "technique_search"):
        with pytest.raises(StudyError, match=f"{key}.storage: .*{said}") as refused:
            validate_parameters(_changed(f"{key}.storage", url))
        assert "SEC" not in str(refused.value)


@pytest.mark.parametrize("url", ["postgresql://ada@db.example.org:5432/study?sslmode=require", "postgresql:///study"])
def test_a_database_without_a_password_is_taken(url):
    assert validate_parameters(_changed("technique_search.storage", url)).technique_search.storage == url


def maps(raw, before=""):
    """Yield the key of every map of a fixed form, at any depth; those with names of their own are left out."""
    yield before
    for name, value in raw.items():
        if isinstance(value, dict) and name not in ("variants", "paper_accuracy"):
            yield from maps(value, f"{before}{name}.")


@pytest.mark.parametrize("place", sorted(maps(RAW)))  # the same names of tests in every process
def test_at_any_depth_an_unknown_key_and_a_missing_one_are_refused_by_name(place):
    section = place.split(".")[0]
    with pytest.raises(StudyError, match=rf"{section}.*\.?unheard_of: no such parameter"):
        validate_parameters(_changed(f"{place}unheard_of", 1))
    raw = deepcopy(RAW)
    here = reduce(getitem, place.split(".")[:-1], raw)
    name = next((one for one in reversed(here) if one not in ("log", "row_limit")), None)
    if name:  # the untrained head has no parameters
        del here[name]
        with pytest.raises(StudyError, match=rf"{section}.*\.?{name}: is missing"):
            validate_parameters(raw)


@pytest.mark.parametrize("value", [None, 3])
def test_a_value_in_the_place_of_a_section_is_refused_before_another_takes_a_value_from_it(value):
    with pytest.raises(StudyError, match=f"  data: expected keys with values; found {value}\n"):
        raw_parameters(data=value)


def test_fp16_on_the_cpu_is_refused():
    raw = _changed("fp16", True)
    raw["device"] = "cpu"
    with pytest.raises(StudyError, match="fp16 needs a CUDA device"):
        validate_parameters(raw)


def test_a_pruner_that_cannot_fire_is_recognised():
    raw = _changed("hyperparameter_search.space.num_train_epochs", {"low": 2, "high": 3})
    assert not validate_parameters(raw).hyperparameter_search.pruner_can_fire
    assert validate_parameters(raw_parameters("paper")).hyperparameter_search.pruner_can_fire


@pytest.mark.parametrize("technique", ["full_fine_tuning", "lora", "p_tuning"])
def test_stopping_early_needs_the_best_epoch(technique):
    raw = _changed(f"{technique}.early_stopping_patience", 1)
    raw[technique]["load_best_model_at_end"] = False
    with pytest.raises(StudyError, match="needs load_best_model_at_end"):
        validate_parameters(raw)


def test_the_entity_needs_its_column_but_a_variant_that_reads_it_concerns_the_ablation_alone():
    raw = _changed("data.columns.entity", None)
    parameters = validate_parameters(raw)
    assert parameters.training_ablation.varied(parameters.lora, "mean_pooling").pooling == "mean"
    assert parameters.training_ablation.varied(parameters.lora, "entity").second_segment == "entity"
    raw["lora"]["second_segment"] = "entity"
    with pytest.raises(StudyError, match=r"lora: second_segment is entity, but data\.columns\.entity is null"):
        validate_parameters(raw)


def test_integers_and_booleans_in_yaml_are_labels_too():
    raw = _changed("labels", [1, 2, True])
    raw["data"]["drop_labels"] = [0]
    raw["training"]["class_weights"] = {1: 1.0, 2: 2.0, "true": 3.0}
    parameters = validate_parameters(raw)
    assert (parameters.labels, parameters.data.drop_labels) == (["1", "2", "true"], ["0"])
    assert parameters.training.class_weights == {"1": 1.0, "2": 2.0, "true": 3.0}


@pytest.mark.parametrize("metric", get_args(TrainingParameters.model_fields["metric_for_best_model"].annotation))
@pytest.mark.parametrize("direction", ["auto", "maximize", "minimize"])
@pytest.mark.parametrize("search", ["hyperparameter_search", "technique_search"])
def test_a_search_goes_the_way_in_which_its_metric_gets_better_and_no_other(search, metric, direction):
    raw = deepcopy(RAW)
    raw["training"]["metric_for_best_model"] = metric
    raw[search]["direction"] = direction
    better = "minimize" if metric == "eval_loss" else "maximize"
    if direction in ("auto", better):
        assert validate_parameters(raw).training.direction == better
    else:
        with pytest.raises(StudyError, match=f"{search}.direction is {direction}, but .*training.metric_for_best"):
            validate_parameters(raw)

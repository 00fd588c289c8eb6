"""Records: the same bytes for the same making, and a reason in a few words for any difference."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweet_sentiment.incremental.record import Record, difference, read_record, record_path, write_record

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
RECORD = Record(
    node="prompt_tuning.train",
    wiring="train",
    catalog={"model": "1", "posts": "2"},
    code={"a.py": "1", "b.py": "2", "c.py": "3", "d.py": "4"},
    versions={"python": "3.11.7", "torch": "2.13.0"},
    parameters={"prompt_tuning": {"num_virtual_tokens": 3, "hyperparameters": {"warmup_steps": 1}}, "seed": 1},
    environment={"the device": "cpu, bf16"},
    inputs={"training_posts": "1"},
    output="9",
)


def with_parameters(record, **parameters):
    return record.model_copy(update={"parameters": parameters})


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, None),
        ({"node": "prompt_tuning.predict"}, "model was made by prompt_tuning.train"),
        ({"wiring": "train, otherwise"}, "its function, inputs or outputs are others"),
        ({"catalog": {"model": "1", "posts": "3"}}, "the catalog's entry of posts changed"),
        ({"code": RECORD.code | {"b.py": "0"}}, "its code changed (b.py)"),
        ({"code": {}}, "its code changed (a.py, b.py, c.py and 1 more)"),
        ({"versions": RECORD.versions | {"torch": "2.14.0"}}, "torch is 2.14.0, was 2.13.0"),
        ({"environment": {"the device": "cuda:0, bf16"}}, "the device changed"),
        ({"inputs": {"training_posts": "2"}}, "training_posts changed"),
        ({"output": "missing"}, "model is missing"),
        ({"output": "8"}, "model was altered after it was written"),
    ],
)
def test_any_difference_is_a_reason(changed, reason):
    assert difference(RECORD, RECORD.model_copy(update=changed), "model") == reason


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("seed", 2, "parameter seed changed"),
        ("prompt_tuning", {"num_virtual_tokens": 4, "hyperparameters": {"warmup_steps": 1}}, "num_virtual_tokens"),
        ("prompt_tuning", {"num_virtual_tokens": 3, "hyperparameters": {"warmup_steps": 2}}, "hyperparameters.warmup"),
        ("prompt_tuning", {"num_virtual_tokens": 3, "hyperparameters": {}}, "prompt_tuning.hyperparameters.warmup"),
        ("prompt_tuning", None, "parameter prompt_tuning changed"),
    ],
)
def test_the_parameter_that_changed_is_named_with_its_dots(key, value, said):
    reason = difference(RECORD, with_parameters(RECORD, **(RECORD.parameters | {key: value})), "model")
    assert reason.startswith("parameter ")
    assert said in reason


@given(st.dictionaries(st.text(), JSON, max_size=3), st.dictionaries(st.text(), JSON, max_size=3))
def test_records_agree_exactly_if_their_parameters_do(one, other):
    same = difference(with_parameters(RECORD, **one), with_parameters(RECORD, **other), "model") is None
    assert same == (one == other)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_a_record_comes_back_as_it_was_and_its_bytes_do_not_depend_on_order(tmp_path_factory, parameters):
    folder = tmp_path_factory.mktemp("record")
    path, turned = record_path(folder / "model", "model"), record_path(folder / "model", "turned")
    write_record(path, with_parameters(RECORD, **parameters))
    write_record(turned, with_parameters(RECORD, **dict(reversed(parameters.items()))))
    assert read_record(path).parameters == parameters
    assert path.read_bytes() == turned.read_bytes()
    assert path == folder / ".fingerprints/model.json"

"""Whatever way parameters are read, it is noted; and what is not read is not."""

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import raw_parameters

from tweet_sentiment.incremental.tracing import FIELDS, TracedParameters
from tweet_sentiment.parameters import DECISIVE, StudyParameters, validate_parameters
from tweet_sentiment.provenance import fingerprint, manifest

PLAIN = validate_parameters(raw_parameters())
ACCOUNT = {"files": {}, "training_posts": 1}


@pytest.mark.parametrize(
    ("read", "noted"),
    [
        (lambda p: None, set()),
        (lambda p: isinstance(p, StudyParameters), set()),
        (lambda p: p.model.checkpoint, {"model"}),
        (lambda p: getattr(p, "seed", None), {"seed"}),
        (lambda p: p.chosen_on, {"protocol"}),
        (lambda p: p.decisive(), DECISIVE),
        (lambda p: p.model_dump(include={"data", "seed"}), {"data", "seed"}),
        (lambda p: p.model_dump(include={"model": {"checkpoint"}}), {"model"}),
        (lambda p: p.model_dump(exclude=FIELDS - {"labels"}), {"labels"}),
        (lambda p: p.model_dump(), FIELDS),
        (lambda p: p.model_dump(include={"seed"}, exclude_defaults=True), FIELDS),
        (lambda p: p.model_dump_json(), FIELDS),
        (lambda p: dict(p), FIELDS),
        (lambda p: vars(p), FIELDS),
        (lambda p: repr(p), FIELDS),
        (lambda p: hash(str(p)), FIELDS),
        (lambda p: p == p.model_copy(), FIELDS),
        (lambda p: copy.copy(p), FIELDS),
        (lambda p: copy.deepcopy(p), FIELDS),
        (lambda p: pickle.dumps(p), FIELDS),
        (lambda p: pickle.dumps(p.only({"seed", "model"})), {"seed", "model"}),
        (lambda p: fingerprint(p), FIELDS),
        (lambda p: p.model_copy(update={"seed": 1}), set()),
        (lambda p: p.model_copy(update={"seed": 1}).model_copy().rivals.C, {"rivals"}),
        (lambda p: p.model_copy(update={"seed": 1}).decisive(), DECISIVE),
        (
            lambda p: manifest("prompt_tuning", p, ACCOUNT, {}),
            DECISIVE | {"prompt_tuning"},
        ),
    ],
)
def test_what_is_read_is_noted(read, noted):
    traced = TracedParameters.of(PLAIN)
    read(traced)
    assert traced.fields_read == noted


@given(st.sets(st.sampled_from(sorted(FIELDS))))
def test_any_fields_are_read_as_they_are_and_noted(names):
    traced = TracedParameters.of(PLAIN)
    for name in names:
        assert getattr(traced, name) == getattr(PLAIN, name)
    assert traced.fields_read == names
    assert traced.model_dump(include=names) == PLAIN.model_dump(include=names)


def test_a_copy_has_the_value_it_was_given_and_the_original_keeps_its_own():
    traced = TracedParameters.of(PLAIN)
    assert (traced.model_copy(update={"seed": 7}).seed, traced.seed) == (7, PLAIN.seed)
    assert traced.model_copy(update={"seed": 7}).decisive() == PLAIN.model_copy(update={"seed": 7}).decisive()


def test_what_another_process_is_handed_is_whole_or_only_what_was_said():
    traced = TracedParameters.of(PLAIN)
    assert pickle.loads(pickle.dumps(traced)).rivals == PLAIN.rivals
    handed = pickle.loads(pickle.dumps(traced.only(DECISIVE)))
    assert handed.decisive() == PLAIN.decisive()
    with pytest.raises(AttributeError, match="rivals"):
        handed.rivals  # noqa: B018

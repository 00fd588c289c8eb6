"""A warm-up as long as the training: refused before anything is trained, or said where a search may draw it."""

import logging

import pytest

from tests.conftest import raw_parameters, validate_parameters
from tests.projects import copy_project, kedro_here, message
from tests.trainings import few, fit, small
from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import Hyperparameters
from tweet_sentiment.techniques import TECHNIQUES
from tweet_sentiment.warm_up import check_trainings

STUDY = validate_parameters(raw_parameters())
TRAINED = [name for name in TECHNIQUES if hasattr(getattr(STUDY, name, None), "hyperparameters")]
EPOCHS, BATCH, POSTS = 2, 8, 20  # three batches an epoch
STEPS = 6


def check(*techniques, of=STUDY, posts=POSTS, dev=0):
    check_trainings(techniques, posts, dev, vars(of))


def given(warmup_steps, technique="lora", **changes):
    """Return the study with a technique of six steps and such a warm-up."""
    chosen = {"num_train_epochs": EPOCHS, "per_device_train_batch_size": BATCH, "warmup_steps": warmup_steps}
    return STUDY.model_copy(update={technique: few(getattr(STUDY, technique), **chosen, **changes)})


@pytest.mark.parametrize("technique", TRAINED)
def test_of_every_technique_a_warm_up_as_long_as_its_training_is_refused_with_the_numbers(technique):
    check(technique, of=given(STEPS - 1, technique))
    check(technique, of=given(0.9, technique))
    said = "warmup_steps is 6, and the whole training has 6 steps (20 posts in batches of 8"
    with pytest.raises(StudyError) as refused:
        check(technique, of=given(STEPS, technique))
    assert f"{technique}.hyperparameters: {said}" in str(refused.value)


def test_rows_curves_and_variants_count_and_a_constant_rate_has_no_warm_up():
    with pytest.raises(StudyError, match="16 posts"):
        check("lora", of=given(STEPS - 1, row_limit=16))
    with pytest.raises(StudyError, match=r"^lora.hyperparameters: warmup_steps is 6"):
        check("learning_curve", of=given(STEPS))
    variants = {"plain": {}, "longer": {"hyperparameters": {"warmup_steps": 99}}}
    ablation = STUDY.training_ablation.model_copy(update={"variants": variants})
    with pytest.raises(StudyError, match=r"^training_ablation.variants.longer.hyperparameters: warmup_steps is 99"):
        check("training_ablation", of=given(0).model_copy(update={"training_ablation": ablation}))
    constant = STUDY.training.model_copy(update={"lr_scheduler_type": "constant"})
    check("lora", of=given(STEPS).model_copy(update={"training": constant}))


@pytest.mark.parametrize(("environment", "posts"), [("base", 30), ("kaggle", 50_000), ("paper", 60_982)])
def test_no_environment_as_it_stands_is_refused(environment, posts):
    check(*TRAINED, of=validate_parameters(raw_parameters(environment)), posts=posts)


@pytest.mark.parametrize(
    ("environment", "posts", "warned"), [("paper", 60_982, 0), ("paper", 4_000, 1), ("base", 30, 0)]
)
def test_a_space_that_may_draw_one_is_said_with_the_numbers(caplog, environment, posts, warned):
    with caplog.at_level(logging.WARNING):
        of = validate_parameters(raw_parameters(environment))
        check("hyperparameter_search", of=of, posts=posts, dev=posts // 10)
    said = "a warm-up of up to 500 steps, and its shortest trials have 226 (3,600 posts in batches of 32"
    assert [said in message for message in caplog.messages] == [True] * warned


def test_a_training_that_no_one_looked_at_before_says_so_itself(parameters, encoder, tmp_path, caplog):
    lora = few(parameters.lora, num_train_epochs=1, r=2, warmup_steps=99)
    with caplog.at_level(logging.WARNING):
        fit("lora", small(parameters, encoder, lora=lora), tmp_path)
    assert "The warm-up of 99 steps is as long as the training of 4" in caplog.text


@pytest.mark.parametrize("share", [0.0, 0.25, 0.999])
def test_a_share_is_of_the_steps_and_never_all_of_them(share):
    hyperparameters = Hyperparameters(
        num_train_epochs=1, per_device_train_batch_size=1, learning_rate=0.1, warmup_steps=share, weight_decay=0.0
    )
    for steps in range(1, 50):
        assert hyperparameters.warm_up(steps) <= share * steps < steps
        STUDY.training.check_warm_up("key", hyperparameters, steps)


def test_kedro_run_refuses_it_before_it_computes(tmp_path, encoder):
    project = copy_project(tmp_path / "project", encoder)
    limited = "--params=lora.hyperparameters.warmup_steps=9"
    said = message(kedro_here(project, "run", "--env=test", "--pipelines=lora", limited))
    assert "lora.hyperparameters: warmup_steps is 9, and the whole training has 2 steps (24 posts" in said
    assert not (project / "data/03_primary").exists()
    split = "--params=layer_unfreezing.hyperparameters.warmup_steps=999,data.row_limit=null"
    said = message(kedro_here(project, "run", "--env=test", "--pipelines=layer_unfreezing", split))
    assert "layer_unfreezing.hyperparameters: warmup_steps is 999" in said
    assert (project / "data/02_intermediate").exists()
    assert not (project / "data/05_model_input").exists()

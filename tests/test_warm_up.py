"""A warm-up as long as the training: refused before anything is trained, or said where a search may draw it."""

import logging

import pytest
from tweet_sentiment.modeling.techniques import fit_lora

from tests.conftest import raw_parameters, validate_parameters
from tests.modeling.tuned import few, tiny, tuning_data
from tests.projects import copy_project, kedro_here, message
from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import Hyperparameters, check_trainings, check_warm_up

STUDY = validate_parameters(raw_parameters())
TRAINS = [name for name in type(STUDY).model_fields if hasattr(getattr(STUDY, name), "hyperparameters")]
EPOCHS, BATCH, POSTS = 2, 8, 20  # three batches an epoch
STEPS = 6


def given(warmup_steps, technique="lora", **changes):
    """Return the study with a technique of six steps and such a warm-up."""
    settings = getattr(STUDY, technique)
    hyperparameters = settings.hyperparameters.model_copy(
        update={
            "num_train_epochs": EPOCHS,
            "per_device_train_batch_size": BATCH,
            "warmup_steps": warmup_steps,
        }
    )
    settings = settings.model_copy(update={"hyperparameters": hyperparameters, **changes})
    return STUDY.model_copy(update={technique: settings})


@pytest.mark.parametrize("technique", TRAINS)
def test_of_every_technique_a_warm_up_as_long_as_its_training_is_refused_with_the_numbers(technique):
    check_trainings([technique], POSTS, 0, given(STEPS - 1, technique))
    check_trainings([technique], POSTS, 0, given(0.9, technique))
    with pytest.raises(StudyError) as refused:
        check_trainings([technique], POSTS, 0, given(STEPS, technique))
    said = (
        f"{technique}.hyperparameters: warmup_steps is 6, and the whole training has 6 steps (20 posts in batches of 8"
    )
    assert said in str(refused.value)


def test_a_limit_of_rows_makes_a_training_shorter():
    with pytest.raises(StudyError, match="16 posts"):
        check_trainings(["lora"], POSTS, 0, given(STEPS - 1, row_limit=16))


def test_what_a_curve_and_an_ablation_train_is_looked_at_too():
    with pytest.raises(StudyError, match=r"^lora.hyperparameters: warmup_steps is 6"):
        check_trainings(["learning_curve"], POSTS, 0, given(STEPS))
    changes = {"longer": {"hyperparameters": {"warmup_steps": 99}}}
    ablation = STUDY.training_ablation.model_copy(update={"variants": {"plain": {}, **changes}})
    with pytest.raises(StudyError, match=r"^training_ablation.variants.longer.hyperparameters: warmup_steps is 99"):
        check_trainings(["training_ablation"], POSTS, 0, given(0).model_copy(update={"training_ablation": ablation}))


def test_a_constant_learning_rate_has_no_warm_up():
    training = STUDY.training.model_copy(update={"lr_scheduler_type": "constant"})
    check_trainings(["lora"], POSTS, 0, given(STEPS).model_copy(update={"training": training}))


def test_the_paper_s_own_training_is_long_enough_and_no_environment_as_it_stands_is_refused():
    for environment, posts in (("base", 30), ("kaggle", 50_000), ("paper", 60_982)):
        check_trainings(TRAINS, posts, 0, validate_parameters(raw_parameters(environment)))


@pytest.mark.parametrize(
    ("environment", "posts", "warned"), [("paper", 60_982, 0), ("paper", 4_000, 1), ("base", 30, 0)]
)
@pytest.mark.parametrize("search", ["hyperparameter_search"])
def test_a_space_that_may_draw_one_is_said_with_the_numbers(caplog, search, environment, posts, warned):
    with caplog.at_level(logging.WARNING):
        check_trainings([search], posts, posts // 10, validate_parameters(raw_parameters(environment)))
    assert len(caplog.messages) == warned
    if warned:
        assert (
            "a warm-up of up to 500 steps, and its shortest trials have 226 (3,600 posts in batches of 32"
            in caplog.text
        )


def test_a_training_that_no_one_looked_at_before_says_so_itself(parameters, encoder, tmp_path, caplog):
    lora = few(parameters.lora, num_train_epochs=1, r=2, warmup_steps=99)
    with caplog.at_level(logging.WARNING):
        fit_lora(tuning_data(tmp_path), tiny(parameters, encoder, lora=lora))
    assert "The warm-up of 99 steps is as long as the training of 4" in caplog.text


@pytest.mark.parametrize("share", [0.0, 0.25, 0.999])
def test_a_share_is_of_the_steps_and_never_all_of_them(share):
    hyperparameters = Hyperparameters(
        num_train_epochs=1, per_device_train_batch_size=1, learning_rate=0.1, warmup_steps=share, weight_decay=0.0
    )
    for steps in range(1, 50):
        assert hyperparameters.warm_up(steps) <= share * steps < steps
        check_warm_up("key", hyperparameters, steps, STUDY)


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

"""Trainings of a series, side by side: as one after the other, kept, resumed; and what ends one ends all."""

import os
import re
import signal
from dataclasses import replace
from multiprocessing import parent_process

import pandas as pd
import pytest
import torch
from tests.conftest import raw_parameters, validate_parameters
from tests.trainings import examples, few, posts, setup_of, small, tweets
from transformers import TrainerCallback

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.modeling.fitting import Examples
from tweet_sentiment.modeling.series import StoredFit, fit_series, fits_at_once, repeat_with_seeds
from tweet_sentiment.techniques import full_fine_tuning, lora

pytestmark = pytest.mark.usefixtures("one_thread")


def sections_of(encoder, at_once):
    plain = validate_parameters(raw_parameters())
    training = plain.training.model_copy(update={"at_once": at_once, "logging_steps": 1})
    return small(plain, encoder, lora=few(plain.lora, num_train_epochs=1, r=2), training=training)


def ranked(encoder, folder, at_once, fits):
    """Return fits by name, each of LoRA with another rank."""
    sections = sections_of(encoder, at_once)
    setup = setup_of(sections, folder)
    return {
        name: StoredFit("lora", fit, examples(), sections.lora.model_copy(update={"r": r}), setup, keep_model=True)
        for r, (name, fit) in enumerate(fits.items(), 2)
    }


def weights_of(results):
    return {name: (one.model / "model.safetensors").read_bytes() for name, one in results.items()}


@pytest.mark.slow
def test_side_by_side_is_bit_for_bit_one_after_the_other_and_each_says_who_it_is(encoder, tmp_path, caplog):
    fits = dict.fromkeys(("one", "two", "three"), lora.fit)
    expected = fit_series(ranked(encoder, tmp_path / "after", 1, fits))
    caplog.clear()
    caplog.set_level("INFO", "tweet_sentiment")
    found = fit_series(ranked(encoder, tmp_path / "beside", 2, fits))
    assert list(found) == list(expected) == list(fits)
    assert weights_of(found) == weights_of(expected)
    assert len(set(weights_of(found).values())) == 3
    for name, one in found.items():
        pd.testing.assert_frame_equal(one.predictions, expected[name].predictions, check_exact=True)
        pd.testing.assert_frame_equal(one.curves, expected[name].curves, check_exact=True)
        assert one.figures | {"seconds": 0} == expected[name].figures | {"seconds": 0}
    assert caplog.messages[0] == "3 trainings, 2 side by side"
    epochs = [re.match(r"lora, (\w+): Epoch 1 of 1: ", message) for message in caplog.messages]
    assert sorted(match[1] for match in epochs if match) == ["one", "three", "two"]
    assert not list((tmp_path / "beside").glob("unfinished-*"))


def refuse(*_):
    raise StudyError("one has had enough")


def die(*_):
    assert parent_process() is not None
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fit", "said"),
    [
        (refuse, r"^lora, bad: one has had enough$"),
        (die, r"^lora, bad: the process of this training is gone; .*\n.*--params=training\.at_once=1\.$"),
    ],
)
def test_what_one_raises_or_its_death_ends_the_series_which_then_makes_only_what_is_missing(
    encoder, tmp_path, caplog, fit, said
):
    asked = ranked(encoder, tmp_path, 2, {"good": lora.fit, "bad": fit})
    fit_series({"good": asked["good"]})
    before = asked["good"].folder.stat().st_ino
    left = tmp_path / "unfinished-by-other-parameters"
    left.mkdir()
    third = replace(asked["bad"], fit=lora.fit, parameters=asked["bad"].parameters.model_copy(update={"r": 5}))
    with pytest.raises(StudyError, match=said):
        fit_series(asked | {"third": third})
    assert not left.exists()
    found = fit_series({name: replace(one, fit=lora.fit) for name, one in asked.items()})
    assert list(found) == ["good", "bad"]
    assert asked["good"].folder.stat().st_ino == before
    assert len(set(weights_of(found).values())) == 2


class StopAfterSave(TrainerCallback):
    """Ends the process as a kill would, right after the first checkpoint."""

    def on_step_begin(self, args, state, control, **_):
        if state.epoch >= 1:
            os.kill(os.getpid(), signal.SIGKILL)


def killed(*given, **more):
    return lora.fit(*given, callbacks=[StopAfterSave()], **more)


@pytest.mark.slow
def test_killed_trainings_go_on_from_their_own_checkpoints(encoder, tmp_path, caplog):
    def asked(folder, fit):
        fits = ranked(encoder, tmp_path / folder, 2, {"one": fit, "two": fit})
        return {name: replace(one, parameters=few(one.parameters, num_train_epochs=2)) for name, one in fits.items()}

    expected = fit_series(asked("whole", lora.fit))
    with pytest.raises(StudyError, match=r"the process of this training is gone"):
        fit_series(asked("cut", killed))
    kept = sorted((tmp_path / "cut").glob("unfinished-*/checkpoints-*/checkpoint-*"))
    assert kept
    caplog.set_level("INFO", "tweet_sentiment")
    found = fit_series(asked("cut", lora.fit))
    assert sum("Resuming from" in message for message in caplog.messages) == len(kept)
    assert weights_of(found) == weights_of(expected)


def test_two_of_the_same_parameters_are_fitted_once(encoder, tmp_path, caplog):
    one = ranked(encoder, tmp_path, 2, {"one": lora.fit})["one"]
    found = fit_series({"one": one, "same": one})
    assert found["one"].model == found["same"].model
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.slow
def test_seeds_side_by_side_give_the_rows_of_seeds_one_after_the_other(encoder, tmp_path):
    def rows(at_once):
        sections = sections_of(encoder, at_once)
        setup = setup_of(sections, tmp_path / str(at_once))
        return repeat_with_seeds("lora", lora.fit, examples(), sections.lora, setup, [42, 5, 6]).drop(columns="seconds")

    pd.testing.assert_frame_equal(rows(2), rows(1), check_exact=True)


MUCH = Examples(tweets(300), posts(1))


@pytest.mark.parametrize(
    ("threads", "asked", "number", "given", "at_once"),
    [
        (2, "auto", 3, MUCH, 3),
        (2, "auto", 4, MUCH, 4),
        (2, "auto", 5, MUCH, 2),
        (8, "auto", 3, MUCH, 3),
        (2, "auto", 1, MUCH, 1),
        (1, "auto", 3, MUCH, 1),
        (2, "auto", 3, examples(), 1),
        (2, 2, 3, examples(), 2),
        (2, 4, 3, examples(), 3),
        (2, 1, 3, MUCH, 1),
    ],
)
def test_as_many_run_side_by_side_as_use_the_threads(encoder, tmp_path, threads, asked, number, given, at_once):
    torch.set_num_threads(threads)
    sections = sections_of(encoder, asked)
    fits = [
        StoredFit(
            "full_fine_tuning", full_fine_tuning.fit, given, sections.full_fine_tuning, setup_of(sections, folder)
        )
        for folder in [tmp_path] * number
    ]
    assert fits_at_once(fits) == at_once


@pytest.mark.parametrize("changes", [{"processes": 2}, {"nodes": 2, "rendezvous": "here:1"}])
def test_trainings_that_take_several_processes_each_run_one_after_the_other(encoder, tmp_path, changes):
    torch.set_num_threads(2)
    sections = sections_of(encoder, 2)
    sections.training = sections.training.model_copy(update=changes)
    one = StoredFit("lora", lora.fit, MUCH, sections.lora, setup_of(sections, tmp_path))
    assert fits_at_once([one, one]) == 1


def test_on_a_gpu_trainings_run_side_by_side_only_if_that_is_asked_for(encoder, tmp_path, monkeypatch):
    monkeypatch.setattr("tweet_sentiment.modeling.fitting.device_of", lambda _: Device("cuda:0", "bf16"))
    torch.set_num_threads(2)
    for asked, at_once in (("auto", 1), (2, 2)):
        sections = sections_of(encoder, asked)
        one = StoredFit("lora", lora.fit, MUCH, sections.lora, setup_of(sections, tmp_path))
        assert fits_at_once([one, one, one]) == at_once

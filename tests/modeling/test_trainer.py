"""Training through the encoder: the same bits again, whole checkpoints, the best epoch, and what stops it."""

import json
import signal
import subprocess
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from tests.conftest import PROJECT, raw_parameters, validate_parameters
from tests.trainings import LABELS, copy_of, cross_entropies, few, moved, same_bits, setup_of, small

from tweet_sentiment.errors import StudyError
from tweet_sentiment.manifests import MANIFEST
from tweet_sentiment.modeling.checkpoints import ORDER, checkpoints_folder, newest_valid, seal
from tweet_sentiment.modeling.encoders import load_classifier
from tweet_sentiment.modeling.freezing import unfreeze
from tweet_sentiment.modeling.prediction import pad
from tweet_sentiment.modeling.trainer import OneDeviceArguments, StopIfNotFinite, TrainingStopped, train, training_loss

pytestmark = pytest.mark.usefixtures("one_thread")

EPOCHS = 4  # of five steps: 36 posts


class BudgetSpent(Exception):
    """What a pruner raises."""


def fit(
    encoder,
    tokens,
    folder,
    model=None,
    best=False,
    loss=None,
    on_epoch=lambda *_: None,
    padding="longest",
    processes=1,
    save_minutes=10.0,
    **hyper,
):
    """Train the top block and the head; return the model and the outcome."""
    sections = small(validate_parameters(raw_parameters()), encoder, seed=hyper.pop("seed", 3))
    update = {"logging_steps": 1, "processes": processes, "save_minutes": save_minutes}
    sections.training = sections.training.model_copy(update=update)
    sections.model = sections.model.model_copy(update={"padding": padding, "max_length": 64})
    chosen = {"num_train_epochs": EPOCHS, "learning_rate": 1e-2, "warmup_steps": 2, "weight_decay": 0.01} | hyper
    section = few(sections.lora, **chosen)
    model = model or top_block(encoder)
    setup = setup_of(sections, folder)
    more = {"identity": [], "load_best_model_at_end": best, "loss": loss, "on_epoch": on_epoch}
    return model, train(model, *tokens, section.hyperparameters, setup, **more)


def top_block(encoder):
    model = load_classifier(str(encoder), LABELS, seed=1)
    unfreeze(model, ["pre_classifier", "classifier"], top_blocks=1)
    return model


def test_the_same_training_gives_the_same_bits_and_another_seed_does_not(encoder, tokens, tmp_path):
    fitted = [fit(encoder, tokens, tmp_path, seed=seed, num_train_epochs=1) for seed in (3, 3, 4)]
    (one, outcome), (same, again), (other, _) = fitted
    assert same_bits(one, same)
    pd.testing.assert_frame_equal(outcome.curves, again.curves, check_exact=True)
    assert not same_bits(one, other)


KILLED = """
import os, signal, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from datasets import load_from_disk
from tests.modeling.test_trainer import fit
from tweet_sentiment.modeling import checkpoints

folder, encoder = map(Path, sys.argv[1:3])
save_minutes, last = float(sys.argv[3]), f"checkpoint-{sys.argv[4]}"
tokens = load_from_disk(str(folder / "training")), load_from_disk(str(folder / "validation"))
seal = checkpoints.seal
checkpoints.seal = lambda path: os.kill(os.getpid(), signal.SIGKILL) if path.name == last else seal(path)
fit(encoder, tokens, folder / "work", padding=sys.argv[5], save_minutes=save_minutes)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("save_minutes", "step", "padding", "left"),
    [
        (10, 10, "longest", [2, 3, 4]),  # between two epochs
        (0, 8, "longest", [2, 3, 4]),  # within the second, whose order the first one's end decided
        (0, 13, "max_length", [3, 4]),  # posts in random order
    ],
)
def test_a_training_killed_while_it_saves_is_resumed_from_the_checkpoint_before_to_the_same_bits(
    encoder, tokens, tmp_path, save_minutes, step, padding, left
):
    """The files of the last checkpoint are there, and its manifest is not."""
    for part, name in zip(tokens, ("training", "validation"), strict=True):
        part.save_to_disk(tmp_path / name)
    command = [sys.executable, "-c", KILLED, *map(str, (tmp_path, encoder, save_minutes, step, padding))]
    died = subprocess.run(command, cwd=PROJECT, capture_output=True)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    assert len(list((tmp_path / "work").rglob("checkpoint-*"))) == 2 + (not save_minutes)
    epochs, more = [], {"padding": padding, "save_minutes": save_minutes}
    resumed, outcome = fit(encoder, tokens, tmp_path / "work", on_epoch=lambda epoch, _: epochs.append(epoch), **more)
    whole, expected = fit(encoder, tokens, tmp_path / "whole", padding=padding)
    assert epochs == left
    assert same_bits(resumed, whole)
    pd.testing.assert_frame_equal(outcome.curves, expected.curves, check_exact=True)


@pytest.mark.parametrize(("reason", "kept"), [(KeyboardInterrupt, ["checkpoint-5"]), (BudgetSpent, []), (None, [])])
def test_checkpoints_stay_after_ctrl_c_and_not_when_the_training_is_over_or_ended_on_purpose(
    encoder, tokens, tmp_path, reason, kept
):
    def stop(epoch, metrics):
        if epoch == 2 and reason:
            raise reason

    if reason:
        with pytest.raises(reason):
            fit(encoder, tokens, tmp_path, on_epoch=stop)
    else:
        fit(encoder, tokens, tmp_path, num_train_epochs=2)
    assert [path.name for path in tmp_path.glob("checkpoints-*/*")] == kept


def test_a_resumed_training_knows_the_seconds_of_training_until_its_checkpoint(encoder, tokens, tmp_path):
    def spent():
        newest = max(tmp_path.glob("checkpoints-*/checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
        return load_file(newest / ORDER)["seconds"].item()

    until = []
    for last in (2, 3):

        def stop(epoch, metrics, last=last):
            if epoch == last:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fit(encoder, tokens, tmp_path, on_epoch=stop)
        until.append(spent())
    assert 0 < until[0] < until[1]
    assert fit(encoder, tokens, tmp_path)[1].seconds_before == pytest.approx(until[1])
    assert fit(encoder, tokens, tmp_path)[1].seconds_before == 0


def test_no_more_checkpoints_than_the_limit_are_kept(encoder, tokens, tmp_path):
    kept = []

    def look(epoch, metrics):
        kept.append([int(path.name.split("-")[1]) for path in tmp_path.glob("checkpoints-*/checkpoint-*")])

    fit(encoder, tokens, tmp_path, on_epoch=look)
    assert [max(numbers, default=0) for numbers in kept] == [0, 5, 10, 15]
    assert [len(numbers) for numbers in kept] == [0, 1, 2, 2]


def test_with_load_best_model_at_end_the_weights_are_those_of_the_best_epoch(encoder, tokens, tmp_path):
    model, after = top_block(encoder), {}

    def keep(epoch, metrics):
        after[epoch] = metrics["accuracy"], copy_of(model)

    _, outcome = fit(encoder, tokens, tmp_path, model, best=True, learning_rate=0.3, on_epoch=keep)
    best = max(after, key=lambda epoch: (after[epoch][0], -epoch))
    assert best < EPOCHS, "choose a learning rate with which the last epoch is not the best"
    assert outcome.epoch == best
    assert not moved(model, after[best][1])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_stop_a_training_at_the_first_step(encoder, tokens, tmp_path, value):
    model = top_block(encoder)
    model.pre_classifier.weight.data.fill_(value)
    with pytest.raises(StudyError, match=r"diverged: (loss|grad_norm) is \S+ at step 1 of 20\. Lower"):
        fit(encoder, tokens, tmp_path, model)
    assert not list(tmp_path.iterdir())


def test_a_training_that_diverges_names_the_step_and_the_learning_rate_and_leaves_no_checkpoints(
    encoder, tokens, tmp_path
):
    with pytest.raises(StudyError, match=r"diverged: \w+ is (nan|inf) at step [2-5] of 20.* \(now 1e\+30\)"):
        fit(encoder, tokens, tmp_path, learning_rate=1e30)  # no file or command line gets so far
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("fp16", "name", "stops"), [(True, "grad_norm", False), (False, "grad_norm", True), (True, "loss", True)]
)
def test_under_fp16_a_step_whose_scaled_gradients_overflow_is_no_divergence(fp16, name, stops):
    args, state = SimpleNamespace(fp16=fp16, learning_rate=1e-3), SimpleNamespace(global_step=1, max_steps=9)
    with pytest.raises(TrainingStopped) if stops else nullcontext():
        StopIfNotFinite().on_log(args, state, None, {name: float("inf")})


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_a_training_is_on_the_device_that_was_chosen(tmp_path):
    arguments = OneDeviceArguments(output_dir=str(tmp_path), device_name="cuda:1", report_to="none")
    assert str(arguments.device) == "cuda:1"
    assert torch.cuda.current_device() == 1


def test_the_training_loss_is_the_one_given_and_the_validation_loss_stays_plain(encoder, tokens, tmp_path):
    model = load_classifier(str(encoder), LABELS, seed=1)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    for block in model.distilbert.transformer.layer:
        block.attention.dropout_p = 0.0
    unfreeze(model, ["classifier"])
    model.classifier.weight.data.mul_(30)
    weights, parts = [0.2, 1.0, 5.0], (tokens[0].select([0, 1, 2, 3, 4, 7, 10]), tokens[1])
    (weighed, of_each), (plain, _) = (losses_of(model, part, weights) for part in parts)
    _, outcome = fit(
        encoder, parts, tmp_path, model, loss=training_loss(weights), num_train_epochs=1, learning_rate=1e-9
    )
    expected = (of_each * weighed).sum() / of_each.sum()
    assert outcome.curves["loss"].dropna().item() == pytest.approx(expected, rel=1e-4)
    assert outcome.curves["eval_loss"].dropna().item() == pytest.approx(plain.mean(), rel=1e-4)


def losses_of(model, part, weights):
    codes = np.asarray(part["label"])
    with torch.no_grad():
        logits = np.concatenate([model.eval()(**pad([ids], 0)).logits.numpy() for ids in part["input_ids"]])
    return cross_entropies(logits, codes), np.asarray(weights)[codes]


def test_curves_hold_each_log_and_each_evaluation_in_order(encoder, tokens, tmp_path):
    told = {}
    _, outcome = fit(encoder, tokens, tmp_path, on_epoch=lambda epoch, metrics: told.update({epoch: metrics}))
    evaluated = outcome.curves.dropna(subset=["accuracy"])
    assert list(evaluated["step"]) == [5, 10, 15, 20]
    for name in ("accuracy", "eval_loss"):
        assert list(evaluated[name]) == [told[epoch][name] for epoch in (1, 2, 3, 4)]
    logged = outcome.curves.dropna(subset=["loss"])
    assert list(logged["step"]) == list(range(1, 21))
    rates = [1e-2 * (step / 2 if step < 2 else (20 - step) / 18) for step in range(20)]
    assert list(logged["learning_rate"]) == pytest.approx(rates)
    assert outcome.curves["step"].is_monotonic_increasing


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("weights", "smoothing"), [([1.0, 1.0, 3.0], 0.0), (None, 0.1)])
def test_weights_weigh_and_smoothing_spreads_a_share_of_the_label_over_all(weights, smoothing, dtype):
    logits = torch.tensor([[2.0, 0.5, -1.0], [1.5, 0.7, -0.5], [0.0, 0.1, 0.2]]).to(dtype)
    codes = torch.tensor([0, 0, 2])
    spread = (1 - smoothing) * torch.nn.functional.one_hot(codes, 3) + smoothing / 3
    of_each = torch.tensor(weights or [1.0] * 3)[codes]
    by_hand = (of_each * -(spread * logits.float().log_softmax(-1)).sum(-1)).sum() / of_each.sum()
    torch.testing.assert_close(training_loss(weights, smoothing)(logits, codes), by_hand)
    assert training_loss(None) is None  # the plain one is the model's own


FILES = ("model.safetensors", "optimizer.pt", "rng_state.pth", "scheduler.pt", "trainer_state.json")
DAMAGES = {
    "removed": lambda path: path.unlink(),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "emptied": lambda path: path.write_bytes(b""),
    "a bit flipped": lambda path: path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1])),
}
NO_MANIFESTS = ["{}", "[]", "null", "7", '"x"', '["model.safetensors"]', '{"model.safetensors": 7}', '{"model.saf']


def checkpoint(folder, step, sealed=True):
    path = folder / f"checkpoint-{step}"
    path.mkdir(parents=True)
    for name in FILES:
        (path / name).write_bytes(f"{name} at {step}".encode() * 20)
    if sealed:
        seal(path)
    return path


def test_the_newest_checkpoint_is_the_one_with_the_highest_step(tmp_path):
    (tmp_path / "checkpoint-best").mkdir()
    assert newest_valid(tmp_path) is None
    for step in (20, 100, 3):
        checkpoint(tmp_path, step)
    checkpoint(tmp_path, 200, sealed=False)
    assert newest_valid(tmp_path) == tmp_path / "checkpoint-100"
    assert {path.name for path in tmp_path.iterdir()} == {f"checkpoint-{n}" for n in (3, 20, 100, "best")}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("name", [*FILES, MANIFEST, "adapter/adapter_model.safetensors"])
def test_a_checkpoint_with_any_file_damaged_is_passed_over_and_deleted(tmp_path, name, damage):
    good, bad, below = (checkpoint(tmp_path, step) for step in (5, 10, 3))
    (bad / "adapter").mkdir()
    (bad / "adapter/adapter_model.safetensors").write_bytes(b"prompt")
    seal(bad)
    assert newest_valid(tmp_path) == bad
    damage(bad / name)
    damage(below / FILES[0])
    assert newest_valid(tmp_path) == good
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-5"]


@pytest.mark.parametrize("content", NO_MANIFESTS)
def test_a_manifest_that_vouches_for_nothing_seals_nothing(tmp_path, content):
    (checkpoint(tmp_path, 5) / MANIFEST).write_text(content)
    assert newest_valid(tmp_path) is None


def test_checkpoints_of_other_conditions_are_deleted_and_those_of_the_same_kept(tmp_path):
    mine = checkpoints_folder(tmp_path, [{"seed": 1, "rows": 36}])
    checkpoint(mine, 5)
    (tmp_path / "study.sqlite3").write_bytes(b"a search")
    assert checkpoints_folder(tmp_path, [json.loads('{"rows": 36, "seed": 1}')]) == mine
    assert newest_valid(mine) == mine / "checkpoint-5"
    other = checkpoints_folder(tmp_path, [{"seed": 2, "rows": 36}])
    assert not mine.exists()
    assert newest_valid(other) is None
    assert (tmp_path / "study.sqlite3").exists()

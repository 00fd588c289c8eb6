"""Training through the encoder: what moves, what survives a kill, what stops it."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tests.conftest import PROJECT
from tweet_sentiment.modeling.checkpoints import newest_valid
from tweet_sentiment.modeling.prompts import add_soft_prompt
from tweet_sentiment.modeling.training import train

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.devices import Device
from tweet_sentiment.modeling.encoders import load_classifier, load_tokenizer
from tweet_sentiment.modeling.freezing import unfreeze
from tweet_sentiment.modeling.prediction import pad
from tweet_sentiment.parameters import Hyperparameters, TrainingParameters

NAMES = ["Negative", "Neutral", "Positive"]
SETTINGS = TrainingParameters(
    per_device_eval_batch_size=8,
    lr_scheduler_type="linear",
    max_grad_norm=1.0,
    logging_steps=1,
    save_total_limit=2,
    metric_for_best_model="accuracy",
    class_weights=None,
)
BATCH, STEPS_AN_EPOCH, EPOCHS = 8, 5, 4  # 36 posts


@pytest.fixture(autouse=True)
def one_thread():
    """Sums are the same bits only with the same number of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Enough(Exception):
    """What a pruner raises."""


def hyperparameters(**changes):
    chosen = {
        "num_train_epochs": EPOCHS,
        "per_device_train_batch_size": BATCH,
        "learning_rate": 1e-2,
        "warmup_steps": 2,
        "weight_decay": 0.01,
    }
    return Hyperparameters(**(chosen | changes))


def fit(model, tokens, tokenizer, folder, settings=SETTINGS, given=None, padding="longest", **changes):
    training, validation = tokens
    special = {
        key: changes.pop(key)
        for key in ("load_best_model_at_end", "class_weights", "seed", "on_epoch")
        if key in changes
    }
    return train(
        model,
        tokenizer,
        training,
        validation,
        hyperparameters(**changes),
        settings,
        **{"load_best_model_at_end": False, "class_weights": None, "seed": 3} | special,
        padding=padding,
        max_length=64,
        device=Device("cpu", "fp32"),
        working_folder=Path(folder),
        fingerprint=given or {"posts": "the same"},
        names=NAMES,
    )


def top_block(tiny_folder):
    model = load_classifier(str(tiny_folder), NAMES, seed=1)
    unfreeze(model, ["pre_classifier", "classifier"], top_blocks=1)
    return model


def prompted(tiny_folder, parameters, trainable_head=("classifier",), pooling="cls"):
    few = {"num_virtual_tokens": 4, "trainable_head": list(trainable_head), "pooling": pooling}
    prompt = parameters.prompt_tuning.model_copy(update=few)
    model = load_classifier(str(tiny_folder), NAMES, seed=1)
    return add_soft_prompt(model, load_tokenizer(str(tiny_folder)), prompt, seed=5)


def interrupt_at_step(model, step):
    """Raise KeyboardInterrupt in the forward pass of a step, as Ctrl-C does."""
    steps = 0

    def count(*_):
        nonlocal steps
        steps += model.training
        if steps == step:
            raise KeyboardInterrupt

    model.register_forward_pre_hook(count)
    return model


def same_bits(one, other):
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(a == b and torch.equal(t, u) for (a, t), (b, u) in pairs)


def moved(model, before):
    return {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}


def copy_of(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("names", [["classifier"], ["pre_classifier", "distilbert.embeddings"]])
def test_what_learns_moves_and_nothing_else_does(tiny_classifier, tokens, tokenizer, tmp_path, names):
    learning = unfreeze(tiny_classifier, names)
    before = copy_of(tiny_classifier)
    fit(tiny_classifier, tokens, tokenizer, tmp_path, num_train_epochs=1)
    assert moved(tiny_classifier, before) == set(learning)


@pytest.mark.parametrize("head", [[], ["classifier"], ["pre_classifier"], ["pre_classifier", "classifier"]])
def test_through_the_trainer_a_soft_prompt_moves_with_the_named_layers_of_the_head_only(
    tiny_folder, tokens, tokenizer, tmp_path, parameters, head
):
    model = prompted(tiny_folder, parameters, head)
    before = copy_of(model)
    fit(model, tokens, tokenizer, tmp_path, num_train_epochs=1)
    layers = {f"{layer}.modules_to_save.default.{kind}" for layer in head for kind in ("weight", "bias")}
    expected = {"prompt_encoder.default.embedding.weight", *(f"base_model.{name}" for name in layers)}
    assert moved(model, before) == expected


@pytest.mark.parametrize("padding", ["longest", "max_length"])
def test_the_same_training_gives_the_same_bits_and_another_seed_does_not(
    tiny_folder, tokens, tokenizer, tmp_path, padding
):
    one, same, other = (top_block(tiny_folder) for _ in range(3))
    curves = [
        fit(model, tokens, tokenizer, tmp_path, padding=padding, seed=seed, num_train_epochs=1).curves
        for model, seed in ((one, 3), (same, 3), (other, 4))
    ]
    assert same_bits(one, same)
    pd.testing.assert_frame_equal(curves[0], curves[1], check_exact=True)
    assert not same_bits(one, other)


@pytest.mark.parametrize(
    ("kind", "step", "best"),
    [("top block", 7, True), ("top block", 11, False), ("soft prompt", 14, True), ("soft prompt alone", 7, False)],
)
def test_an_interrupted_training_goes_on_to_the_same_bits_and_curves(
    tiny_folder, tokens, tokenizer, tmp_path, parameters, kind, step, best
):
    def start():
        if kind == "top block":
            return top_block(tiny_folder)
        return prompted(tiny_folder, parameters, [] if kind.endswith("alone") else ["classifier"])

    whole, resumed = start(), start()
    expected = fit(whole, tokens, tokenizer, tmp_path / "whole", load_best_model_at_end=best)
    with pytest.raises(KeyboardInterrupt):
        fit(interrupt_at_step(start(), step), tokens, tokenizer, tmp_path / "interrupted", load_best_model_at_end=best)
    epochs = []
    outcome = fit(
        resumed,
        tokens,
        tokenizer,
        tmp_path / "interrupted",
        load_best_model_at_end=best,
        on_epoch=lambda epoch, metrics: epochs.append(epoch),
    )
    assert epochs == list(range((step - 1) // STEPS_AN_EPOCH + 1, EPOCHS + 1))
    assert same_bits(whole, resumed)
    assert outcome.best_epoch == expected.best_epoch
    pd.testing.assert_frame_equal(outcome.curves, expected.curves, check_exact=True)


# Killed when the second checkpoint's files are there and its manifest is not.
KILLED = """
import os, signal, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from tests.modeling.test_training import fit, top_block
from datasets import load_from_disk
from tweet_sentiment.modeling import checkpoints
from tweet_sentiment.modeling.encoders import load_tokenizer

folder, encoder = map(Path, sys.argv[1:])
tokens = load_from_disk(str(folder / "training")), load_from_disk(str(folder / "validation"))
seal = checkpoints.seal
checkpoints.seal = lambda path: (
    os.kill(os.getpid(), signal.SIGKILL) if path.name == "checkpoint-10" else seal(path)
)
fit(top_block(encoder), tokens, load_tokenizer(str(encoder)), folder / "work")
"""


def test_a_training_killed_while_it_saves_goes_on_from_the_checkpoint_before_to_the_same_bits(
    tiny_folder, tokens, tokenizer, tmp_path
):
    for part, name in zip(tokens, ("training", "validation"), strict=True):
        part.save_to_disk(tmp_path / name)
    died = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), str(tiny_folder)], cwd=PROJECT, capture_output=True, timeout=120
    )
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    assert len(list((tmp_path / "work").rglob("checkpoint-*"))) == 2
    resumed, whole = top_block(tiny_folder), top_block(tiny_folder)
    epochs = []
    outcome = fit(resumed, tokens, tokenizer, tmp_path / "work", on_epoch=lambda epoch, metrics: epochs.append(epoch))
    expected = fit(whole, tokens, tokenizer, tmp_path / "whole")
    assert epochs == [2, 3, 4]
    assert same_bits(resumed, whole)
    pd.testing.assert_frame_equal(outcome.curves, expected.curves, check_exact=True)


def interrupted(tiny_folder, tokens, tokenizer, folder, step, **changes):
    """Leave the checkpoints of an interrupted training; return their folder."""
    with pytest.raises(KeyboardInterrupt):
        fit(interrupt_at_step(top_block(tiny_folder), step), tokens, tokenizer, folder, **changes)
    (left,) = folder.glob("checkpoints-*")
    return left


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.pt"])
def test_a_damaged_newest_checkpoint_is_passed_over_for_the_one_before(tiny_folder, tokens, tokenizer, tmp_path, name):
    left = interrupted(tiny_folder, tokens, tokenizer, tmp_path, 2 * STEPS_AN_EPOCH + 2)
    damaged = left / f"checkpoint-{2 * STEPS_AN_EPOCH}" / name
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    epochs = []
    resumed, whole = top_block(tiny_folder), top_block(tiny_folder)
    fit(resumed, tokens, tokenizer, tmp_path, on_epoch=lambda epoch, metrics: epochs.append(epoch))
    fit(whole, tokens, tokenizer, tmp_path / "whole")
    assert epochs == [2, 3, 4]
    assert same_bits(resumed, whole)


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 4},
        {"learning_rate": 2e-2},
        {"per_device_train_batch_size": 12},
        {"num_train_epochs": 3},
        {"given": {"posts": "others"}},
        {"settings": SETTINGS.model_copy(update={"lr_scheduler_type": "cosine"})},
    ],
    ids=lambda other: next(iter(other)),
)
def test_checkpoints_of_other_data_or_parameters_are_not_gone_on_from(tiny_folder, tokens, tokenizer, tmp_path, other):
    left = interrupted(tiny_folder, tokens, tokenizer, tmp_path, STEPS_AN_EPOCH + 1)
    epochs = []

    def stop(epoch, metrics):
        epochs.append(epoch)
        raise Enough

    with pytest.raises(Enough):
        fit(top_block(tiny_folder), tokens, tokenizer, tmp_path, on_epoch=stop, **other)
    assert epochs == [1]
    assert not left.exists()


def test_ctrl_c_between_epochs_keeps_the_checkpoints(tiny_folder, tokens, tokenizer, tmp_path):
    def stop(epoch, metrics):
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(top_block(tiny_folder), tokens, tokenizer, tmp_path, on_epoch=stop)
    (left,) = tmp_path.glob("checkpoints-*")
    assert newest_valid(left).name == f"checkpoint-{STEPS_AN_EPOCH}"


def test_a_training_ended_by_on_epoch_raises_the_same_and_leaves_no_checkpoints(
    tiny_folder, tokens, tokenizer, tmp_path
):
    def stop(epoch, metrics):
        if epoch == 2:
            raise Enough

    with pytest.raises(Enough):
        fit(top_block(tiny_folder), tokens, tokenizer, tmp_path, on_epoch=stop)
    assert not list(tmp_path.iterdir())


def test_a_training_that_is_over_leaves_no_checkpoints(tiny_folder, tokens, tokenizer, tmp_path):
    fit(top_block(tiny_folder), tokens, tokenizer, tmp_path, num_train_epochs=1)
    assert not list(tmp_path.iterdir())


def test_no_more_checkpoints_than_the_limit_are_kept(tiny_folder, tokens, tokenizer, tmp_path):
    kept = []

    def look(epoch, metrics):
        kept.append([int(path.name.split("-")[1]) for path in tmp_path.glob("checkpoints-*/checkpoint-*")])

    fit(top_block(tiny_folder), tokens, tokenizer, tmp_path, on_epoch=look)
    assert [max(numbers, default=0) for numbers in kept] == [0, 5, 10, 15]
    assert [len(numbers) for numbers in kept] == [0, 1, 2, 2]


def test_with_load_best_model_at_end_the_weights_are_those_of_the_best_epoch(tiny_folder, tokens, tokenizer, tmp_path):
    after = {}
    model = top_block(tiny_folder)
    outcome = fit(
        model,
        tokens,
        tokenizer,
        tmp_path,
        load_best_model_at_end=True,
        learning_rate=0.3,
        on_epoch=lambda epoch, metrics: after.update({epoch: (metrics["accuracy"], copy_of(model))}),
    )
    best = max(after, key=lambda epoch: (after[epoch][0], -epoch))
    assert best < EPOCHS, "choose a learning rate at which the last epoch is not the best"
    assert outcome.best_epoch == best
    assert not moved(model, after[best][1])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_training_with_weights_that_are_not_finite_stops_at_the_first_step(
    tiny_classifier, tokens, tokenizer, tmp_path, value
):
    unfreeze(tiny_classifier, ["pre_classifier", "classifier"])
    tiny_classifier.pre_classifier.weight.data.fill_(value)
    with pytest.raises(StudyError, match=r"diverged: (loss|grad_norm) is \S+ at step 1 of 20\. Lower"):
        fit(tiny_classifier, tokens, tokenizer, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_training_that_diverges_names_the_step_and_the_learning_rate_and_leaves_no_checkpoints(
    tiny_folder, tokens, tokenizer, tmp_path, monkeypatch
):
    far_too_large = hyperparameters().model_copy(update={"learning_rate": 1e30})  # no file or command line gets so far
    monkeypatch.setattr(f"{__name__}.hyperparameters", lambda: far_too_large)
    with pytest.raises(StudyError, match=r"diverged: \w+ is (nan|inf) at step [2-5] of 20.* \(now 1e\+30\)"):
        fit(top_block(tiny_folder), tokens, tokenizer, tmp_path)
    assert not list(tmp_path.iterdir())


def test_class_weights_weigh_the_training_loss_and_leave_the_validation_loss(
    tiny_classifier, tokens, tokenizer, tmp_path
):
    for module in tiny_classifier.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    for block in tiny_classifier.distilbert.transformer.layer:
        block.attention.dropout_p = 0.0
    unfreeze(tiny_classifier, ["classifier"])
    tiny_classifier.classifier.weight.data.mul_(30)
    training, validation = tokens[0].select([0, 1, 2, 3, 4, 7, 10]), tokens[1]
    weights = [0.2, 1.0, 5.0]
    losses, labels = cross_entropies(tiny_classifier, training)
    outcome = fit(
        tiny_classifier,
        (training, validation),
        tokenizer,
        tmp_path,
        class_weights=weights,
        num_train_epochs=1,
        learning_rate=1e-9,
    )
    of_each = np.asarray(weights)[labels]
    assert outcome.curves["loss"].dropna().item() == pytest.approx((of_each * losses).sum() / of_each.sum(), rel=1e-4)
    plain = cross_entropies(tiny_classifier, validation)[0].mean()
    assert outcome.curves["eval_loss"].dropna().item() == pytest.approx(plain, rel=1e-4)


def cross_entropies(model, posts):
    """Return -log of the probability of each post's class, and the classes."""
    labels = np.asarray(posts["label"])
    with torch.no_grad():
        logits = np.concatenate([model.eval()(**pad([ids], 0)).logits.double().numpy() for ids in posts["input_ids"]])
    return np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(labels)), labels], labels


def test_curves_hold_each_log_and_each_evaluation_in_order(tiny_folder, tokens, tokenizer, tmp_path):
    told = {}
    outcome = fit(
        top_block(tiny_folder), tokens, tokenizer, tmp_path, on_epoch=lambda n, metrics: told.update({n: metrics})
    )
    evaluated = outcome.curves.dropna(subset=["accuracy"])
    assert list(evaluated["step"]) == [5, 10, 15, 20]
    assert list(evaluated["accuracy"]) == [told[n]["accuracy"] for n in (1, 2, 3, 4)]
    assert list(evaluated["eval_loss"]) == [told[n]["eval_loss"] for n in (1, 2, 3, 4)]
    logged = outcome.curves.dropna(subset=["loss"])
    assert list(logged["step"]) == list(range(1, 21))
    rates = [1e-2 * (step / 2 if step < 2 else (20 - step) / 18) for step in range(20)]
    assert list(logged["learning_rate"]) == pytest.approx(rates)
    assert outcome.curves["step"].is_monotonic_increasing

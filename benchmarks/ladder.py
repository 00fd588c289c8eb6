"""What each measure gave, one added to the other, from the paper's way of running the encoder to ours."""

from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter
from typing import Any
from unittest.mock import patch

import torch
from torch import nn
from torch.nn import functional

from benchmarks.ours import Ready
from benchmarks.posts import load_parameters
from benchmarks.task import Task
from tweet_sentiment.modeling.batching import TOKENS_PER_BATCH, batches_at_once, batches_by_length, side_by_side
from tweet_sentiment.modeling.devices import Device, choose_device, draw_kept
from tweet_sentiment.modeling.encoders import encoder_of, load_classifier
from tweet_sentiment.modeling.fast import HeadStep
from tweet_sentiment.modeling.heads import Head
from tweet_sentiment.modeling.prediction import pad, without_idle_mask
from tweet_sentiment.modeling.speed import fast_forward

BATCH = 32
HEAD_STEPS = 400


def encoder(task: Task) -> dict[str, Any]:
    """Return rows per second of each rung: attention, padding, order, precision, threads, compilation."""
    ready = Ready.of(task)
    ids, model = ready.training["input_ids"], encoder_of(ready.classifier).eval()
    name = ready.device.name
    fp32, chosen = Device(name, "fp32"), ready.device
    in_turn = [list(range(len(ids)))[i : i + BATCH] for i in range(0, len(ids), BATCH)]
    by_length = list(batches_by_length([len(row) for row in ids], TOKENS_PER_BATCH[name.split(":")[0]]))

    def forward(batches: Iterable[list[int]], device: Device, to: int | None = None, multiple: int = 8) -> float:
        start = perf_counter()
        with torch.inference_mode(), device.autocast():
            for rows in batches:
                batch = without_idle_mask(pad([ids[i] for i in rows], 0, to, multiple))
                model(**{key: tensor.to(name) for key, tensor in batch.items()}).last_hidden_state[:, 0].float().cpu()
        return len(ids) / (perf_counter() - start)

    model.to(name)
    forward(in_turn[:1], fp32)  # what only a first pass costs
    model.set_attn_implementation("eager")
    rungs: dict[str, float | None] = {"padded to 128, attention step by step": forward(in_turn, fp32, 128)}
    model.set_attn_implementation("sdpa")
    rungs["fused attention (SDPA)"] = forward(in_turn, fp32, 128)
    rungs["padded to the longest of the batch"] = forward(in_turn, fp32)
    rungs["batches of like lengths"] = forward(by_length, fp32)
    rungs[f"precision {chosen.precision}"] = forward(by_length, chosen)
    rungs["widths not rounded to 8"] = forward(by_length, chosen, multiple=1)
    with fast_forward(model):
        with patch("tweet_sentiment.modeling.fast.blocks.in_bf16", return_value=False):
            rungs["of the last block, [CLS] only"] = forward(by_length, chosen, multiple=1)
        if chosen == Device("cpu", "bf16"):
            rungs["bf16 in few shapes and whole vectors"] = forward(by_length, chosen, multiple=1)
        rungs["batches side by side, a thread each"] = _side_by_side(forward, by_length, chosen)
        rungs["tried: one thread"] = _one_thread(lambda: forward(by_length, chosen, multiple=1))
    rungs["tried: the weights in that precision too"] = _cast(model, chosen, lambda: forward(by_length, fp32))
    rungs |= _compiled(model, lambda: forward(by_length, chosen))
    return {"rows": len(ids), "rungs": rungs}


def _side_by_side(forward: Callable[..., float], batches: list[list[int]], device: Device) -> float | None:
    at_once = batches_at_once(device.name.split(":")[0])
    if at_once == 1:
        return None
    start = perf_counter()
    for _ in side_by_side(lambda rows: forward([rows], device, multiple=1), batches, at_once):
        pass
    return sum(map(len, batches)) / (perf_counter() - start)


def _one_thread(rate: Callable[[], float]) -> float:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return rate()
    finally:
        torch.set_num_threads(threads)


def _cast(model: nn.Module, device: Device, rate: Callable[[], float]) -> float | None:
    if device.precision != "bf16":
        return None
    model.to(torch.bfloat16)
    try:
        return rate()
    finally:
        model.float()


def _compiled(model: nn.Module, rate: Callable[[], float]) -> dict[str, float | None]:
    """Compile for any shape; the first pass pays for it. None where it cannot be done."""
    names = ("tried: torch.compile, compiling included", "tried: torch.compile, once compiled")
    try:
        model.compile(dynamic=True)
        return {name: rate() for name in names}
    except Exception:
        return dict.fromkeys(names)


def head(task: Task) -> dict[str, Any]:
    """Return rows per second through the head alone: autograd as the Trainer has it, and our gradients by hand."""
    parameters = load_parameters(Path(task.folder))
    device = choose_device(parameters.device, parameters.fp16, task.precision).name
    model = load_classifier(parameters.model.checkpoint, parameters.labels, parameters.seed)
    vectors = torch.randn(HEAD_STEPS * 16, model.config.dim, device=device)
    labels = torch.randint(len(parameters.labels), (len(vectors),), device=device)
    rungs: dict[str, float] = {"autograd": _autograd(Head(model).to(device), vectors, labels)}
    rungs["autograd, one thread"] = _one_thread(lambda: _autograd(Head(model).to(device), vectors, labels))
    rungs["gradients by hand, one thread"] = _one_thread(lambda: _by_hand(Head(model).to(device), vectors, labels))
    return {"rows": len(vectors), "rungs": rungs}


def _autograd(head: Head, vectors: torch.Tensor, labels: torch.Tensor) -> float:
    optimizer = torch.optim.AdamW(head.parameters(), fused=True)
    start = perf_counter()
    for batch, target in zip(vectors.split(16), labels.split(16), strict=True):
        loss = functional.cross_entropy(head.train()(batch), target)
        loss.backward()
        nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    float(loss)
    return len(vectors) / (perf_counter() - start)


def _by_hand(head: Head, vectors: torch.Tensor, labels: torch.Tensor) -> float:
    step = HeadStep(head, 0.0, 1.0)
    targets = functional.one_hot(labels, head.classifier.config.num_labels).float()
    start = perf_counter()
    with step.context():
        for batch, target in zip(vectors.split(16), targets.split(16), strict=True):
            loss = step(1e-3, batch, target, None, [draw_kept(batch.shape, one, batch.device) for one in head.dropouts])
    float(loss)
    return len(vectors) / (perf_counter() - start)

"""What the machine itself can do, and how far encoding is from it: operations that the posts need, over its rate."""

from collections.abc import Iterable
from pathlib import Path
from statistics import median
from time import perf_counter
from timeit import timeit
from typing import Any

import torch
from transformers import PretrainedConfig

from benchmarks.posts import load_parameters
from benchmarks.task import Task
from tweet_sentiment.modeling.batching import TOKENS_PER_BATCH
from tweet_sentiment.modeling.devices import choose_device, has_bf16
from tweet_sentiment.modeling.encoders import load_encoder

REPEATS = 20
ROUNDS = 1_000_000


def encoder_operations(lengths: Iterable[int], config: PretrainedConfig) -> int:
    """Return the floating-point operations that the [CLS] vectors of posts of so many word pieces need.

    A multiply-add counts as two. A block of width d with an inner width h takes, for a post of n word pieces of which
    m are read, 4n·d² for keys and values, 2m(2d² + 2dh) in its other linear layers and 4mn·d in its attention (scores,
    then weighted sums, all heads together); m is n in every block but the last, where it is 1. Padding, embeddings,
    norms, softmax and activations are not counted: they are not needed, or no matrix products.
    """
    d, h = _widths(config)

    def block(n: int, m: int) -> int:
        return 4 * n * d * d + 2 * m * (2 * d * d + 2 * d * h) + 4 * m * n * d

    return sum((config.num_hidden_layers - 1) * block(n, n) + block(n, 1) for n in lengths)


def training_operations(lengths: Iterable[int], config: PretrainedConfig, *, weights: bool) -> int:
    """Return what a step over these posts needs: as much again for the gradients of the inputs, and of the weights."""
    return (3 if weights else 2) * encoder_operations(lengths, config)


def _widths(config: PretrainedConfig) -> tuple[int, int]:
    """Return an encoder's width and the inner width of its blocks, which DistilBERT calls by another name."""
    return config.hidden_size, getattr(config, "hidden_dim", None) or config.intermediate_size


def matrix_products(task: Task) -> dict[str, Any]:
    """Time the linear layers of one block as bare matrix products of a full batch, in the run's precision.

    The fastest of the repeats counts: it is a limit.
    """
    parameters = load_parameters(Path(task.folder))
    device = choose_device(parameters.device, parameters.fp16, task.precision)
    config = load_encoder(parameters.model.checkpoint).config
    d, h = _widths(config)
    dtype = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[device.precision]
    tokens = TOKENS_PER_BATCH[device.name.split(":")[0]]
    pairs = [_pair(tokens, *shape, dtype, device.name) for shape in [(d, d)] * 4 + [(d, h), (h, d)]]
    operations = sum(2 * a.shape[0] * b.shape[0] * b.shape[1] for a, b in pairs)
    seconds = min(_seconds(pairs) for _ in range(REPEATS))
    return {"operations_per_second": operations / seconds, "precision": device.precision, "tokens": tokens}


def rates(task: Task) -> dict[str, Any]:
    """Measure what the machine does at this minute: products (operations/s), Python (rounds/s), memory (bytes/s).

    The median of the repeats counts. ``products_bf16`` is None where the processor has no bf16.
    """
    size = 1024
    found: dict[str, Any] = {}
    for name, dtype in (("products_fp32", torch.float32), ("products_bf16", torch.bfloat16)):
        pair = _pair(size, size, size, dtype, "cpu")
        known = dtype == torch.float32 or has_bf16("cpu")
        found[name] = 2 * size**3 / median(_seconds([pair]) for _ in range(REPEATS)) if known else None
    found["interpreter"] = ROUNDS / median(timeit(_loop, number=1) for _ in range(REPEATS))
    block = bytearray(1 << 26)
    found["copy"] = 2 * len(block) / median(timeit(lambda: bytes(block), number=1) for _ in range(REPEATS))
    return found


def _loop() -> int:
    total = 0
    for number in range(ROUNDS):
        total += number & 7
    return total


def _pair(tokens: int, inner: int, outer: int, dtype: torch.dtype, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    weights = torch.randn(outer, inner, dtype=dtype, device=device).t()
    return torch.randn(tokens, inner, dtype=dtype, device=device), weights


def _seconds(pairs: list[tuple[torch.Tensor, torch.Tensor]]) -> float:
    with torch.inference_mode():
        _wait(pairs[0][0])
        start = perf_counter()
        for a, b in pairs:
            torch.mm(a, b)
        _wait(pairs[0][0])
        return perf_counter() - start


def _wait(tensor: torch.Tensor) -> None:
    if tensor.is_cuda:
        torch.cuda.synchronize()

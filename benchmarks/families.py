"""Blocks of ``modeling/fast`` beside those of transformers, in turns, for each family's base size with random weights.

``python -m benchmarks.families`` measures how many times as fast a forward pass and a training step are here.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForSequenceClassification

from benchmarks.machine import processor
from tweet_sentiment.modeling.devices import Device, choose_device
from tweet_sentiment.modeling.fast import forward

FAMILIES = ("distilbert", "bert", "mpnet")
POSTS, WIDTH, ROUNDS = 16, 48, 9


def ratios(family: str, device: Device, rounds: int = ROUNDS, **shape: Any) -> dict[str, list[float]]:
    """Return the plain time over the fast time, in each round, of a forward pass and of a training step."""
    model = AutoModelForSequenceClassification.from_config(AutoConfig.for_model(family, num_labels=3, **shape))
    model.to(device.name)
    ids = torch.randint(5, model.config.vocab_size, (POSTS, WIDTH), device=device.name)
    held = torch.ones_like(ids)
    held[::2, WIDTH - 8 :] = 0
    labels = torch.randint(0, 3, (POSTS,), device=device.name)

    def encode() -> None:
        with torch.inference_mode(), device.autocast():
            model.eval()(input_ids=ids, attention_mask=held)

    def train() -> None:
        with device.autocast():
            loss = model.train()(input_ids=ids, attention_mask=held, labels=labels).loss
        loss.backward()
        model.zero_grad()

    return {work.__name__: _ratios(work, model, rounds) for work in (encode, train)}


def _ratios(work: Callable[[], None], model: nn.Module, rounds: int) -> list[float]:
    def seconds() -> float:
        start = perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return perf_counter() - start

    found = []
    for _ in range(rounds + 1):  # the first warms up
        plain = seconds()
        with forward(model):
            found.append(plain / seconds())
    return found[1:]


def main() -> None:
    """Measure, print and write ``benchmarks/families.md``."""
    device = choose_device("auto", False, "auto")
    threads = f"{torch.get_num_threads()} thread{'s' * (torch.get_num_threads() > 1)}"
    rows = ["# Families", "", "How many times as fast as transformers' own blocks:", ""]
    rows += ["| family | forward pass | training step |", "| --- | --- | --- |"]
    for family in FAMILIES:
        found = {
            name: f"{median(each):.2f} ({min(each):.2f} to {max(each):.2f})"
            for name, each in ratios(family, device).items()
        }
        rows.append(f"| {family} | {found['encode']} | {found['train']} |")
        sys.stdout.write(f"{rows[-1]}\n")
    rows += [
        "",
        f"{POSTS} posts of {WIDTH} word pieces; base size, random weights; {device.name} {device.precision}, "
        f"{threads}, {processor()}; {ROUNDS} rounds in turns. Written by `python -m benchmarks.families`.",
    ]
    Path(__file__).with_suffix(".md").write_text("\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

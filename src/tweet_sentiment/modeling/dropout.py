"""Dropout masks from 16 random bits a value: on a CPU, half of what ``bernoulli_`` takes."""

import torch

BITS = 1 << 16


def draw_kept(shape: tuple[int, ...] | torch.Size, probability: float, device: torch.device) -> torch.Tensor:
    """Return a bool tensor that is False with ``probability``, to 1/65,536 on a CPU; drawn from torch's generator."""
    if device.type != "cpu":
        return torch.empty(shape, device=device).bernoulli_(1 - probability).bool()
    size = torch.Size(shape).numel()
    bits = torch.empty(-(-size // 4), dtype=torch.int64).random_(-(1 << 63), None)
    return bits.view(torch.int16)[:size].view(shape) >= round(probability * BITS) - BITS // 2

"""Linear layers without gradients in a CPU's fp32, by oneDNN where torch's own choice is slow.

torch multiplies fp32 matrices by Intel's MKL, which gives half of what an AMD processor can (measured on an EPYC of the
fifth generation). oneDNN, which comes with torch too, takes tensors of its own layout; weights stay as they are.
"""

from functools import cache

import torch
from torch import nn
from torch.nn import functional

FEWEST = 32  # rows; with less, changing the layout takes longer than it saves


@cache
def mkl_is_slow() -> bool:
    """Return whether torch would multiply by MKL on a processor for which it is not made, and has oneDNN."""
    built = torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()
    return built and "AMD" in str(torch.cpu.get_capabilities().get("cpu_name", ""))


def linear_in_fp32(layer: nn.Linear, states: torch.Tensor) -> torch.Tensor:
    """Compute what ``layer.forward`` does, for states of shape (..., in_features)."""
    if (
        torch.is_grad_enabled()
        or torch.is_autocast_enabled(states.device.type)
        or states.device.type != "cpu"
        or not states.dtype == layer.weight.dtype == torch.float32
        or states.numel() < FEWEST * layer.in_features
    ):
        return functional.linear(states, layer.weight, layer.bias)
    return functional.linear(states.contiguous().to_mkldnn(), layer.weight, layer.bias).to_dense()

"""The device and precision of a model: as requested, or an error, never a fallback."""

import re
from dataclasses import dataclass

import torch

from tweet_sentiment.errors import StudyError
from tweet_sentiment.parameters import Compute

BITS = 1 << 16  # ways in which the random bits of a value fall


@dataclass(frozen=True)
class Device:
    """An available device ("cpu", "cuda:0") and the effective precision ("fp32", "fp16", "bf16")."""

    name: str
    precision: str

    @property
    def kind(self) -> str:
        """Return "cpu" or "cuda"."""
        return self.name.partition(":")[0]

    @property
    def dtype(self) -> torch.dtype:
        """Return the precision as torch names it."""
        return {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[self.precision]

    def autocast(self) -> torch.autocast:
        """Return the context in which a forward pass has this precision."""
        return torch.autocast(self.kind, dtype=self.dtype, enabled=self.precision != "fp32")


def device_of(compute: Compute) -> Device:
    """Return the device and the precision of the parameters; raises like ``choose_device``."""
    return choose_device(compute.device, compute.fp16, compute.precision)


def choose_device(device: str, fp16: bool, precision: str) -> Device:
    """Turn the parameters ``device``, ``fp16`` and ``precision`` into an available device.

    ``auto`` takes the first CUDA device if there is one; ``precision`` ``auto`` takes bf16 if the processor has it.

    Raises:
        StudyError: the device or the precision is not available on this machine, or there is none of that name.
    """
    name = _device_name(device)
    if name != "cpu":
        torch.set_float32_matmul_precision("high")  # TF32, in what stays in fp32
    if precision not in ("auto", "fp32", "bf16"):
        raise StudyError(f"precision is {precision!r}; expected auto, fp32 or bf16, or fp16=true.")
    if fp16:
        if name == "cpu":
            raise StudyError("fp16 needs a CUDA device, and this run is on the CPU: set fp16=false.")
        return Device(name, "fp16")
    known = has_bf16(name)
    if precision == "bf16" and not known:
        raise StudyError(f"precision is bf16, but {name} of this machine has no bf16: set precision=fp32 or auto.")
    return Device(name, "bf16" if known and precision != "fp32" else "fp32")


def _device_name(device: str) -> str:
    count = torch.cuda.device_count()
    if device == "auto":
        return "cuda:0" if count else "cpu"
    if device == "cpu":
        return device
    if not re.fullmatch(r"cuda(:\d+)?", device):
        raise StudyError(f"device is {device!r}; expected auto, cpu, cuda or cuda:N.")
    index = int(device.partition(":")[2] or 0)
    if index >= count:
        raise StudyError(
            f"device is {device}, but this machine has {f'{count} CUDA devices' if count else 'no CUDA device'}: "
            f"set device=cpu or device=auto."
        )
    return f"cuda:{index}"


def has_bf16(name: str) -> bool:
    """Tell whether the device has bf16 multiplication."""
    if name != "cpu":
        return torch.cuda.is_bf16_supported()
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def draw_kept(
    shape: tuple[int, ...] | torch.Size,
    probability: float,
    device: torch.device,
    dtype: torch.dtype = torch.bool,
) -> torch.Tensor:
    """Return dropout's mask: False, or 0, with ``probability``, drawn from torch's generator.

    On a CPU it takes 16 random bits per value, in half the time of ``bernoulli_``: exact to 1/65,536.
    """
    if device.type != "cpu":
        return torch.empty(shape, device=device).bernoulli_(1 - probability).to(dtype)
    size = torch.Size(shape).numel()
    bits = torch.empty(-(-size // 4), dtype=torch.int64).random_(-(1 << 63), None)
    return bits.view(torch.int16)[:size].view(shape).ge_(round(probability * BITS) - BITS // 2).to(dtype)

"""The machine that measures: its processor, whether it is idle, and what it does at this minute."""

import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

IDLE = 0.4  # of the processors are busy
RATES: dict[str, tuple[str, Callable[[float], str]]] = {
    "products_fp32": ("bare products, fp32", lambda rate: f"{rate / 1e9:,.0f} GFLOP/s"),
    "products_bf16": ("bare products, bf16", lambda rate: f"{rate / 1e9:,.0f} GFLOP/s"),
    "interpreter": ("a loop of Python", lambda rate: f"{rate / 1e6:.1f} million rounds/s"),
    "copy": ("a copy of memory", lambda rate: f"{rate / 1e9:.1f} GB/s"),
}


def load() -> float:
    """Return which share of the processors is busy now; what was measured a minute ago does not count."""
    import psutil

    return psutil.cpu_percent(interval=2) / 100


def refuse_if_busy(folder: Path, results: str) -> float:
    """Return the load; other work on the machine makes figures too bad, so they may not replace ``results``.

    Raises:
        SystemExit: the machine is not idle, and there are results in the folder.
    """
    if (now := load()) > IDLE:
        said = f"The machine is not idle ({now:.0%} of its processors are at work): the figures will be too bad."
        if (folder / results).is_file():
            raise SystemExit(f"{said}\n  {folder / results} is kept. Wait, or write elsewhere: --out FOLDER")
        print(said, flush=True)
    return now


def processor() -> str:
    """Return the processor's name, and which matrix units it has."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8", errors="replace").splitlines() if told.is_file() else []
    values = {line.partition(":")[0].strip(): line.partition(":")[2].strip() for line in reversed(lines)}
    units = {"amx_bf16": "AMX", "avx512_bf16": "bf16"}
    found = [unit for flag, unit in units.items() if flag in values.get("flags", "").split()][:1]
    return ", ".join([values.get("model name") or platform.processor() or platform.machine(), *found])


def device_name(device: str) -> str:
    """Return the name of a CUDA device as its driver gives it, or the processor's."""
    if device == "cpu":
        return processor()
    import torch

    return torch.cuda.get_device_name(device)


def described(settings: dict[str, Any]) -> str:
    """Return a sentence on the processor and its rates; nothing where none was measured."""
    rates = ", ".join(
        f"{RATES[key][0]} {RATES[key][1](rate)}" for key, rate in settings.get("rates", {}).items() if rate
    )
    return f"Measured on {settings['processor']} ({rates}). " if rates else ""

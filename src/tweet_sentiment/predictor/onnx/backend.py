"""Models as ONNX, run by onnxruntime: faster on a CPU than PyTorch, but without gradients and so explanations."""

import json
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from queue import Empty, LifoQueue
from threading import Lock
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tweet_sentiment.errors import StudyError, extra
from tweet_sentiment.manifests import checked_manifest
from tweet_sentiment.modeling.batching import batches_at_once, padded, padding_of, threads
from tweet_sentiment.modeling.encoder_files import CONFIG
from tweet_sentiment.modeling.tokenization import read_tokenizer
from tweet_sentiment.storage import file_hash

MODEL = "model.onnx"
TOKENS_A_BATCH = 512  # onnxruntime is fastest with small batches
VNNI = {"avx512_vnni", "avx_vnni"}  # x86 without it needs a slower way, or sums of 8-bit products overflow 16 bits
SLOW = ["SkipLayerNormFusion"]  # onnxruntime's fused kernel takes five times as long as what it replaces


class OnnxBackend:
    """Sessions and what they need to know; safe to be asked from several threads. It has no gradients.

    ``batches_at_once`` run side by side: with so little to do, threads that share a batch wait for each other. Each
    has a session for as long as it takes, since a session lets one call at a time into a product of 8-bit numbers. The
    ``first`` is enough to begin with; ``open_another`` is asked when there is a batch for a further one, and gives
    None where it cannot.
    """

    tokens_a_batch = TOKENS_A_BATCH

    def __init__(
        self, first: Any, batches_at_once: int, open_another: Callable[[], Any], padding: dict[str, Any] | None = None
    ) -> None:
        self._padding = padding or {"padding_id": 0}
        self.batches_at_once, self._open_another = batches_at_once, open_another
        self._to_open, self._opening = batches_at_once - 1, Lock()
        self._free: LifoQueue[Any] = LifoQueue()  # the last one used has its weights in the caches
        self._free.put(first)
        self.description = f"onnxruntime {version('onnxruntime')} cpu"

    def logits(self, input_ids: list[list[int]]) -> NDArray[np.float32]:
        """Return the logits of one batch of word pieces, shape (rows, classes)."""
        batch = padded(input_ids, **self._padding)
        session = self._session()
        try:
            found: NDArray[np.float32] = session.run(None, batch)[0]
        finally:
            self._free.put(session)
        return found

    def _session(self) -> Any:
        """Return a free session, a new one if the limit allows."""
        with suppress(Empty):
            return self._free.get_nowait()
        with self._opening:
            wanted, self._to_open = self._to_open > 0, max(0, self._to_open - 1)
        another = self._open_another() if wanted else None
        return self._free.get() if another is None else another


def is_onnx(manifest: dict[str, Any]) -> bool:
    """Tell whether a folder with this manifest holds an exported model."""
    return MODEL in manifest["files"]


def load_onnx(folder: Path, device: str, fp16: bool, precision: str) -> tuple[Any, dict[str, Any], OnnxBackend]:
    """Return tokenizer, manifest and backend of an exported folder, whose files are checked against the manifest.

    The model is in memory: a file that is replaced later changes no answer. It runs on as many threads as PyTorch would
    (OMP_NUM_THREADS, the processors of this process).

    Raises:
        StudyError: a file is missing, changed or unreadable; or a GPU or another precision is asked for.
    """
    if device not in ("auto", "cpu"):
        raise StudyError(f"{folder} is an ONNX model and runs on the CPU, device is {device}: leave it, or set cpu.")
    if fp16 or precision == "bf16":
        raise StudyError(f"{folder} is an ONNX model; its precision was chosen when it was exported: leave it at auto.")
    manifest = checked_manifest(folder)
    quantized = manifest.get("onnx", {}).get("quantize") is not None
    config = SimpleNamespace(**json.loads((folder / CONFIG).read_text(encoding="utf-8")))
    return read_tokenizer(folder), manifest, open_onnx(folder, len(manifest["labels"]), quantized, padding_of(config))


def open_onnx(
    folder: Path, classes: int, quantized: bool = False, padding: dict[str, Any] | None = None
) -> OnnxBackend:
    """Open ``model.onnx`` of a folder that has been checked; a quantized model has a session for each batch.

    Raises:
        StudyError: onnxruntime cannot read it, or it has another number of classes.
    """
    with extra("onnx", f"{folder} is an ONNX model, and"):
        import onnxruntime

    path, at_once = folder / MODEL, batches_at_once("cpu")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads() // at_once
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors
    if not _has_vnni():
        options.add_session_config_entry("session.x64quantprecision", "1")

    def session(model: Path | bytes) -> Any:
        return onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"], disabled_optimizers=SLOW
        )

    try:
        first = session(path)  # not by its bytes: it would be in memory twice
    except Exception as error:
        raise StudyError(f"{folder}: {MODEL} cannot be read by onnxruntime: {error}") from error
    if (found := first.get_outputs()[0].shape[-1]) != classes:
        raise StudyError(f"{folder}: {MODEL} has {found} classes, the manifest {classes}; export the model again.")
    known = file_hash(path) if quantized else ""

    def another() -> Any:
        """Return a further session, none if the file is no longer the model that is used."""
        if not quantized:
            return first
        with suppress(Exception):
            content = path.read_bytes()
            return session(content) if sha256(content).hexdigest() == known else None

    return OnnxBackend(first, at_once, another, padding)


def _has_vnni() -> bool:
    """Tell whether the processor says so; where there is nobody to ask, the slower way is right too."""
    told = Path("/proc/cpuinfo")
    return told.is_file() and not VNNI.isdisjoint(told.read_text(encoding="utf-8", errors="replace").split())

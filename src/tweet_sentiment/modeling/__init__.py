"""Encoders, freezing, features, heads, soft prompts, training and prediction: torch, no Kedro, no Optuna."""

import os
import warnings

from transformers.utils import logging

# What these libraries print while they load and save is about themselves; our own progress is in progress.py.
logging.disable_progress_bar()
logging.set_verbosity_error()
for _about_them in ("pin_memory", "is_gradient_checkpointing"):
    warnings.filterwarnings("ignore", message=f".*{_about_them}.*")

# A CPU's bf16 kernel is made for one number of rows, and two caches keep 1,024 of them: batches of like lengths, which
# have hundreds of sizes, would hold hundreds of megabytes. Two batches side by side need these few; the second cache,
# one a thread, would only hold them for longer.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16")
os.environ.setdefault("LRU_CACHE_CAPACITY", "1")

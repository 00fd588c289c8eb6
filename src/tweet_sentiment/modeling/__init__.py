"""Encoders, freezing, features, heads, soft prompts, training and prediction: no Kedro, no Optuna.

Importing the package imports neither torch nor transformers: an exported model predicts without them.
"""

import os
import warnings

# What transformers prints while it loads and saves is about itself; our own progress is in progress.py.
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
for _about_them in ("pin_memory", "is_gradient_checkpointing"):
    warnings.filterwarnings("ignore", message=f".*{_about_them}.*")

# A CPU's bf16 kernel is made for one number of rows, and two caches keep 1,024 of them: batches of like lengths, which
# have hundreds of sizes, would hold hundreds of megabytes. Two batches side by side need these few; the second cache,
# one per thread, would only hold them for longer.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16")
os.environ.setdefault("LRU_CACHE_CAPACITY", "1")

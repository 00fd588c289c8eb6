"""Encoders, freezing, features, heads, soft prompts, training and prediction: torch, no Kedro, no Optuna."""

import warnings

from transformers.utils import logging

# What these libraries print while they load and save is about themselves; our own progress is in progress.py.
logging.disable_progress_bar()
logging.set_verbosity_error()
for _about_them in ("pin_memory", "is_gradient_checkpointing"):
    warnings.filterwarnings("ignore", message=f".*{_about_them}.*")

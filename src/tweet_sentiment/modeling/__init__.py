"""Encoders, freezing, features, heads, soft prompts, training and prediction: torch, no Kedro, no Optuna."""

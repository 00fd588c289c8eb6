"""Early stopping that a kill does not confuse: it counts in what the Trainer has logged, not in a counter."""

from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


class StopEarly(TrainerCallback):
    """Stops when the metric has not risen above (``eval_loss``: fallen below) its best for ``patience`` epochs."""

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.stopped = False

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        metric = str(args.metric_for_best_model)
        values = [entry[metric] for entry in state.log_history if metric in entry]
        best = values.index(max(values) if args.greater_is_better else min(values))
        if len(values) - 1 - best >= self.patience:
            self.stopped = control.should_training_stop = True

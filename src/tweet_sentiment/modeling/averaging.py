"""Weights averaged over the last epochs: flatter, and less the luck of the last steps."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

SUM = "sum_of_weights.safetensors"


class AverageLastEpochs(TrainerCallback):
    """Sums what learns at the end of each of the last ``epochs`` epochs, and gives the model the mean at the end.

    The sum lies in each checkpoint, so that a killed training goes on with it. Source: P. Izmailov et al., "Averaging
    weights leads to wider optima and better generalization", 2018, without its learning rate.
    """

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self._sum: dict[str, torch.Tensor] = {}

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        kept = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}" / SUM
        self._sum = load_file(kept) if state.global_step and kept.is_file() else {}

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **_: Any
    ) -> None:
        if round(state.epoch or 0) > args.num_train_epochs - self.epochs:
            for name, weight in _learning(model):
                now = weight.detach().cpu()
                self._sum[name] = self._sum[name] + now if name in self._sum else now.clone()

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if self._sum:
            save_file(self._sum, Path(str(args.output_dir)) / f"checkpoint-{state.global_step}" / SUM)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **_: Any
    ) -> None:
        for name, weight in _learning(model):
            weight.data.copy_(self._sum[name] / self.epochs)


def _learning(model: Any) -> list[tuple[str, torch.nn.Parameter]]:
    return [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]

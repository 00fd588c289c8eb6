"""Domain adaptation: masked-language training of the encoder on the posts, without labels (Gururangan et al., 2020)."""

from typing import TYPE_CHECKING, Any

from tweet_sentiment.parameters import EncoderHyperparameters, PositiveInt, Share, Strict

if TYPE_CHECKING:
    import pandas as pd
    from datasets import Dataset

    from tweet_sentiment.modeling.fitting import Setup

NOT_MASKED = -100  # the label that transformers' collator gives to what need not be guessed


class Parameters(Strict):
    """``mlm_probability``: the share of masked word pieces; ``measured_share``: the share of texts for ``eval_loss``.

    ``row_limit``: the number of texts; null: all.
    """

    row_limit: PositiveInt | None
    mlm_probability: Share
    measured_share: Share
    hyperparameters: EncoderHyperparameters


def adapt_encoder(
    training: "Dataset", measured: "Dataset", domain_adaptation: Parameters, setup: "Setup"
) -> "tuple[Any, pd.DataFrame]":
    """Train the encoder to guess masked word pieces; return it, and the curves: step, epoch, loss, eval_loss.

    Both datasets have ``input_ids`` and ``attention_mask``. The guessing layers are new, and discarded. The same call
    resumes after a kill.

    Raises:
        StudyError: the loss is no longer finite.
    """
    import shutil

    import pandas as pd
    from transformers import DataCollatorForLanguageModeling

    from tweet_sentiment.modeling.checkpoints import SealCheckpoints, checkpoints_folder
    from tweet_sentiment.modeling.encoders import encoder_of, load_encoder, load_tokenizer, with_vocabulary
    from tweet_sentiment.modeling.freezing import with_learning_rate
    from tweet_sentiment.modeling.trainer import ShowProgress, StopIfNotFinite, run_trainer, training_arguments

    chosen, inputs = domain_adaptation, ["input_ids", "attention_mask"]
    encoder = load_encoder(setup.model.checkpoint)
    model = with_vocabulary(encoder, setup.study.seed)
    hyperparameters = with_learning_rate(chosen.hyperparameters, model)
    model.pooled_position = None  # all are read, so none may be left out
    folder = checkpoints_folder(
        setup.working_folder, [setup.identity(), chosen.identity(), len(training), setup.device.name]
    )
    steps = hyperparameters.steps(len(training))
    trainer = _trainer()(
        model=model,
        args=training_arguments(
            folder,
            hyperparameters,
            setup,
            steps,
            logging_steps=setup.training.logging_steps,
            prediction_loss_only=True,
            train_sampling_strategy="group_by_length",
        ),
        train_dataset=training.select_columns(inputs),
        eval_dataset=measured.select_columns(inputs),
        data_collator=DataCollatorForLanguageModeling(
            load_tokenizer(setup.model.checkpoint), mlm_probability=chosen.mlm_probability, pad_to_multiple_of=8
        ),
        callbacks=[SealCheckpoints(setup.training.save_total_limit), StopIfNotFinite(), ShowProgress()],
    )
    state = run_trainer(trainer, folder)
    shutil.rmtree(folder)
    curves = pd.DataFrame(state.log_history).reindex(columns=["step", "epoch", "loss", "eval_loss"])
    encoder.load_state_dict(encoder_of(model).state_dict(), strict=False)  # it may have more than what was trained
    return encoder, curves.dropna(subset=["loss", "eval_loss"], how="all")


def _trainer() -> Any:
    """Return a Trainer that computes logits only at masked positions: the vocabulary is by far the widest layer."""
    from torch.nn.functional import cross_entropy

    from tweet_sentiment.modeling.encoders import encoder_of, head_logits
    from tweet_sentiment.modeling.trainer import OneDeviceTrainer

    class MaskedTrainer(OneDeviceTrainer):
        def compute_loss(  # type: ignore[override]
            self, model: Any, inputs: Any, return_outputs: bool = False, **rest: Any
        ) -> Any:
            masked = inputs["labels"] != NOT_MASKED
            with self.accelerator.autocast():  # which the Trainer puts around the model as a whole alone
                encoded = encoder_of(model)(inputs["input_ids"], attention_mask=inputs["attention_mask"])
                logits = head_logits(model, encoded.last_hidden_state[masked])
            words = inputs["labels"][masked]
            total = cross_entropy(logits.float(), words, reduction="sum")
            loss = total / max(1, len(words))  # in a few short posts nothing may be masked
            return (loss, {}) if return_outputs else loss

    return MaskedTrainer

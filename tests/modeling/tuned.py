"""A few posts of several wordings each, a tiny encoder, and one call that tunes it."""

from tests.modeling.conftest import LABELS, posts
from tweet_sentiment.modeling.tuning import TuningData

BATCH, EPOCHS = 8, 3


def tuning_data(folder, repeated=3) -> TuningData:
    """Return 12 tweets of ``repeated`` wordings, two of the tweets of the dev split; 12 test posts."""
    training = posts(repeated).assign(entity="Game", dev=False)
    training["id"] = [str(i % 12) for i in range(len(training))]
    training.loc[training["id"].isin(["0", "1"]), "dev"] = True
    return TuningData(training, posts(1).assign(entity="Game"), {"files": {}}, folder)


def tiny(parameters, folder, **changes):
    """Return the parameters with the tiny encoder in fp32 on the processor."""
    model = parameters.model.model_copy(update={"checkpoint": str(folder)})
    return parameters.model_copy(
        update={"model": model, "device": "cpu", "precision": "fp32", "labels": LABELS, **changes}
    )


def few(tuning, **changes):
    """Return a technique's parameters with few epochs of small batches; hyperparameters may be among the changes."""
    chosen = {"num_train_epochs": EPOCHS, "per_device_train_batch_size": BATCH, "warmup_steps": 0}
    chosen |= {name: changes.pop(name) for name in list(changes) if name in type(tuning.hyperparameters).model_fields}
    hyperparameters = tuning.hyperparameters.model_copy(update=chosen)
    return tuning.model_copy(update={"hyperparameters": hyperparameters, **changes})


def copy_of(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}

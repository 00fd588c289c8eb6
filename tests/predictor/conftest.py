"""Model folders with a tiny encoder: plain, and with a hard and a soft prompt."""

import pytest
import torch
from tests.conftest import raw_parameters, validate_parameters

from tweet_sentiment.manifests import input_settings, manifest_of
from tweet_sentiment.predictor import Predictor

ROW_COUNTS = {"files": {"training": {"file": "mine.csv", "sha256": "0", "rows": 9}}, "training_posts": 9}
HARD_PROMPT = "This tweet expresses a sentiment that is:"


@pytest.fixture(scope="session")
def settings(encoder):
    """The project's parameters, with the tiny encoder and few virtual tokens."""
    raw = raw_parameters()
    raw["model"]["checkpoint"] = str(encoder)
    raw["prompt_tuning"]["num_virtual_tokens"] = 3
    raw["data"]["cleaning"] = "none"
    return validate_parameters(raw | {"device": "cpu", "precision": "fp32"})


def row_counts_of(settings):
    """Return what data processing says of the posts, as far as a manifest takes it from there."""
    return ROW_COUNTS | {"parameters": {"data": settings.data.model_dump()}, "texts": "raw"}


def told(technique, settings, **figures):
    """Return the manifest of a technique's model."""
    counted = row_counts_of(settings)
    reads = input_settings(counted, settings.model.max_length)
    return manifest_of(technique, settings.study, counted, {"input": reads | figures}, {})


def save_plain(settings, folder):
    """Save a model that answers differently to different texts, as layer unfreezing saves its own."""
    from tweet_sentiment.modeling.encoders import load_classifier, load_tokenizer
    from tweet_sentiment.modeling.model_folder import TrainedModel

    classifier = load_classifier(settings.model.checkpoint, settings.labels, seed=1)
    tokenizer = load_tokenizer(settings.model.checkpoint)
    sharpen(classifier, tokenizer)
    TrainedModel(classifier, tokenizer, told("layer_unfreezing", settings)).save(folder)
    return folder


def save_sample(encoder, folder, **changes):
    """Save the same as the sample's run would, with the tiny encoder and these changes of parameters."""
    raw = raw_parameters() | changes
    raw["model"]["checkpoint"] = str(encoder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    return save_plain(validate_parameters(raw), folder)


def save_prompted(settings, folder, pooling="first"):
    """Save a soft-prompted model, as prompt tuning saves its own."""
    from tweet_sentiment.modeling.encoders import load_classifier, load_tokenizer
    from tweet_sentiment.modeling.model_folder import TrainedModel
    from tweet_sentiment.modeling.soft_prompts import add_soft_prompt, fold

    classifier = load_classifier(settings.model.checkpoint, settings.labels, seed=1)
    tokenizer = load_tokenizer(settings.model.checkpoint)
    sharpen(classifier, tokenizer)
    prompt = settings.prompt_tuning.model_copy(update={"pooling": pooling})
    model = add_soft_prompt(classifier, tokenizer, prompt, seed=1)
    TrainedModel(*fold(model, tokenizer, HARD_PROMPT), told("prompt_tuning", settings)).save(folder)
    return folder


def sharpen(classifier, tokenizer):
    """Make the untrained model's answers differ by more than rounding from text to text."""
    with torch.no_grad():
        for name, weight in classifier.named_parameters():
            if name.endswith("word_embeddings.weight"):
                weight *= 50
            elif weight.dim() == 2:
                weight *= 8
        batch = tokenizer(["i love it", "so bad", "we play at nine", "ok"], padding=True, return_tensors="pt")
        classifier.classifier.bias -= classifier(**batch).logits.mean(dim=0)


@pytest.fixture(scope="session")
def plain_folder(settings, tmp_path_factory):
    return save_plain(settings, tmp_path_factory.mktemp("models") / "layer_unfreezing")


@pytest.fixture(scope="session")
def prompted_folder(settings, tmp_path_factory):
    return save_prompted(settings, tmp_path_factory.mktemp("models") / "prompt_tuning")


@pytest.fixture(scope="session")
def prompted_cls_folder(settings, tmp_path_factory):
    return save_prompted(settings, tmp_path_factory.mktemp("models") / "prompt_tuning", pooling="cls")


@pytest.fixture(scope="session")
def predictor(plain_folder):
    return Predictor.load(plain_folder, device="cpu", precision="fp32")


@pytest.fixture(scope="session")
def cleaning_predictor(settings, tmp_path_factory):
    """The same, of a model that reads cleaned texts."""
    data = settings.data.model_copy(update={"cleaning": "corrected"})
    folder = save_plain(settings.model_copy(update={"data": data}), tmp_path_factory.mktemp("models") / "cleaning")
    return Predictor.load(folder, device="cpu", precision="fp32")


@pytest.fixture(scope="session")
def prompted(prompted_folder):
    return Predictor.load(prompted_folder, device="cpu", precision="fp32")

import numpy as np
import pytest
import torch

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling.batching import batches_by_length
from tweet_sentiment.modeling.devices import Device, choose_device
from tweet_sentiment.modeling.encoders import load_classifier
from tweet_sentiment.modeling.fitting import FittingData, class_weights, fit_classifier
from tweet_sentiment.modeling.freezing import count_trainable, freeze, unfreeze
from tweet_sentiment.modeling.heads import Features, Head, evaluate_head, train_head
from tweet_sentiment.modeling.prediction import encode, pad, predict
from tweet_sentiment.parameters import Hyperparameters

NAMES = ["Negative", "Neutral", "Positive"]
CPU = Device("cpu", "fp32")
FEW = Hyperparameters(
    num_train_epochs=3, per_device_train_batch_size=8, learning_rate=1e-2, warmup_steps=0, weight_decay=0.0
)


@pytest.fixture
def features(tiny_classifier, tokens):
    return tuple(
        Features(encode(tiny_classifier.distilbert, part["input_ids"], CPU), np.asarray(part["label"]))
        for part in tokens
    )


def fit(classifier, tokenizer, tokens, features, parameters, tmp_path, **changes):
    unfreezing = parameters.layer_unfreezing.model_copy(update=changes.pop("layer_unfreezing", {}))
    data = FittingData(*tokens, *(part.vectors for part in features))
    return fit_classifier(
        classifier,
        tokenizer,
        data,
        FEW,
        parameters.model_copy(update={"layer_unfreezing": unfreezing, **changes}),
        device=CPU,
        working_folder=tmp_path,
        fingerprint={},
    )


def test_the_assembled_model_gives_the_logits_of_the_cached_path(
    tiny_classifier, tokenizer, tokens, features, parameters, tmp_path
):
    fit(tiny_classifier, tokenizer, tokens, features, parameters, tmp_path)
    head = Head(tiny_classifier).eval()
    with torch.no_grad():
        cached = head(torch.from_numpy(features[1].vectors))
        whole = torch.cat(
            [tiny_classifier.eval()(**pad([ids], 0)).logits for ids in tokens[1]["input_ids"]]  # one at a time
        )
    assert torch.allclose(cached, whole, atol=1e-5)


def test_on_features_only_the_head_moves(tiny_classifier, tokenizer, tokens, features, parameters, tmp_path):
    before = {name: p.clone() for name, p in tiny_classifier.named_parameters()}
    told = fit(tiny_classifier, tokenizer, tokens, features, parameters, tmp_path)
    moved = {name for name, p in tiny_classifier.named_parameters() if not torch.equal(p, before[name])}
    head = {"pre_classifier.weight", "pre_classifier.bias", "classifier.weight", "classifier.bias"}
    assert moved == head == set(told.figures["learning"])
    assert told.figures["way"] == "features"


def test_a_frozen_pre_classifier_does_not_move(tiny_classifier, tokenizer, tokens, features, parameters, tmp_path):
    before = tiny_classifier.pre_classifier.weight.clone()
    fit(
        tiny_classifier,
        tokenizer,
        tokens,
        features,
        parameters,
        tmp_path,
        layer_unfreezing={"unfreeze": ["classifier"]},
    )
    assert torch.equal(before, tiny_classifier.pre_classifier.weight)


def test_top_blocks_and_encoder_dropout_go_through_the_encoder(
    tiny_classifier, tokenizer, tokens, features, parameters, tmp_path
):
    below = tiny_classifier.distilbert.transformer.layer[0].ffn.lin1.weight.clone()
    above = tiny_classifier.distilbert.transformer.layer[1].ffn.lin1.weight.clone()
    told = fit(tiny_classifier, tokenizer, tokens, features, parameters, tmp_path, layer_unfreezing={"top_blocks": 1})
    assert told.figures["way"] == "encoder"
    assert torch.equal(below, tiny_classifier.distilbert.transformer.layer[0].ffn.lin1.weight)
    assert not torch.equal(above, tiny_classifier.distilbert.transformer.layer[1].ffn.lin1.weight)
    slow = parameters.model.model_copy(update={"encoder_dropout": True})
    assert (
        fit(tiny_classifier, tokenizer, tokens, features, parameters, tmp_path, model=slow).figures["way"] == "encoder"
    )


def test_training_a_head_twice_gives_the_same_bits_and_another_seed_does_not(tiny_folder, features, parameters):
    def trained(seed):
        head = Head(load_classifier(str(tiny_folder), NAMES, 1))
        return train_head(
            head,
            *features,
            FEW,
            parameters.training,
            names=NAMES,
            load_best_model_at_end=False,
            class_weights=None,
            seed=seed,
            device="cpu",
        )

    one, same, other = trained(1), trained(1), trained(2)
    assert torch.equal(one.weights["classifier.weight"], same.weights["classifier.weight"])
    assert one.curves.equals(same.curves)
    assert not torch.equal(one.weights["classifier.weight"], other.weights["classifier.weight"])


def test_the_best_epoch_is_kept_when_asked_for(tiny_folder, features, parameters):
    classifier = load_classifier(str(tiny_folder), NAMES, 1)
    outcome = train_head(
        Head(classifier),
        *features,
        FEW.model_copy(update={"num_train_epochs": 12, "learning_rate": 0.3}),
        parameters.training,
        names=NAMES,
        load_best_model_at_end=True,
        class_weights=None,
        seed=3,
        device="cpu",
    )
    measured = outcome.curves.dropna(subset=["accuracy"])
    assert outcome.epoch == measured.loc[measured["accuracy"].idxmax(), "epoch"]
    classifier.load_state_dict(outcome.weights, strict=False)
    assert evaluate_head(Head(classifier), features[1], NAMES, "cpu")["accuracy"] == measured["accuracy"].max()


def test_divergence_stops_with_the_step(tiny_folder, features, parameters):
    head = Head(load_classifier(str(tiny_folder), NAMES, 1))
    head.last.weight.data.fill_(float("nan"))
    with pytest.raises(StudyError, match=r"diverged: the loss is nan at step \d+"):
        train_head(
            head,
            *features,
            FEW,
            parameters.training,
            names=NAMES,
            load_best_model_at_end=False,
            class_weights=None,
            seed=1,
            device="cpu",
        )


def test_balanced_class_weights_make_each_class_weigh_the_same():
    weights = class_weights("balanced", NAMES, [0] * 6 + [1] * 3 + [2])
    assert weights == pytest.approx([10 / 18, 10 / 9, 10 / 3])
    assert np.multiply(weights, [6, 3, 1]).tolist() == pytest.approx([10 / 3] * 3)
    assert class_weights({"Positive": 3.0, "Negative": 1.0, "Neutral": 2.0}, NAMES, []) == [1.0, 2.0, 3.0]


def test_batches_hold_every_post_once_and_padding_changes_no_probability(tiny_classifier, tokens):
    ids = tokens[0]["input_ids"]
    batches = list(batches_by_length([len(row) for row in ids], tokens=64))
    assert sorted(i for batch in batches for i in batch) == list(range(len(ids)))
    together = predict(tiny_classifier, ids, CPU)
    padded = predict(tiny_classifier, ids, CPU, pad_to=64)
    alone = np.concatenate([predict(tiny_classifier, [row], CPU) for row in ids])
    assert np.allclose(together, alone, atol=1e-6)
    assert np.allclose(together, padded, atol=1e-6)


def test_logits_that_are_not_finite_are_an_error_never_a_label(tiny_classifier, tokens):
    tiny_classifier.classifier.bias.data[0] = float("nan")
    with pytest.raises(StudyError, match="not finite"):
        predict(tiny_classifier, tokens[1]["input_ids"], CPU)


def test_freezing_and_unfreezing_by_name_and_by_block(tiny_classifier):
    freeze(tiny_classifier)
    assert count_trainable(tiny_classifier) == 0
    assert unfreeze(tiny_classifier, ["classifier"]) == ["classifier.weight", "classifier.bias"]
    assert count_trainable(tiny_classifier) == 3 * 32 + 3
    learning = unfreeze(tiny_classifier, [], top_blocks=1)
    assert learning
    assert all(name.startswith("distilbert.transformer.layer.1.") for name in learning)
    with pytest.raises(StudyError, match="no parameter 'clasifier'"):
        unfreeze(tiny_classifier, ["clasifier"])
    with pytest.raises(StudyError, match="the encoder has 2 blocks"):
        unfreeze(tiny_classifier, [], top_blocks=3)


def test_an_absent_device_is_an_error_and_auto_takes_what_is_there():
    absent = f"cuda:{torch.cuda.device_count()}"
    with pytest.raises(StudyError, match="set device=cpu or device=auto"):
        choose_device(absent, fp16=False, precision="auto")
    with pytest.raises(StudyError, match="set fp16=false"):
        choose_device("cpu", fp16=True, precision="auto")
    assert choose_device("cpu", False, "fp32") == CPU
    assert choose_device("auto", False, "fp32").name == ("cuda:0" if torch.cuda.is_available() else "cpu")


def test_a_choice_is_made_on_the_marked_posts_and_learnt_from_the_others(tokens, features):
    marked = [i % 4 == 0 for i in range(len(tokens[0]))]
    training = tokens[0].remove_columns("dev") if "dev" in tokens[0].column_names else tokens[0]
    data = FittingData(training.add_column("dev", marked), tokens[1], *(part.vectors for part in features))
    choosing = data.dev_split()
    rows = np.asarray(training["row"])
    assert choosing.test_tokens["row"] == rows[marked].tolist()
    assert choosing.training_tokens["row"] == rows[~np.asarray(marked)].tolist()
    assert np.array_equal(choosing.test_features, features[0].vectors[marked])
    assert len(choosing.training_features) == len(choosing.training_tokens)


def test_where_no_post_is_marked_the_validation_posts_are_chosen_on(tokens, features):
    training = tokens[0].remove_columns("dev") if "dev" in tokens[0].column_names else tokens[0]
    data = FittingData(
        training.add_column("dev", [False] * len(training)), tokens[1], *(part.vectors for part in features)
    )
    assert data.dev_split() is data

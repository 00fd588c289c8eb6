"""Training in two processes: as in one, whole or resumed; and what ends one ends all."""

import pickle

import pandas as pd
import pytest
import torch
from tests.conftest import raw_parameters, validate_parameters
from tests.modeling.test_trainer import BudgetSpent, fit, top_block
from tests.trainings import few, same_bits, small
from tests.trainings import fit as fit_technique
from torch.nn.functional import cross_entropy

from tweet_sentiment.errors import StudyError
from tweet_sentiment.modeling import processes

pytestmark = pytest.mark.usefixtures("one_thread")

POSTS = 35  # the last batch of five is of three posts: one process has two of them, the other one


def without_dropout(encoder):
    model = top_block(encoder)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model


@pytest.fixture
def odd(tokens):
    return tokens[0].select(range(POSTS)), tokens[1].select(range(11))


@pytest.mark.slow
def test_two_processes_train_as_one_and_go_on_from_a_checkpoint_within_an_epoch(encoder, odd, tmp_path):
    def stop(epoch, metrics):
        if epoch == 3:
            raise KeyboardInterrupt

    def train(folder, **more):
        return fit(encoder, odd, tmp_path / folder, without_dropout(encoder), **more)

    alone, expected = train("one")
    with pytest.raises(KeyboardInterrupt):
        train("two", processes=2, on_epoch=stop, save_minutes=0.0)
    (kept,) = (tmp_path / "two").glob("checkpoints-*-by-2")
    assert {path.name for path in kept.iterdir()} == {"checkpoint-5", "checkpoint-14"}  # the best and the newest
    with pytest.raises(StudyError, match=r"by 2 processes in all, and .* ask for 1: dropout would differ"):
        train("two")
    epochs = []
    together, outcome = train("two", processes=2, on_epoch=lambda epoch, _: epochs.append(epoch))
    assert epochs == [3, 4]
    pd.testing.assert_frame_equal(outcome.curves, expected.curves, rtol=0, atol=1e-5)
    torch.testing.assert_close(together.state_dict(), alone.state_dict(), rtol=0, atol=1e-5)
    assert not list((tmp_path / "two").iterdir())


def fails_in_one(logits, labels):
    if torch.distributed.get_rank() == 1:
        raise StudyError("one has had enough")
    return cross_entropy(logits, labels)


@pytest.mark.slow
def test_what_one_process_or_a_pruner_raises_ends_all_and_is_raised(encoder, odd, tmp_path, caplog):
    def prune(epoch, metrics):
        raise BudgetSpent("no more")

    with pytest.raises(StudyError, match=r"^one has had enough$"):
        fit(encoder, odd, tmp_path, processes=2, loss=fails_in_one)
    caplog.set_level("INFO", "tweet_sentiment")
    with pytest.raises(BudgetSpent, match=r"^no more$"):
        fit(encoder, odd, tmp_path, processes=2, padding="max_length", on_epoch=prune)
    assert not list(tmp_path.iterdir())
    assert [record.getMessage()[:12] for record in caplog.records if record.msg.startswith("Epoch")] == ["Epoch 1 of 4"]


@pytest.mark.parametrize(
    "technique",
    ["lora", *(pytest.param(one, marks=pytest.mark.slow) for one in ("prompt_tuning", "p_tuning", "distillation"))],
)
def test_of_each_technique_the_whole_training_is_what_is_sent_to_the_processes(
    technique, encoder, tmp_path, monkeypatch
):
    monkeypatch.setattr(processes, "launch", lambda work, _, __, on_epoch: pickle.loads(pickle.dumps(work))(on_epoch))
    plain = small(validate_parameters(raw_parameters()), encoder)
    shared = plain.model_copy(update={"training": plain.training.model_copy(update={"processes": 2})})
    one, sent = (
        fit_technique(
            technique,
            sections.model_copy(update={technique: few(getattr(sections, technique), num_train_epochs=1)}),
            tmp_path,
        )
        for sections in (plain, shared)
    )
    assert same_bits(one.classifier, sent.classifier)
    pd.testing.assert_frame_equal(one.curves, sent.curves, check_exact=True)

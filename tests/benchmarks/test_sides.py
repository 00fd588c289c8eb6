"""Both sides run, on the same posts and the same weights, and the results say what they must."""

import json
import os
from dataclasses import replace

import pytest
import torch
from benchmarks.posts import load_parameters, load_posts, prepare
from benchmarks.ratios import WHAT
from benchmarks.run import main
from benchmarks.task import StepClock, Task
from transformers import DistilBertForSequenceClassification, DistilBertTokenizerFast

from benchmarks import bars, child, gpu, paper_script
from tweet_sentiment.modeling.encoders import load_classifier, load_tokenizer
from tweet_sentiment.modeling.tokenization import tokenize
from tweet_sentiment.progress import progress_bar


@pytest.fixture(scope="module")
def task(encoder, tmp_path_factory) -> Task:
    """48 posts and the tiny encoder, laid out for both sides."""
    folder = tmp_path_factory.mktemp("benchmark")
    prepare(folder, str(encoder), trials=2)
    return Task("ours", "encode", str(folder), rows=48, steps=2)


@pytest.fixture
def script_model(task):
    return DistilBertForSequenceClassification.from_pretrained(f"{task.folder}/model")


def test_both_sides_start_from_the_same_weights_and_read_the_same_word_pieces(task, script_model, encoder):
    parameters = load_parameters(child.Path(task.folder))
    ours = load_classifier(str(encoder), parameters.labels, parameters.seed).state_dict()
    assert all(torch.equal(tensor, ours[name]) for name, tensor in script_model.state_dict().items())
    posts, _ = load_posts(child.Path(task.folder), task.rows)
    script_tokens = paper_script.tokenize_data(
        DistilBertTokenizerFast.from_pretrained(f"{task.folder}/model"), posts.assign(label=posts["target"])
    )
    our_tokens, _ = tokenize(posts, load_tokenizer(str(encoder)), parameters.labels, 128)
    for padded, plain in zip(script_tokens, our_tokens, strict=True):
        assert len(padded["input_ids"]) == 128
        assert padded["input_ids"][padded["attention_mask"] == 1].tolist() == plain["input_ids"]
        assert padded["label"].item() == plain["label"]


def test_ours_is_given_the_paper_s_values(task):
    settings = load_parameters(child.Path(task.folder)).prompt_tuning
    assert settings.hyperparameters.model_dump() == paper_script.BEST_PARAMS
    assert settings.hard_prompts[-1] == paper_script.PROMPT


def test_the_script_trains_the_head_alone_and_runs_the_encoder_with_dropout(script_model):
    paper_script.unfreeze_head(script_model)
    learning = [name for name, parameter in script_model.named_parameters() if parameter.requires_grad]
    assert sorted(learning) == sorted(paper_script.UNFROZEN)
    ids = torch.tensor([[101, 2023, 2003, 102]])
    script_model.train()
    assert not torch.equal(script_model.distilbert(ids)[0], script_model.distilbert(ids)[0])


@pytest.mark.slow
@pytest.mark.parametrize("what", ["encode", "head", "search", "prompt_tuning", "prompts", "full_fine_tuning"])
def test_our_side_gives_a_rate_over_all_posts(task, what):
    found = child.run(replace(task, what=what))
    epochs = found.get("epochs", 1)
    assert found["rows"] == 48 * epochs
    assert found["rows_per_second"] == pytest.approx(found["rows"] / found["seconds"])
    assert found["peak_mb"] > 0
    if what == "search":
        assert found["trials"] == 2
        assert 4 <= epochs <= 30


@pytest.mark.slow
def test_bars_are_drawn_on_the_terminal_and_the_work_is_timed_with_and_without_them(task, monkeypatch):
    monkeypatch.setattr(bars, "EPOCHS", 2)
    found = child.run(replace(task, side="bars", what="bars"))
    assert all(len(found[what]) == bars.TURNS and min(found[what]) > 0 for what in ("encode", "head"))
    with bars.terminal() as drawn, progress_bar("Measuring", 2) as bar:
        bar.delay = 0
        bar.update(2)
    assert b"Measuring: 100%" in b"".join(drawn)
    with bars.terminal() as drawn, progress_bar("", 2) as bar:
        bar.update(2)
    assert drawn == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:'pin_memory':UserWarning")
@pytest.mark.parametrize("what", ["encode", "head", "prompt_tuning", "full_fine_tuning"])
def test_the_script_gives_a_rate_over_the_steps_it_took(task, what):
    found = child.run(replace(task, side="script", what=what))
    assert found["rows"] == (48 if what == "encode" else 2 * 16)
    assert found["rows_per_second"] > 0


def test_a_clock_refuses_a_model_that_was_never_evaluated(script_model):
    clock = StepClock(script_model)
    script_model.train()(torch.tensor([[101, 102]]))
    with pytest.raises(AssertionError, match="trained and then evaluated"):
        _ = clock.seconds


@pytest.mark.slow
@pytest.mark.skipif(
    "TWEET_SENTIMENT_BENCH" not in os.environ, reason="takes a minute: TWEET_SENTIMENT_BENCH=1; make bench does it"
)
def test_the_command_writes_results_table_and_figure(encoder, tmp_path, capsys):
    sizes = ["--posts=32", "--rounds=1", "--threads=1", f"--encoder={encoder}"]
    main([*sizes, "--only=encode", f"--out={tmp_path}"])
    results = json.loads((tmp_path / "results.json").read_text())
    assert set(results["ratios"]) == set(WHAT)
    assert {"median", "min", "max", "target", "measured", "how"} == set(results["ratios"]["encode"])
    assert results["ratios"]["encode"]["measured"] is True
    assert results["limit"]["encode"] > 0
    assert {"posts", "rounds", "encoder", "precision", "threads", "versions"} <= set(results["settings"])
    assert results["settings"]["posts"] == 32
    table = (tmp_path / "results.md").read_text()
    assert "| encoding posts once | >= " in table
    assert "| search, encoding included | >= 600 | not run | - | not run |" in table
    figure = json.loads((tmp_path / "figure.json").read_text())
    assert figure["data"][0]["x"] == ["encode", "memory"]
    assert str(tmp_path / "results.json") in capsys.readouterr().out
    assert all(path.stat().st_size < 300_000 for path in tmp_path.iterdir())
    gpu.main(["--posts=16", "--steps=1", f"--encoder={encoder}", f"--out={tmp_path}"])
    rows = [line for line in (tmp_path / "gpu.md").read_text().splitlines() if line.startswith(f"| {encoder.name} |")]
    assert len(rows) == len(gpu.WHAT)

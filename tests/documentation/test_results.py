"""The page of results: made from a run's tables, and saying what they hold."""

import json

import pandas as pd
from docs._make.results import copy_tables, results_page
from tests.reports.made import AUDIT, row

from tweet_sentiment.datasets import Csv

ROWS = [
    row("lora", "grouped", 0.7, originals_posts=20, originals_accuracy=0.75, originals_low=0.6, originals_high=0.9),
    row(
        "lora",
        "leak_free",
        0.6,
        originals_posts=828,
        resembling_posts=3,
        not_resembling_posts=825,
        not_resembling_accuracy=0.5,
    ),
    row("baseline", "leak_free", 0.3, texts=None, resembling_posts=3, not_resembling_posts=825),
]
PAIR = {"first": "lora", "second": "baseline", "difference": 0.3, "low": 0.2, "high": 0.4, "test": "McNemar exact"}


def saved(folder, name, rows):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Csv(filepath=str(path)).save(pd.DataFrame(rows))


def test_the_tables_of_a_run_are_copied_and_the_page_says_what_they_hold(tmp_path):
    run, results = tmp_path / "data/08_reporting/mine", tmp_path / "docs/results"
    saved(run, "comparison.csv", [one | {"encoder": "e", "device": "cpu", "seed": 42} for one in ROWS])
    claim = {"claim": "c", "protocol": "leak_free", "measure": "accuracy", "verdict": "not run"}
    saved(run, "claims.csv", [claim])
    saved(run, "leak_free/differences.csv", [PAIR | {"p_value": 1e-9, "p_adjusted": 1e-9, "better": "lora"}])
    saved(tmp_path / "data/07_model_output/mine", "leak_free/prompt_tuning/prompts.csv", [{"hard_prompt": "None"}])
    (run / "audit.json").write_text(json.dumps(AUDIT), encoding="utf-8")
    copied = copy_tables(tmp_path / "data", "mine", results)
    assert copied == [
        "audit.json",
        "claims.csv",
        "comparison.csv",
        "differences_leak_free.csv",
        "prompts_leak_free.csv",
    ]
    page = results_page(results)
    assert "not run anew: baseline (leak_free)." in page
    assert "| lora | grouped | 20 | 0.7500 (0.600–0.900) |" in page
    assert "| lora | leak_free | 3 | – | 825 | 0.5000 (–) |" in page
    assert "| lora | baseline | +30.0 points (+20.0 to +40.0) | < 0.001 | lora |" in page
    assert "| None |" in page
    assert all(f"- [{name}](results/{name})" in page for name in copied)

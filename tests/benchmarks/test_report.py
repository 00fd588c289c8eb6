"""The page people read: targets beside what was measured, misses as misses."""

import json

import pytest
from benchmarks.machine import processor, refuse_if_busy
from benchmarks.report import add_full, figure, summarise, write
from benchmarks.tables import markdown
from tests.benchmarks.measured import MEASURED, figures

from benchmarks import machine

SETTINGS = {
    "posts": 400,
    "data": "sample",
    "available": {"training": 1200, "validation": 150},
    "seed": 42,
    "rounds": 2,
    "threads": 2,
    "encoder": "embedded",
    "load_before": 0.1,
}
SEARCH = figures(0, 900, seconds=700.0, epochs=300, trials=40, pruned=7, wall_seconds=840.0)
GROWTH = [{"rows": n, "seconds": n / 500, "peak_mb": 700.0} for n in (100, 200, 400)]


@pytest.fixture
def found():
    ladder = {what: {"rungs": {"padded": 50.0, "tried: torch.compile": None}} for what in ("encoder", "head")}
    return {
        "settings": SETTINGS,
        "measured": MEASURED,
        "matrix": [{"operations_per_second": 8e9}] * 2,
        "rates": [{"products_fp32": 2e11, "products_bf16": None, "interpreter": 3e7, "copy": 1e10}] * 2,
        "growth": GROWTH,
        "bars": {"rows": 400, "encode": [0.99, 1.0, 1.01], "head": [1.0, 1.03, 1.04]},
        "ladder": ladder | {what: figures(30, 900) for what in ("prompt_tuning", "full_fine_tuning")},
        "commands": {"kedro registry list": 1.5},
    }


@pytest.fixture
def on_all_posts():
    ran = {"encode": figures(0, 700, seconds=2.0), "head": SEARCH, "search": SEARCH}
    return {"rows": 1200, "measured": ran, "growth": [{**point, "rows": point["rows"] * 10} for point in GROWTH]}


def line(page: str, start: str) -> list[str]:
    return [row for row in page.splitlines() if row.startswith(f"| {start}")]


def test_a_target_that_is_missed_is_said_to_be_missed_and_one_that_is_met_to_be_met(found):
    page = markdown(summarise(found))
    assert "| 11.0 (10.0 to 12.0) | yes |" in line(page, "encoding posts once")[0]
    assert "| **no** |" in line(page, "search")[0]
    assert "| 1.50 s | **no** |" in line(page, "`kedro registry list`")[0]
    assert "| not run | - |" in line(page, "`kedro run`")[0]


def test_bars_cost_too_much_where_the_work_takes_over_a_fiftieth_longer_with_them(found):
    page = markdown(summarise(found))
    assert "| < 1.02 | 1.000 (0.990 to 1.010) | yes |" in line(page, "encoding: seconds with a progress bar")[0]
    assert "| 1.030 (1.000 to 1.040) | **no** |" in line(page, "a head of 80 epochs: seconds with a progress bar")[0]


def test_posts_to_evaluate_on_and_versions_stand_in_the_settings(found):
    settings = summarise(found)["settings"]
    assert settings["test_posts"] == 50
    assert "torch" in settings["versions"]


def test_our_side_on_all_posts_is_added_to_what_was_measured_before(found, on_all_posts, tmp_path):
    write(found, tmp_path)
    before = json.loads((tmp_path / "results.json").read_text())
    add_full(on_all_posts, tmp_path)
    after, page = json.loads((tmp_path / "results.json").read_text()), (tmp_path / "results.md").read_text()
    assert after | {"full": None} == before
    assert "14.0 minutes" in page
    assert "met: **no**" in page
    assert "| 4,000 | 0.80 | 700 |" in page
    assert list(figure(after).data[2].x) == [1000, 2000, 4000]


def test_a_part_of_our_side_on_all_posts_that_is_measured_anew_leaves_the_others(found, on_all_posts, tmp_path):
    write(found, tmp_path)
    add_full(on_all_posts, tmp_path)
    before = json.loads((tmp_path / "results.json").read_text())["full"]
    add_full({"rows": 1200, "measured": {"encode": figures(0, 700, seconds=3.0)}}, tmp_path)
    after = json.loads((tmp_path / "results.json").read_text())["full"]
    assert after["figures"] == before["figures"] | {"encode": figures(0, 700, seconds=3.0)}
    assert after["growth"] == before["growth"]
    assert after["ratios"]["encode"] == pytest.approx(before["ratios"]["encode"] * 2 / 3)


def test_the_page_names_the_processor_and_what_it_did_in_that_run(found):
    page = markdown(summarise(found))
    assert (
        f"Measured on {processor()} (bare products, fp32 200 GFLOP/s, a loop of Python 30.0 million rounds/s," in page
    )


def test_each_run_is_kept_and_the_worst_figure_of_all_stands_first(found, tmp_path):
    write(found, tmp_path)
    faster = {
        what: {**sides, "ours": [{**one, "rows_per_second": 99e9} for one in sides["ours"]]}
        for what, sides in MEASURED.items()
    }
    write(found | {"measured": faster, "commands": {"kedro registry list": 9.0}}, tmp_path)
    lines = (tmp_path / "runs.md").read_text().splitlines()
    row = {cells[1]: cells[2:-1] for line in lines if (cells := [cell.strip() for cell in line.split("|")])[1:]}
    assert row["encoding posts once"][:3] == [">= 4", "11.0", "11.0"]
    assert float(row["encoding posts once"][3]) > 1000
    assert row["`kedro registry list`, seconds"] == ["<= 1.2", "9.00 **missed**", "1.50", "9.00"]
    assert row["bare products, fp32"][2:] == ["200 GFLOP/s"] * 2


def test_a_busy_machine_does_not_replace_results_and_an_idle_one_does(found, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(machine, "load", lambda: 0.9)
    assert refuse_if_busy(tmp_path, "results.json") == 0.9
    assert "not idle" in capsys.readouterr().out
    write(found, tmp_path)
    with pytest.raises(SystemExit, match=r"not idle.*\n.*is kept"):
        refuse_if_busy(tmp_path, "results.json")
    monkeypatch.setattr(machine, "load", lambda: 0.0)
    assert refuse_if_busy(tmp_path, "results.json") == 0


def test_what_could_not_be_tried_has_no_rate(found):
    assert line(markdown(summarise(found)), "encode | tried")[0].endswith("| - |")


def test_an_empty_run_gives_a_page_without_figures(found):
    page = markdown(
        summarise(
            {"settings": SETTINGS, "measured": {}, "matrix": [], "rates": [], "growth": [], "bars": {}}
            | {"ladder": {}, "commands": {}}
        )
    )
    assert page.count("not run") >= 6
    assert "Growth" not in page

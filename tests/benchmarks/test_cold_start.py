"""What a cold start costs beside the pipeline's: which is divided by which, and that a side must answer."""

import sys

import pytest
from benchmarks.cold_start import PIPELINE, SIDES, TARGETS, Cost, _asked, markdown, ratios
from benchmarks.machine import processor

COSTS = {name: [Cost(3.0, 300.0), Cost(2.0, 290.0), Cost(9.0, 100.0)] for name in SIDES} | {
    PIPELINE: [Cost(6.0, 400.0), Cost(5.0, 400.0), Cost(9.0, 400.0)]
}


def test_each_round_is_divided_by_the_pipeline_s_of_the_same_round():
    found = ratios(COSTS)
    assert set(found) == set(SIDES) - {PIPELINE}
    for name, (_, of) in SIDES.items():
        if name != PIPELINE:
            for what, (middle, least, most) in {"seconds": (0.5, 0.4, 1), "peak_mb": (0.725, 0.25, 0.75)}.items():
                expected = {"target": TARGETS[of][what], "median": middle, "min": least, "max": most}
                assert found[name][what] == pytest.approx(expected)


def test_targets_that_are_missed_are_said():
    sides = {name: [vars(one) for one in each] for name, each in COSTS.items()}
    settings = {"rounds": 3, "model": "best", "processor": processor()}
    lines = markdown({"settings": settings, "sides": sides, "ratios": ratios(COSTS)}).splitlines()
    met = {cells[1].strip(): cells[4].strip() for line in lines if "<=" in line and (cells := line.split("|"))}
    assert met["kedro predict, torch: processor seconds over the pipeline's"] == "yes"
    assert met["kedro predict, ONNX int8: processor seconds over the pipeline's"] == "**no**"
    assert met["kedro predict, ONNX int8: peak memory over the pipeline's"] == "**no**"
    assert len(met) == 2 * (len(SIDES) - 1)
    assert settings["processor"].strip()


def test_the_whole_process_is_counted_and_one_that_fails_is_no_figure():
    work = "held = b'x' * (400 << 20); sum(range(3_000_000)); print('Positive')"
    label, cost = _asked([sys.executable, "-c", work])
    _, nothing = _asked([sys.executable, "-c", "pass"])
    assert label == "Positive"
    assert cost.peak_mb > 400
    assert cost.seconds > nothing.seconds
    with pytest.raises(RuntimeError, match="ended with status 3"):
        _asked([sys.executable, "-c", "raise SystemExit(3)"])

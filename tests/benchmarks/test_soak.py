"""The soak tells a target that was missed, and its attacks do to a service what they are called."""

import pytest
from benchmarks.soak import ACTIVE_KINDS, HOLDING_KINDS, attack, markdown
from tests.predictor import conftest as models
from tests.serving.conftest import served

from tweet_sentiment.serving.limits import Limits

settings, plain_folder, predictor = models.settings, models.plain_folder, models.predictor


def good(rate, p99, memory, **errors):
    statuses = {"200": 100} | errors
    return {"rows_per_second": rate, "p50_ms": 10, "p99_ms": p99, "memory_after_mb": memory, "statuses": statuses}


@pytest.mark.parametrize(
    ("attacked", "after", "outcomes", "met"),
    [
        (good(50, 90, 200), good(90, 20, 209), {"deep JSON": {"400": 3}}, ["yes"] * 4),
        (good(49, 101, 200), good(90, 20, 211), {"deep JSON": {"500": 3}}, ["no"] * 4),
        (good(50, 90, 200, **{"500": 1}), good(90, 20, 191), {"half-open": {"closed": 3}}, ["yes"] * 3 + ["no"]),
    ],
)
def test_each_target_is_met_or_not(attacked, after, outcomes, met):
    lines = markdown(good(100, 20, 200), attacked, after, outcomes).splitlines()
    assert [line.split("|")[5].strip() for line in lines[2:7] if line.split("|")[4].strip()] == met


@pytest.mark.slow
def test_every_attack_is_refused_and_none_fails_the_service(predictor):
    with served(predictor, Limits(header_seconds=1, body_seconds=1)) as ((_, port), _):
        found = attack(port, 12)
    assert set(found) == {*ACTIVE_KINDS, *HOLDING_KINDS}
    statuses = {status for counted in found.values() for status in counted}
    assert statuses <= {"400", "408", "413", "422", "closed", "left"}
    assert found["CSV of empty lines, 19 MB"].keys() <= {"413", "closed"}
    assert found["half-open"].keys() == {"closed"}

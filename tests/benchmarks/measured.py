"""Two rounds of figures as the benchmarks give them, small enough to reckon with by hand."""

from typing import Any


def figures(rate: float, peak: float, **more: float) -> dict[str, Any]:
    return {"rows_per_second": rate, "peak_mb": peak, **more}


MEASURED = {
    "encode": {
        "ours": [figures(600, 500, seconds=2.0, operations=8e9), figures(500, 500, seconds=4.0, operations=8e9)],
        "script": [figures(50, 1000), figures(50, 1000)],
    },
    "head": {
        "ours": [figures(0, 800, seconds=2.0, epochs=8), figures(0, 800, seconds=4.0, epochs=8)],
        "script": [figures(40, 1200), figures(40, 1200)],
    },
    "search": {"ours": [figures(0, 2400, seconds=10.0, epochs=100), figures(0, 1200, seconds=10.0, epochs=100)]},
}

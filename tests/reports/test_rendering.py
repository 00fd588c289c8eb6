"""The page in a browser: no text covers or cuts another, at any width and in print, however many and long the names."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from tests import chromium
from tests.reports.made import AUDIT, inputs, row

from tweet_sentiment.reports import figures
from tweet_sentiment.reports.choice import frontier_table
from tweet_sentiment.reports.report import as_html, report

pytestmark = pytest.mark.skipif(chromium.NAME is None, reason=chromium.MISSING)
BOXES = Path(chromium.__file__).with_name("boxes.js").read_text(encoding="utf-8")
SHEET = 688  # pixels across a printed page
STUDY = SimpleNamespace(labels=[f"a label of some length, {i}" for i in range(7)], protocol="leak_free", seed=1)
STUDY.chosen_on = "dev split"
LEVEL = SimpleNamespace(level=0.95)


def crowded():
    """A report of fourteen techniques within a point, long names, seven labels and a training with three prompts."""
    generator = np.random.default_rng(0)
    names = ["hyperparameter_search", "prompt_tuning", *(f"a_technique_with_a_rather_long_name_{i}" for i in range(12))]
    costs = {"ms_per_post": 0.01, "device": "cpu", "dtype": "bf16", "dev_accuracy": 0.7, "paper_accuracy": 0.703}
    rows = [
        row(name, protocol, at + i / 1500, selected=i == 3, **costs | {"trainable_parameters": 3**i})
        for i, name in enumerate(names)
        for protocol, at in (("published", 0.99), ("leak_free", 0.69))
    ]
    comparison = pd.DataFrame(rows)
    probabilities = generator.dirichlet([0.5] * 7, 300)
    predictions = pd.DataFrame(probabilities, columns=[f"probability_{label}" for label in STUDY.labels])
    predictions = predictions.assign(
        predicted=np.array(STUDY.labels)[probabilities.argmax(axis=1)], label=generator.choice(STUDY.labels, 300)
    )
    groups = pd.DataFrame(
        {"grouping": "entity", "group": [f"An entity, and what its makers call it {i}" for i in range(20)]}
    )
    groups = groups.assign(posts=9, right=6, accuracy=1.0, wilson_low=0.3, wilson_high=1.0)
    steps = pd.DataFrame({"step": [1000, 2000, 3000], "loss": 0.5, "eval_loss": 0.6, "accuracy": 0.7})
    steps = steps.assign(f1=0.6, precision=0.6, recall=0.7, measured_on="dev split")
    curves = [steps.assign(prompt=f"The sentiment of this rather long post is, {i}:") for i in range(3)]
    sizes = pd.DataFrame(
        [row("lora", "leak_free", 0.5, n_train=n, measured=n < 50_000) for n in (1000, 40_000, 50_000)]
    )
    sizes = sizes.assign(error_floor=0.2, error_excess=0.1, exponent=0.3)
    drawn = {
        "x/confusion.json": figures.plot_confusion(predictions, STUDY),
        "x/reliability.json": figures.plot_reliability(predictions, STUDY),
        "x/entities.json": figures.plot_entities(groups, STUDY, LEVEL),
        "x/curves.json": figures.plot_curves(pd.concat(curves), STUDY),
        "learning_curve/sizes.json": figures.learning_figure(sizes, STUDY),
    }
    files = {f"leak_free/{name}".replace("x/", f"{names[3]}/"): figure.to_dict() for name, figure in drawn.items()}
    pairs = pd.DataFrame({"first": names[:-1], "second": names[1:], "better": names[1:], "test": "McNemar exact"})
    pairs = pairs.assign(difference=0.1, low=0.0, high=0.2, p_value=0.01, p_adjusted=0.02)
    overlap = {
        f"{kind}_{what}": 1 for kind in ("id", "normalised_text", "near_duplicate") for what in ("share", "count")
    }
    audit = AUDIT | {"overlap": AUDIT["overlap"] | overlap}
    files |= {"audit.json": audit, "leak_free/differences.csv": pairs, "leak_free/learning_curve/sizes.csv": sizes}
    return inputs(rows, files, frontier=frontier_table(comparison, pairs, 0.95))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A browser that shows the crowded report, all of it open and drawn."""
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(as_html(report(crowded())), encoding="utf-8")
    with chromium.Browser() as browser:
        browser.open(file.as_uri())
        browser.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        for place in range(browser.evaluate("places.length")):
            browser.evaluate(f"draw(places[{place}])")
        yield browser


def settled(browser):
    """Wait until every figure is as wide as its place."""
    browser.until(
        "places.every(place => Math.abs(place.clientWidth - place.querySelector('svg.main-svg').clientWidth) < 2)"
    )


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_at_any_width_no_text_covers_or_cuts_another(page, width):
    page.window(width, 900)
    settled(page)
    assert page.evaluate(BOXES) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_nor_in_print(page):
    page.call("Emulation.setEmulatedMedia", media="print")
    page.window(SHEET, 900)
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.until("places.every(place => place.querySelector('svg.main-svg').clientWidth === PRINTED)")
    assert page.evaluate(BOXES) == []
    wide = "Array.from(document.querySelectorAll('.wide .table')).every(one => one.scrollWidth <= 1032)"
    assert page.evaluate(wide)  # a sheet of A4, across
    page.call("Emulation.setEmulatedMedia", media="screen")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")


def test_the_summary_is_one_screen(page):
    page.window(1280, 800)
    assert page.evaluate("document.querySelector('dl').getBoundingClientRect().bottom + scrollY") < 800

"""Figures say what they show, in a title and in words, and are told apart without colour."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from tests.reports.made import AUDIT, LEAKING, row

from tweet_sentiment.reports.figures import (
    MARKS,
    SERIES,
    accuracy_figure,
    leaks_figure,
    learning_figure,
    plot_confusion,
    plot_curves,
    plot_entities,
    plot_lengths,
    sweep_figure,
)


def title(figure):
    return figure.layout.title.text.replace("<br>", " ")


def grey(colour):
    """Relative luminance (WCAG 2.2), 0 black to 1 white."""
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_protocols_differ_in_shape_and_in_grey():
    for (one, a), (two, b) in combinations(MARKS.values(), 2):
        assert a != b
        assert one == two or abs(grey(one) - grey(two)) > 0.015


def test_marks_stand_out_from_the_page():
    for colour in (*SERIES[:4], *(colour for colour, _ in MARKS.values())):
        assert 1.05 / (grey(colour) + 0.05) > 3  # contrast that WCAG asks of graphics


def table_of_entities(accuracies, posts=30):
    groups = {"grouping": "entity", "group": [f"e{i}" for i in range(len(accuracies))], "posts": posts}
    rows = pd.DataFrame(groups | {"accuracy": accuracies})
    return rows.assign(
        right=rows["accuracy"] * posts, wilson_low=rows["accuracy"] - 0.1, wilson_high=rows["accuracy"] + 0.1
    )


PREDICTIONS = pd.DataFrame(
    {
        "label": ["Negative", "Neutral", "Neutral", "Positive"],
        "predicted": ["Negative", "Negative", "Negative", "Positive"],
    }
)
CURVES = pd.DataFrame(
    {
        "step": [1, 2, 2, 3, 4],
        "loss": [2, 1, None, 0.5, None],
        "eval_loss": [None, None, 0.7, None, 0.9],
        "accuracy": [None, None, 0.6, None, 0.65],
        "measured_on": "dev split",
    }
)
SIZES = [row("lora", "grouped", 0.5, n_train=n, measured=n < 9) for n in (1, 4, 9)]
SWEEP = pd.DataFrame(
    {
        "k": [0, 1, 2],
        "dev_accuracy": [0.6, 0.8, 0.7],
        "accuracy": [0.9, 0.65, 0.7],
        "low": [0.8, 0.6, 0.6],
        "high": [0.95, 0.7, 0.8],
        "trainable_parameters": [10, 2000, 30],
        "seconds": [1.0, 2.0, 3.0],
    }
)


def made(parameters):
    tokens = {"input_ids": [[1] * n for n in (3, 4, 128)]}
    tokens = type("Tokens", (dict,), {"__len__": lambda self: len(self["input_ids"])})(tokens)
    return {
        "accuracy": accuracy_figure(pd.DataFrame(LEAKING)),
        "leaks": leaks_figure(AUDIT),
        "confusion": plot_confusion(PREDICTIONS, parameters.study),
        "curves": plot_curves(CURVES, parameters.study),
        "entities": plot_entities(table_of_entities([0.5, 0.9]), parameters.study, parameters.uncertainty),
        "sweep": sweep_figure("k", "blocks", SWEEP, parameters.study),
        "learning": learning_figure(
            pd.DataFrame(SIZES).assign(error_floor=0.2, error_excess=0.1, exponent=0.3), parameters.study
        ),
        "lengths": plot_lengths(tokens, tokens, {"training": {"truncated": 1}}, parameters.model, parameters.study),
    }


def test_every_figure_has_a_finding_and_words_for_who_cannot_see_it(parameters):
    for name, figure in made(parameters).items():
        assert title(figure), name
        alternative = figure.layout.meta["alt"]
        assert alternative.startswith(title(figure).rstrip(".")), name
        assert len(alternative) > len(title(figure)) + 10, name
        assert "font" in figure.layout.to_plotly_json(), name


def test_the_study_s_picture_shows_each_accuracy_with_its_interval(parameters):
    figure = accuracy_figure(pd.DataFrame([*LEAKING, row("x", "grouped_1_of_5", 0.2)]))
    assert title(figure).startswith("Without the leak nearest_neighbour falls from 98.0% to 54.0%")
    marks = {trace.name: trace for trace in figure.data if trace.name}
    assert set(marks) == {"published", "leak_free"}  # no fold
    assert marks["leak_free"].error_x.array[0] == pytest.approx(0.03)


def test_the_confusion_names_the_mistake_that_was_made_most(parameters):
    assert "50.0% of 4 posts right; most often wrong: Neutral taken for Negative, 2 posts" in title(
        plot_confusion(PREDICTIONS, parameters.study)
    )
    assert "most often" not in title(
        plot_confusion(PREDICTIONS.assign(predicted=PREDICTIONS["label"]), parameters.study)
    )


def test_labels_that_are_numbers_stand_side_by_side(parameters):
    labels = {"Positive": "1", "Negative": "10", "Neutral": "-1"}
    numbered = PREDICTIONS.replace(labels).rename(
        columns={f"probability_{a}": f"probability_{b}" for a, b in labels.items()}
    )
    drawn = plot_confusion(numbered, parameters.study.model_copy(update={"labels": [*labels.values()]}))
    assert (drawn.layout.xaxis.type, drawn.layout.yaxis.type) == ("category", "category")


def test_curves_say_where_a_model_starts_to_learn_by_heart_and_on_which_posts(parameters):
    for posts in ("dev split", "test posts"):
        figure = plot_curves(CURVES.assign(measured_on=posts), parameters.study)
        found = f"Accuracy on the {posts} is highest at step 4, 65.0%; the loss is lowest at step 2"
        assert title(figure).startswith(found)
        assert figure.layout.meta["alt"].endswith(f"measured after each epoch on the {posts}.")


def test_entities_apart_are_counted_beside_what_chance_would_give(parameters):
    said = title(plot_entities(table_of_entities([0.6] * 5 + [0.1]), parameters.study, parameters.uncertainty))
    assert said.startswith("The intervals of 1 of 6 entities exclude the 51.7% of all posts")
    assert "by chance alone 0.3 would" in said


def test_without_entities_lengths_are_drawn(parameters):
    table = table_of_entities([0.5, 0.6]).assign(grouping="length", group=["0", "1 to 5"])
    assert "lengths" in title(plot_entities(table, parameters.study, parameters.uncertainty))


def test_the_look_up_is_what_the_leak_is_worth():
    assert "100.0% of the test posts are known" in title(leaks_figure(AUDIT))
    both = AUDIT | {"memorisation": AUDIT["memorisation"] | {"leak_free": {"accuracy": 0.5, "training_posts": 3}}}
    assert "right for 100.0% of the test posts, and for 50.0% without the posts that leak" in title(leaks_figure(both))


def test_a_sweep_names_the_setting_that_was_chosen_not_the_one_that_is_best_on_the_reported_posts(parameters):
    figure = sweep_figure("k", "blocks", SWEEP, parameters.study)
    assert title(figure) == "Best on the dev split: 1 blocks, 65.0% (leak_free)"
    assert figure.data[0].text[1] == "2,000 parameters, 2 s"
    assert list(figure.data[0].error_y.array) == list(SWEEP["high"] - SWEEP["accuracy"])
    published = parameters.study.model_copy(update={"protocol": "published"})
    for nothing in (None, float("nan")):
        figure = sweep_figure("k", "blocks", SWEEP.assign(dev_accuracy=nothing), published)
        assert title(figure) == "Best on the test posts: 0 blocks, 90.0% (published)"

"""The page in a real browser: by keyboard alone, for a screen reader, in both colour schemes, from this host alone."""

import csv
import io
import time

import pytest
from tests.chromium import CONTRAST, CONTROL, MISSING, NAME, Browser
from tests.serving.conftest import on_http

from tweet_sentiment.serving.limits import Limits

pytestmark = pytest.mark.skipif(NAME is None, reason=MISSING)
POSTS = ["I love it, best game in years!", "So bad... it KEEPS crashing"]
NAMED = {"textbox", "button", "checkbox", "link", "combobox"}  # what one can use must have a name


@pytest.fixture(scope="module")
def address(predictor, plain_folder):
    with on_http(predictor, Limits(posts=5, explained_posts=3), folder=plain_folder) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with Browser() as browser:
        yield browser


@pytest.fixture
def page(browser, address):
    """The page, opened anew; at the end it must have asked no other host and must not have complained."""
    browser.requests.clear()
    browser.complaints.clear()
    browser.open(f"{address}/")
    browser.until("document.getElementById('model').textContent.startsWith('Model:')")
    yield browser
    elsewhere = [url for url in browser.requests if not url.startswith((address, "blob:"))]
    assert elsewhere == []
    complaints = [one for one in browser.complaints if "status of 4" not in one]  # it logs refusals by itself
    assert complaints == []


def ask(page, text):
    """Type posts, and send them by keyboard."""
    page.evaluate("document.getElementById('posts').focus()")
    page.type(text)
    page.press("Enter", CONTROL)


def classified(page, count):
    page.until(f"document.getElementById('status').textContent.startsWith('{count} post')")
    return page.evaluate(
        "[...document.querySelectorAll('#results .label')].map((one) => one.textContent.split(',')[0])"
    )


def test_posts_are_classified_by_keyboard_alone_and_words_have_a_text_beside_their_colour(page, predictor):
    for _ in range(3):  # skip link, documentation, posts
        page.press("Tab")
    assert page.evaluate("document.activeElement.id") == "posts"
    page.type("\n".join(POSTS))
    page.press("Enter", CONTROL)
    assert classified(page, 2) == [one["label"] for one in predictor.records(POSTS)]
    shown = page.evaluate("[...document.querySelectorAll('#results .words')].map((one) => one.textContent)")
    for text, words in zip(shown, predictor.cleaned(POSTS), strict=True):
        assert " ".join(text.split()).endswith(words)
    record = predictor.records(POSTS[:1], explain=True)[0]
    first = max(record["words"], key=lambda one: abs(one["share"]))
    said = page.evaluate("document.querySelector('#results .help').textContent")
    assert f"{first['word']} ({round(100 * abs(first['share']))} %)" in said
    assert page.evaluate("document.activeElement.id") == "posts"  # the next post can be typed at once


def test_the_button_is_reached_by_tab_and_the_bars_are_as_long_as_the_probabilities(page, predictor):
    page.evaluate("document.getElementById('posts').focus()")
    page.type(POSTS[0])
    page.press("Tab")
    page.press(" ")  # no words
    page.press("Tab")
    page.press("Enter")
    classified(page, 1)
    assert page.evaluate("document.querySelectorAll('#results .words').length") == 0
    (record,) = predictor.records(POSTS[:1])
    widths = page.evaluate("[...document.querySelectorAll('.bar')].map((one) => one.style.width)")
    assert [float(width.rstrip("%")) for width in widths] == pytest.approx(
        [100 * share for share in record["probabilities"].values()], abs=0.01
    )


def test_a_screen_reader_gets_a_name_for_everything_and_hears_what_came_of_it(page):
    ask(page, POSTS[0])
    classified(page, 1)
    spoken = page.spoken()
    assert [role for role, name in spoken if role in NAMED and not name] == []
    assert {("textbox", "Posts, one per line"), ("button", "Classify"), ("heading", "Classify posts")} <= set(spoken)
    assert ("table", "Probability of each label") in spoken
    assert page.evaluate("document.getElementById('status').getAttribute('aria-live')") == "polite"
    assert not [name for _, name in spoken if name.startswith("Influence of each word:")]  # said by the sentence
    assert page.evaluate("document.documentElement.lang") == "en"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_background(page, scheme):
    page.colours(scheme)
    ask(page, "\n".join([*POSTS, "we play at nine tonight and tomorrow"]))
    classified(page, 3)
    page.evaluate("document.getElementById('key').open = true")
    seen, weak = page.evaluate(CONTRAST)
    assert seen > 40
    assert weak == []
    assert page.evaluate("document.querySelectorAll('.words .for, .words .against').length") > 0


def test_a_refusal_is_said_and_the_next_question_is_answered(page):
    ask(page, "\n".join(["a post"] * 6))
    page.until("document.getElementById('status').className == 'wrong'")
    said = page.evaluate("document.getElementById('status').textContent")
    assert said == "6 posts, at most 5 per request. Send them in parts."
    page.evaluate("document.getElementById('posts').value = 'a post\\n' + 'x'.repeat(10001)")
    page.press("Enter", CONTROL)
    page.until("document.getElementById('status').textContent.startsWith('Post 2: 10,001 characters')")
    page.evaluate("document.getElementById('posts').value = ''")
    page.press("Enter", CONTROL)
    page.until("document.getElementById('status').textContent == 'Type a post first.'")
    page.type("a post")
    page.press("Enter", CONTROL)
    classified(page, 1)
    assert page.evaluate("document.getElementById('status').className") == ""


def test_more_posts_than_are_explained_at_once_are_classified_without_words_and_it_is_said(page, predictor):
    ask(page, "\n".join([*POSTS, *POSTS]))
    assert classified(page, 4) == [one["label"] for one in predictor.records([*POSTS, *POSTS])]
    assert page.evaluate("document.querySelectorAll('#results .words').length") == 0
    said = page.evaluate("document.getElementById('status').textContent")
    assert said == "4 posts classified. The influence of each word is shown for at most 3 posts at once."


def test_markup_in_a_post_is_text(page):
    markup = "<img src=x onerror='document.title=1'> <b>good</b> &amp;"
    ask(page, markup)
    classified(page, 1)
    assert page.evaluate("document.querySelector('#results .text').textContent") == markup
    assert page.evaluate("document.querySelectorAll('#results img, #results b').length") == 0
    assert page.evaluate("document.title") == "Tweet sentiment"


def test_a_link_can_hold_the_question(browser, address, predictor):
    browser.open(f"{address}/?text=I%20love%20it")
    assert classified(browser, 1) == [predictor.records(["I love it"])[0]["label"]]


def downloaded(page, path):
    """Follow the link to the result by keyboard; return what arrives."""
    page.until("document.getElementById('download') !== null")
    page.evaluate("document.getElementById('download').focus()")
    page.press("Enter")
    end = time.monotonic() + 300
    while not path.is_file() and time.monotonic() < end:
        time.sleep(0.05)
    return path.read_text(encoding="utf-8")


def choose(page, source):
    """Choose a file to upload; what comes of it is put beside it."""
    page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(source.parent))
    page.choose("#file", source)


def test_a_csv_is_uploaded_and_its_result_downloaded(page, predictor, tmp_path):
    source = tmp_path / "mine.csv"
    source.write_text('id,content,label\n1,"I love it, really",x\n2,,y\n', encoding="utf-8")
    choose(page, source)
    page.evaluate("document.querySelector('#upload button').focus()")
    page.press("Enter")
    result = downloaded(page, tmp_path / "mine_predicted.csv")
    first, second = csv.DictReader(io.StringIO(result, newline=""))
    assert first["predicted_label"] == predictor.records(["I love it, really"])[0]["label"]
    assert first["label"] == "x"
    assert second["predicted_error"] == "the text is empty or blank"


def test_a_csv_with_semicolons_is_read_and_said_where_commas_are_chosen(page, predictor, tmp_path):
    source = tmp_path / "mine.csv"
    source.write_text("text;id\nI love it, really;1\n", encoding="utf-8")
    choose(page, source)
    page.evaluate("document.getElementById('delimiter').value = ','")
    page.evaluate("document.querySelector('#upload button').click()")
    page.until("document.getElementById('file-status').className == 'wrong'")
    said = page.evaluate("document.getElementById('file-status').textContent")
    assert said.endswith("The fields seem to be separated by ';': set “Delimiter” to “semicolon”.")
    assert page.evaluate("document.getElementById('form').open")
    page.evaluate("document.getElementById('delimiter').value = 'auto'")
    page.evaluate("document.querySelector('#upload button').click()")
    text = downloaded(page, tmp_path / "mine_predicted.csv")
    assert text.splitlines()[1].startswith(
        f'"I love it, really",1,{predictor.records(["I love it, really"])[0]["label"]}'
    )


def test_a_csv_that_cannot_be_read_is_said(page, tmp_path):
    source = tmp_path / "mine.csv"
    source.write_text("a,b\n1,2\n")
    page.choose("#file", source)
    page.evaluate("document.querySelector('#upload button').click()")
    page.until("document.getElementById('file-status').className == 'wrong'")
    said = page.evaluate("document.getElementById('file-status').textContent")
    assert said.endswith("does not show which column holds the texts; it has 'a', 'b'. Name one: fill in “Text column”")


def test_the_key_is_asked_for_where_it_is_needed_and_then_used(browser, predictor):
    with on_http(predictor, api_key="secret") as address:
        browser.open(f"{address}/")
        browser.until("document.getElementById('key').open && document.activeElement.id == 'api-key'")
        browser.type("secret")
        browser.press("Enter")
        browser.until("document.getElementById('model').textContent.startsWith('Model:')")
        ask(browser, "I love it")
        classified(browser, 1)


def test_the_documentation_shows_each_path_with_a_command(page, address):
    page.open(f"{address}/docs")
    headings = page.until("[...document.querySelectorAll('h2')].map((one) => one.textContent).join()")
    assert headings.split(",") == [
        "POST /predict",
        "POST /explain",
        "POST /predict/csv",
        "GET /health",
        "GET /model",
        "GET /metrics",
    ]
    commands = page.evaluate("[...document.querySelectorAll('pre')].map((one) => one.textContent)")
    assert [one for one in commands if one.startswith(f"curl '{address}/predict' ") and '{"texts":' in one]
    assert page.evaluate(CONTRAST)[1] == []

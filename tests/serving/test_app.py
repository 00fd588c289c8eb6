"""Each path answers what the predictor says, as its document promises."""

import json
import re
import sys

import pytest
from starlette.testclient import TestClient
from tests.serving.conftest import detail

from tweet_sentiment.manifests import MANIFEST
from tweet_sentiment.predictor import Predictor
from tweet_sentiment.serving.app import PAGE, create_app

POSTS = ["I love it, best game in years!", "So bad... it KEEPS crashing http://x.yz", "ok 🤣", 'we "play", at\nnine']


def test_many_posts_get_what_the_predictor_says_in_their_order(client, predictor):
    answer = client.post("/predict", json={"texts": POSTS})
    assert answer.status_code == 200
    expected = predictor.records(POSTS)
    for found, wanted in zip(answer.json(), expected, strict=True):
        assert (found["text"], found["label"]) == (wanted["text"], wanted["label"])
        assert found["probabilities"] == pytest.approx(wanted["probabilities"], abs=1e-6)


def test_one_post_is_a_list_of_one(client):
    one, listed = (client.post("/predict", json={"texts": texts}).json() for texts in (POSTS[0], POSTS[:1]))
    assert one == listed
    assert len(one) == 1


def test_explain_adds_each_words_share(client, predictor):
    answer = client.post("/explain", json={"texts": POSTS}).json()
    for found, text in zip(answer, POSTS, strict=True):
        assert [one["word"] for one in found["words"]] == predictor.cleaned([text])[0].split()
        assert sum(abs(one["share"]) for one in found["words"]) == pytest.approx(1)


def test_health_says_that_it_answers(client):
    assert client.get("/health").json() == {"status": "ok", "waiting_posts": 0}


def test_model_shows_labels_figures_card_and_limits(predictor, plain_folder, tmp_path):
    (tmp_path / "README.md").write_text("# A card")
    (tmp_path / MANIFEST).write_bytes((plain_folder / MANIFEST).read_bytes())
    with TestClient(create_app(predictor, folder=tmp_path)) as client:
        told = client.get("/model").json()
        assert told["folder"] == str(tmp_path)
        assert told["labels"] == predictor.labels
        assert told["card"] == "# A card"
        assert told["manifest"]["technique"] == "layer_unfreezing"
        assert "files" not in told["manifest"]
        assert told["limits"]["posts"] == 1000
        assert told["changed_on_disk"] is False
        (tmp_path / MANIFEST).write_text("{}")
        assert client.get("/model").json()["changed_on_disk"] is True


def test_an_explanation_without_its_extra_is_501_and_names_it(client, monkeypatch):
    for module in ("captum", "captum.attr"):
        monkeypatch.setitem(sys.modules, module, None)
    answer = client.post("/explain", json={"texts": POSTS})
    assert answer.status_code == 501
    assert "pip install 'tweet-sentiment[explain]'" in answer.json()["detail"]


def test_metrics_count_requests_labels_and_calls(client, predictor):
    client.post("/predict", json={"texts": POSTS})
    client.get("/no/such/path")
    client.get("/nor/this")
    text = client.get("/metrics").text
    assert 'tweet_sentiment_requests_total{path="/predict",status="200"} 1.0' in text
    assert 'tweet_sentiment_requests_total{path="other",status="404"} 2.0' in text
    assert 'tweet_sentiment_batch_posts_sum{what="predict"} 4.0' in text
    assert "process_resident_memory_bytes" in text
    counted = re.findall(r'tweet_sentiment_predictions_total\{label="(\w+)"\} (\S+)', text)
    assert sum(float(count) for _, count in counted) == len(POSTS)
    assert {label for label, _ in counted} <= set(predictor.labels)


def test_the_openapi_document_names_every_path_and_its_errors_as_they_are(client):
    document = client.get("/openapi.json").json()
    assert set(document["paths"]) == {"/predict", "/explain", "/predict/csv", "/health", "/model", "/metrics"}
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["description"]
            for status, response in operation["responses"].items():
                if status >= "400":
                    assert list(response["content"]) == ["application/problem+json"]
    assert "HTTPValidationError" not in json.dumps(document)


def test_the_page_and_the_documentation_ask_no_other_host(client):
    files = [path.name for path in PAGE.iterdir()]
    for path in ["/", "/docs", *(f"/page/{name}" for name in files)]:
        answer = client.get(path)
        assert answer.status_code == 200
        assert not re.findall(r"https?://", answer.text), path
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    html = [client.get(path).text for path in ("/", "/docs")]
    assert not [one for one in html if re.search(r"<script(?! src=)|<style|style=|\son\w+=", one)]


@pytest.mark.parametrize("path", ["/page/../app.py", "/page/%2e%2e/app.py", "/page/..%2fapp.py"])
def test_nothing_outside_the_pages_folder_is_given_away(client, path):
    assert client.get(path).status_code == 404


def test_a_csv_comes_back_row_for_row(client, predictor):
    body = '\ufeffid,content\r\n1,I love it\r\n2,"so ""bad"",\nreally"\r\n3,\r\n4,"ok\rthen"\r\n'
    answer = client.post("/predict/csv", content=body.encode(), headers={"Content-Type": "text/csv; charset=utf-8"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/csv")
    import csv
    import io

    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    texts = ["I love it", 'so "bad",\nreally', "", "ok\rthen"]
    assert [row["content"] for row in rows] == texts
    assert [row["id"] for row in rows] == ["1", "2", "3", "4"]
    assert rows[2]["label"] == ""
    assert rows[2]["error"] == "the text is empty or blank"
    records = predictor.records([text for text in texts if text])
    answered = [row for row in rows if not row["error"]]
    for row, record in zip(answered, records, strict=True):
        assert row["label"] == record["label"]
        found = {label: float(row[f"probability_{label}"]) for label in predictor.labels}
        assert found == pytest.approx(record["probabilities"], abs=2e-6)


def test_an_empty_line_between_texts_is_a_row_of_its_own(client):
    answer = client.post("/predict/csv", content=b"text\na\n\nb\n\n\n", headers={"Content-Type": "text/csv"})
    header, *rows = answer.text.splitlines()
    assert header.startswith("text,label,probability_")
    assert [row.split(",")[0] for row in rows] == ["a", "", "b"]
    assert rows[1].endswith("the text is empty or blank")


@pytest.mark.parametrize(
    ("query", "body", "said"),
    [
        ("", "", "The CSV: the file is empty"),
        ("", "text\n", "The CSV has a header and no row"),
        ("", "a,b\n1,2\n", "does not show which column holds the texts; it has 'a', 'b'. Name one: ?text_column="),
        ("?text_column=c", "a,b\n1,2\n", "there is no column 'c'; found ['a', 'b']"),
        (
            "?delimiter=,",
            "text;id\nx;1\n",
            "it has 'text;id'. The fields seem to be separated by ';': add ?delimiter=%3B.",
        ),
        (
            "?text_column=text&delimiter=,",
            "text\tid\nx\t1\n",
            "The fields seem to be separated by a tab: add ?delimiter=%09",
        ),
        ("", 'id,text\n1,"x\n', "The CSV, line 2: the quote that opens the field '\"x"),
        ("", "text,error\nx,y\n", "has the columns ['error'] already"),
        ("?delimiter=x", "text\nx\n", "delimiter: "),
        ("", "what a day\nx\n", "'what a day', may be the name of its column or a text. Say which: ?header=true or ?"),
        ("?header=false", "1,x\n", "which column holds the texts; it has '0', '1'. Name one: ?text_column="),
        ("?encoding=%00", "text\nx\n", "there is no encoding"),
    ],
)
def test_a_csv_that_cannot_be_read_is_said_with_its_place(client, query, body, said):
    answer = client.post(f"/predict/csv{query}", content=body.encode(), headers={"Content-Type": "text/csv"})
    assert said in detail(answer, 422)


def test_fields_may_be_separated_otherwise_and_a_single_column_may_be_called_anything(client, predictor):
    headers = {"Content-Type": "text/csv"}
    answer = client.post("/predict/csv?delimiter=;", content=b"text;id\nI love it, really;1\n", headers=headers)
    header, line = answer.text.splitlines()
    assert header.startswith("text,id,label,")
    assert line.startswith(f'"I love it, really",1,{predictor.records(["I love it, really"])[0]["label"]},')
    for query in ("?text_column=what%3B why", "?text_column=what; why"):
        assert client.post(f"/predict/csv{query}", content=b"what; why\nok\n", headers=headers).status_code == 200
    assert client.post("/predict/csv?header=true", content=b"anything\nok\n", headers=headers).status_code == 200


def test_a_csv_under_another_name_is_refused(client):
    told = detail(client.post("/predict/csv", json={"texts": []}), 415)
    assert told == "The body is 'application/json'. Send the CSV itself, with Content-Type: text/csv."


def test_a_model_that_is_replaced_on_disk_goes_on_as_it_was(settings, tmp_path):
    from tests.predictor.conftest import save_plain

    folder = save_plain(settings, tmp_path / "best")
    served = Predictor.load(folder, device="cpu", precision="fp32")
    with TestClient(create_app(served, folder=folder)) as client:
        before = client.post("/predict", json={"texts": POSTS}).json()
        for path in folder.iterdir():  # into the very files, not by renaming: the hardest way
            with path.open("r+b") as file:
                file.write(bytes(path.stat().st_size))
        assert client.post("/predict", json={"texts": POSTS}).json() == before
        for path in list(folder.iterdir()):
            path.write_bytes(b"")
        assert client.post("/predict", json={"texts": POSTS}).json() == before
        assert client.get("/model").json()["changed_on_disk"] is True


@pytest.fixture(scope="module")
def entity_client(settings, tmp_path_factory):
    """A model that reads what a post is about, served."""
    from tests.predictor.conftest import save_plain

    from tweet_sentiment.manifests import read_manifest, write_manifest

    folder = save_plain(settings, tmp_path_factory.mktemp("models") / "entities")
    manifest = read_manifest(folder)
    manifest["input"]["second_segment"] = "entity"
    write_manifest(folder, manifest)
    with TestClient(create_app(Predictor.load(folder, device="cpu", precision="fp32"), folder=folder)) as client:
        yield client


def test_entities_reach_a_model_that_reads_them_one_for_all_or_one_a_text(entity_client):
    served = entity_client.app.state.service.predictor
    body = {"texts": POSTS[:2], "entities": ["Borderlands", "Nvidia"]}
    expected = served.records(POSTS[:2], body["entities"])
    for path in ("/predict", "/explain"):
        found = entity_client.post(path, json=body).json()
        assert [one["label"] for one in found] == [one["label"] for one in expected]
        assert found[1]["probabilities"] == pytest.approx(expected[1]["probabilities"], abs=1e-6)
    one_for_all = entity_client.post("/predict", json={"texts": POSTS[:2], "entities": "Nvidia"}).json()
    assert one_for_all[1]["probabilities"] == pytest.approx(expected[1]["probabilities"], abs=1e-6)
    assert one_for_all[0]["probabilities"] != pytest.approx(expected[0]["probabilities"], abs=1e-6)
    csv = f"text,about\n{POSTS[2]},Nvidia\n{POSTS[2]},{'x' * 101}\n".encode()
    answer = entity_client.post("/predict/csv?entity_column=about", content=csv, headers={"Content-Type": "text/csv"})
    first, second = answer.text.splitlines()[1:]
    assert served.records(POSTS[2:3], ["Nvidia"])[0]["label"] in first
    assert "an entity of 101 characters" in second


@pytest.mark.parametrize(
    ("which", "more", "said"),
    [
        ("entity_client", {}, "This model reads an entity with each text, and none is given"),
        ("entity_client", {"entities": ["a", "b"]}, "found 2 entities, 1 texts"),
        ("entity_client", {"entities": ["a\0"]}, "entities[0]: found a NUL character"),
        ("client", {"entities": "a"}, "This model was trained on texts alone: leave the entities out."),
    ],
)
def test_entities_that_are_missing_too_many_or_not_wanted_are_said(request, which, more, said):
    asked = request.getfixturevalue(which)
    assert said in detail(asked.post("/predict", json={"texts": "a"} | more), 422)
    if not more:
        told = detail(asked.post("/predict/csv", content=b"text\na\n", headers={"Content-Type": "text/csv"}), 422)
        assert told.endswith("name their column: ?entity_column=….")

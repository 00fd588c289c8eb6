"""What is too much, malformed or not allowed is refused with what to put right, and never with a 500."""

import json
import threading

import pytest
from starlette.testclient import TestClient
from tests.serving.conftest import Watched, detail

from tweet_sentiment.errors import StudyError
from tweet_sentiment.serving.app import create_app
from tweet_sentiment.serving.limits import Limits

TIGHT = Limits(body=1_000, csv_body=2_000, posts=3, explained_posts=2, csv_rows=3, characters=50, seconds=5)


@pytest.fixture
def tight(predictor):
    with TestClient(create_app(predictor, TIGHT)) as client:
        yield client


def post(client, body, path="/predict", **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(path, content=content, headers={"Content-Type": "application/json"} | headers)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"texts": []}, 422, "texts: the list is empty"),
        ({"texts": [None]}, 422, "texts[0]: expected a text, found None."),
        ({"texts": ["a", 7]}, 422, "texts[1]: expected a text, found 7."),
        ({"texts": 7}, 422, "texts: expected a text, found 7."),
        ({"texts": {"a": 1}}, 422, "texts: expected a text, found {'a': 1}."),
        ({"texts": ["a", ""]}, 422, "texts[1]: the text is empty or blank."),
        ({"texts": " \n"}, 422, "texts[0]: the text is empty or blank."),
        ({"texts": "a\0b"}, 422, "texts[0]: found a NUL character at position 1"),
        (b'{"texts": "a\\ud800b"}', 422, "texts"),
        (b'{"texts": ["ok", "a\\ud800b"]}', 422, "texts[1]"),
        (b'{"\\ud800": 1}', 422, 'Send {"texts": ["a post", "another"]} as application/json.'),
        ({"text": "a"}, 422, "text: there is no such field; the body has the field texts."),
        ([], 422, 'Send {"texts": ["a post", "another"]} as application/json.'),
        (b"", 422, 'Send {"texts": ["a post", "another"]} as application/json.'),
        (b"null", 422, 'Send {"texts": ["a post", "another"]} as application/json.'),
        (b"{", 422, "The body is not JSON: "),
        (b'{"texts": NaN}', 422, "texts: expected a text, found nan."),
        (b"\xff\xff", 400, "The body cannot be read"),
        ({"texts": ["a"] * 4}, 413, "texts: 4 posts, at most 3 per request. Send them in parts."),
        ({"texts": ["a", "b" * 51]}, 413, "texts[1]: 51 characters, at most 50 per post."),
        ({"texts": "b" * 2_000}, 413, "The body is larger than 1,000 bytes. Send the posts in parts."),
    ],
)
def test_a_request_that_cannot_be_answered_says_what_to_put_right(tight, body, status, said):
    assert said in detail(post(tight, body), status)


def test_the_body_is_counted_where_no_length_is_given(tight):
    chunks = (b"x" * 300 for _ in range(5))
    answer = tight.post("/predict", content=chunks, headers={"Content-Type": "application/json"})
    assert "larger than 1,000 bytes" in detail(answer, 413)


def test_a_body_of_a_hundred_thousand_brackets_is_refused(client):
    assert "The body cannot be read" in detail(post(client, b"[" * 900_000), 400)


def test_explanations_have_a_limit_of_their_own(tight):
    assert "3 posts, at most 2" in detail(post(tight, {"texts": ["a"] * 3}, "/explain"), 413)


def test_a_csv_has_limits_of_its_own(tight):
    def csv(body):
        return tight.post("/predict/csv", content=body, headers={"Content-Type": "text/csv"})

    assert csv(b"text\n" + b"a\n" * 3).status_code == 200
    assert "more than 3 rows" in detail(csv(b"text\n" + b"a\n" * 4), 413)
    assert "Row 2: more than 50 characters in 'text'" in detail(csv(b"text\na\n" + b"b" * 51 + b"\n"), 413)
    assert "larger than 2,000 bytes" in detail(csv(b"text\n" + b"b" * 3_000), 413)


def test_another_content_type_path_or_method_is_said(tight):
    answer = tight.post("/predict", content=b'{"texts": "a"}', headers={"Content-Type": "text/plain"})
    assert "as application/json" in detail(answer, 422)
    assert "There is no /nothing here; /docs lists the paths." in detail(tight.get("/nothing"), 404)
    answer = tight.get("/predict")
    assert detail(answer, 405) == "/predict does not answer GET: use POST."
    assert answer.headers["allow"] == "POST"


ODD = ["[SEP]", "[CLS] [MASK] ok", "http://x.yz", "🤣", "a" * 50, "\u200b\u202e!", "<script>"]


@pytest.mark.parametrize("text", ODD)
def test_odd_texts_get_a_label(tight, text):
    (answer,) = post(tight, {"texts": text}).json()
    assert answer["text"] == text
    assert sum(answer["probabilities"].values()) == pytest.approx(1)


def test_the_key_is_asked_for_where_there_is_one(predictor):
    with TestClient(create_app(predictor, TIGHT, api_key="secret")) as client:
        for path in ("/model", "/metrics"):
            assert detail(client.get(path), 401) == "The API key is missing. Send it in the header X-API-Key."
        body = {"texts": "a"}
        for path in ("/predict", "/explain", "/predict/csv"):
            assert "The API key is missing" in detail(post(client, body, path), 401)
            assert "is not the right one" in detail(post(client, body, path, **{"X-API-Key": "Secret"}), 401)
        assert "is not the right one" in detail(post(client, body, "/predict", **{"X-API-Key": "sécret".encode()}), 401)
        assert post(client, body, **{"X-API-Key": "secret"}).status_code == 200
        for path in ("/", "/health", "/docs", "/openapi.json", "/page/page.js"):
            assert client.get(path).status_code == 200
        assert "APIKeyHeader" in client.get("/openapi.json").json()["components"]["securitySchemes"]


def test_a_model_that_takes_too_long_is_answered_for_in_time(predictor):
    go_on = threading.Event()
    slow = Watched(predictor, lambda texts: go_on.wait(300))
    with TestClient(create_app(slow, Limits(seconds=0.2))) as client:
        try:
            assert "No answer within 0.2 s. Send fewer posts" in detail(post(client, {"texts": "a"}), 504)
        finally:
            go_on.set()
        assert post(client, {"texts": "a"}).status_code in (200, 504)
        assert client.get("/health").json()["waiting_posts"] == 0


def test_more_bytes_than_may_be_held_at_once_are_refused_with_when_to_ask_again(predictor):
    begun, go_on, answers = threading.Event(), threading.Event(), []

    def wait(texts):
        begun.set()
        go_on.wait(300)

    with TestClient(create_app(Watched(predictor, wait), Limits(held=20))) as client:
        first = threading.Thread(target=lambda: answers.append(post(client, {"texts": "a"})))
        first.start()
        try:
            assert begun.wait(300)
            refused = post(client, {"texts": "b"})
        finally:
            go_on.set()
            first.join()
        assert detail(refused, 503) == "Too many requests at once. Ask again in a moment."
        assert refused.headers["retry-after"] == "1"
        assert answers[0].status_code == post(client, {"texts": "b"}).status_code == 200


HERE = ("localhost", "127.0.0.1", "[::1]", "*.example.com")


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("localhost:8000", True),
        ("LOCALHOST", True),
        ("127.0.0.1:1", True),
        ("[::1]:8000", True),
        ("a.example.com", True),
        ("example.com.evil.org", False),
        ("rebound.evil.org:8000", False),
        ("localhost.evil.org", False),
        ("a b", False),
        ("", False),
    ],
)
def test_a_request_must_call_the_service_by_one_of_its_names(predictor, host, known):
    with TestClient(create_app(predictor, hosts=HERE), base_url="http://localhost") as client:
        for path in ("/", "/health", "/model"):
            answer = client.get(path, headers={"Host": host})
            if known:
                assert answer.status_code == 200
            else:
                told = detail(answer, 400)
                assert told == f"This service has no name '{host}'; --allowed-host adds one."


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://behind.a.proxy"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:3000"}, 403),
        ({"Origin": "http://testserver"}, 200),
        ({"Origin": "https://evil.org"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_a_page_of_another_site_may_link_here_but_not_ask(client, headers, status):
    answer = post(client, {"texts": "a"}, **headers)
    assert answer.status_code == status
    if status == 403:
        assert detail(answer, 403).startswith("Pages of other sites may not use this service.")
    assert client.get("/", headers=headers).status_code == 200


MANY = Limits(csv_fields=50, csv_columns=20, csv_lines=30)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"text\n" + b"\n" * 40 + b"a\n", "more than 30 lines"),
        (b",".join(b"%d" % i for i in range(21)) + b"\n1\n", "more than 20 columns"),
        (b",".join(b"%d" % i for i in range(21)), "more than 20 columns"),
        (b'"a\n' + b'","' * 21 + b'"\n', "more than 20 columns"),
        (b"a,text\n" + b",,,,,,,,\n" * 9, "more than 50 fields"),
        (b"sep=x\n" + b"ax" * 21 + b"\n", "more than 20 columns"),
    ],
)
def test_a_csv_that_would_be_long_to_read_is_refused_unread(predictor, body, said):
    with TestClient(create_app(predictor, MANY)) as client:
        answer = client.post(
            "/predict/csv?text_column=text&quoting=csv", content=body, headers={"Content-Type": "text/csv"}
        )
        assert detail(answer, 413) == f"The CSV has {said}. Send it in parts."


def test_a_million_faults_are_one_sentence(client):
    assert detail(post(client, b'{"texts": [' + b"1," * 400_000 + b"1]}"), 422) == "texts[0]: expected a text, found 1."


def test_a_model_that_gives_nan_is_a_500_with_its_reason_and_never_a_label(settings, tmp_path):
    import torch
    from tests.predictor.conftest import save_plain

    from tweet_sentiment.predictor import Predictor

    broken = Predictor.load(save_plain(settings, tmp_path / "model"), device="cpu", precision="fp32")
    with torch.no_grad():
        broken.backend.model.classifier.bias[0] = float("nan")
    with TestClient(create_app(broken)) as client:
        assert "logits that are not finite" in detail(post(client, {"texts": "a"}), 500)


def test_a_fault_of_ours_is_a_500_without_its_traceback(predictor):
    def fail(texts):
        raise ZeroDivisionError("inner workings")

    with TestClient(create_app(Watched(predictor, fail)), raise_server_exceptions=False) as client:
        said = detail(post(client, {"texts": "a"}), 500)
        assert "its log says more" in said
        assert "inner workings" not in said
        assert client.get("/health").status_code == 200


@pytest.mark.parametrize("name", ["posts", "seconds", "characters", "body"])
@pytest.mark.parametrize("value", [0, -1])
def test_a_limit_that_nothing_passes_is_refused(name, value):
    with pytest.raises(StudyError, match=f"The limit {name} is {value}: give a number above 0"):
        Limits(**{name: value})

"""Nothing that is sent makes a 500: requests made from the OpenAPI document, and texts and bodies of any kind.

400 requests, or 10,000 in a minute: ``pytest -m slow tests/serving/test_fuzz.py``.
"""

import json
from urllib.parse import urlencode

import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from schemathesis import GenerationMode, checks
from starlette.testclient import TestClient

from tweet_sentiment.serving.app import create_app
from tweet_sentiment.serving.limits import Limits

FEW, MANY = 400, 10_000  # requests
SIZES = [FEW, pytest.param(MANY, marks=pytest.mark.slow)]
PARTS = 4  # tests that share them; the first has many parts
KEY = "secret"
LIMITS = Limits(posts=20, explained_posts=3, characters=500)
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


def asked(requests, share, property_, **strategies):
    """Check a property on so many requests, and do not keep what was found between runs."""
    often = hypothesis_settings(
        max_examples=max(10, requests // PARTS // share), suppress_health_check=list(HealthCheck), database=None
    )
    often(given(**strategies)(property_))()


@pytest.fixture(scope="module")
def client(predictor):
    with TestClient(
        create_app(predictor, LIMITS, KEY), raise_server_exceptions=False, headers={"X-API-Key": KEY}
    ) as client:
        yield client


@pytest.fixture(scope="module")
def document(predictor):
    return schemathesis.openapi.from_asgi("/openapi.json", create_app(predictor, LIMITS, KEY))


PATHS = ["POST /predict", "POST /explain", "POST /predict/csv", "GET /health", "GET /model", "GET /metrics"]


@pytest.mark.parametrize("requests", SIZES)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fit", "unfit"])
@pytest.mark.parametrize("operation", PATHS)
def test_requests_from_the_document_get_what_the_document_promises(document, operation, mode, requests):
    method, path = operation.split()
    if mode is GenerationMode.NEGATIVE and method == "GET":
        pytest.skip("it takes nothing that could be unfit")
    required = [*CHECKS, checks.negative_data_rejection] if path != "/predict/csv" else CHECKS  # any text is a CSV

    def answers(case):
        case.call_and_validate(headers={"X-API-Key": KEY}, checks=required)

    made = document[path][method].as_strategy(generation_mode=mode)
    asked(requests, 6 if method == "POST" else 60, answers, case=made)


ANY_TEXT = st.text(st.characters(), max_size=600)  # lone surrogates and NUL too
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT | st.just("texts"), inner, max_size=4),
    max_leaves=20,
)


def answered(client, path, content, kind="application/json"):
    """Send a body, and check that the answer is an answer or says what to put right."""
    answer = client.post(path, content=content, headers={"Content-Type": kind})
    assert answer.status_code < 500, (answer.status_code, answer.text, content)
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert len(answer.json()["detail"]) > 10
    return answer


def at_fault(text):
    half = any(0xD800 <= ord(character) <= 0xDFFF for character in text)
    return not text.strip() or "\0" in text or half or len(text) > LIMITS.characters


@pytest.mark.parametrize("requests", SIZES)
def test_any_texts_get_as_many_labels_or_a_reason(client, requests):
    def answers(texts):
        answer = answered(client, "/predict", json.dumps({"texts": texts}).encode())
        if answer.status_code == 200:
            assert [one["text"] for one in answer.json()] == texts
            for one in answer.json():
                assert one["label"] == max(one["probabilities"], key=one["probabilities"].get)
                assert sum(one["probabilities"].values()) == pytest.approx(1)
        else:
            assert not texts or any(map(at_fault, texts))

    asked(requests, 1, answers, texts=st.lists(ANY_TEXT, max_size=4))


@pytest.mark.parametrize("requests", SIZES)
def test_any_json_gets_an_answer_or_a_reason(client, requests):
    def answers(value, path):
        answered(client, path, json.dumps(value).encode())

    asked(requests, 1, answers, value=ANY_JSON, path=st.sampled_from(["/predict", "/explain"]))


MARKS = ['"', ",", "\n", "\r", ";", "\t", "|", "\0", " ", "a", "text", "sep=", "\ufeff", "é", "\u2028", "=1+1"]
CSV_MARKS = st.lists(st.sampled_from(MARKS), max_size=60).map("".join)
CODECS = st.sampled_from(["utf-8", "utf-16", "utf-16-le", "utf-32", "cp1252", "latin-1"])
CSV_CELLS = st.lists(st.lists(st.text(st.characters(codec="utf-8"), max_size=9), max_size=3).map(",".join))
ANY_BODY = st.binary(max_size=300) | st.builds(lambda text, codec: text.encode(codec, "replace"), CSV_MARKS, CODECS)
ANY_BODY |= CSV_CELLS.map(lambda rows: "\n".join(["id,text,more", *rows]).encode())


@pytest.mark.parametrize("requests", SIZES)
def test_any_bytes_get_an_answer_or_a_reason(client, requests):
    csv = {
        "text_column": st.sampled_from(["", "text", "0", "a"]),
        "header": st.sampled_from(["auto", "true", "false"]),
        "delimiter": st.sampled_from(["auto", ",", ";", "\t", "|"]),
        "quoting": st.sampled_from(["auto", "csv", "none"]),
        "encoding": st.sampled_from(["auto", "utf-8", "utf-16", "cp1252"]),
        "prefix": st.sampled_from(["", "predicted_"]),
    }
    paths = st.sampled_from(["/predict", "/explain"]) | st.fixed_dictionaries({}, optional=csv).map(
        lambda query: f"/predict/csv?{urlencode(query)}"
    )
    kinds = st.sampled_from(["application/json", "text/csv", "text/plain", "application/octet-stream", ""])

    def answers(body, path, kind):
        answered(client, path, body, kind)

    asked(requests, 1, answers, body=ANY_BODY, path=paths, kind=kinds)

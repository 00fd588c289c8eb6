"""The figures of the service beside the pipeline's: what is divided by what, and clients that count every error."""

import threading
from socketserver import StreamRequestHandler, ThreadingTCPServer

import pytest
from benchmarks.serving import OURS, PIPELINES, markdown, ratios
from benchmarks.serving_load import load
from benchmarks.serving_sides import posts
from tests.predictor import conftest as models
from tests.serving.conftest import on_http

from tweet_sentiment.serving.limits import Limits

settings, plain_folder, predictor = models.settings, models.plain_folder, models.predictor


def side(rate, p50):
    return {"rows_per_second": rate, "p50_ms": p50, "p95_ms": 2 * p50, "peak_mb": 500.0}


def clients(rate, p50, count):
    served = {"clients": count, "requests": 100, "errors": 0, "memory_before_mb": 400.0, "memory_after_mb": 401.0}
    return side(rate, p50) | served


SIDES = dict(zip((*PIPELINES, *OURS), map(side, (100, 80, 400, 600, 450, 790), (10, 9, 8, 6, 3, 2)), strict=True))
HTTP = {"one": clients(200, 4, 1), "many": clients(500, 90, 50)}


def test_rates_stand_over_the_better_pipeline_and_times_over_the_plain_one():
    assert ratios(SIDES, HTTP) == {
        "torch_fp32": 4,
        "torch_auto": 6,
        "onnx_fp32": 4.5,
        "onnx_int8": 7.9,
        "p50 in process": 0.2,
        "p50 over HTTP": 0.4,
        "many clients": 2.5,
        "errors": 0,
        "memory": 401 / 400,
    }


def test_a_target_that_was_missed_is_said():
    found = {
        "settings": {"posts": 9, "threads": 2, "model": "best"},
        "sides": SIDES,
        "http": HTTP,
        "ratios": ratios(SIDES, HTTP),
    }
    lines = markdown(found).splitlines()
    met = {line.split("|")[1].strip().split(":")[0]: line.split("|")[4].strip() for line in lines if "= " in line}
    assert met["onnx_int8"] == "no"  # 7.9 of 8
    assert met["torch_fp32"] == "yes"
    assert len(met) == 9


def test_clients_send_every_request_once_and_count_what_failed(predictor):
    with on_http(predictor) as address:
        found = load(int(address.rpartition(":")[2]), clients=7, requests=60)
    assert (found["requests"], found["errors"], found["clients"]) == (60, 0, 7)
    assert found["rows_per_second"] > 0
    assert found["memory_after_mb"] > 10
    with on_http(predictor, Limits(characters=40)) as address:
        found = load(int(address.rpartition(":")[2]), clients=3, requests=60)
    assert found["errors"] == sum(len(text) > 40 for text in posts(60))
    assert "at most 40 per post" in found["first_error"]


@pytest.mark.parametrize("rows", [1, 5, 3000])
def test_as_many_posts_as_asked_for_and_none_is_blank(rows):
    found = posts(rows)
    assert len(found) == rows
    assert all(text.strip() for text in found)


class BreaksOff(StreamRequestHandler):
    """Answers what memory is taken, and anything else by half."""

    def handle(self):
        request, length = self.rfile.readline(), 0
        while header := self.rfile.readline().strip():
            if header.lower().startswith(b"content-length:"):
                length = int(header.partition(b":")[2])
        self.rfile.read(length)
        body = b"process_resident_memory_bytes 1048576\n"
        shown = body if b"/metrics" in request else body[:5]
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), shown))


def test_an_answer_that_breaks_off_is_counted_and_the_next_request_is_sent():
    with ThreadingTCPServer(("127.0.0.1", 0), BreaksOff) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found = load(server.server_address[1], clients=2, requests=6)
        server.shutdown()
    assert (found["errors"], found["requests"]) == (6, 6)
    assert "IncompleteReadError" in found["first_error"]

"""The best model goes to the Hub with its card, whole; where it cannot, one message says why."""

import base64
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml
from click.testing import CliRunner

from tweet_sentiment.cli import cli
from tweet_sentiment.manifests import write_manifest

CARD = "---\nlicense: apache-2.0\npipeline_tag: text-classification\n---\n\n# A model\n"
CLOSED = "http://127.0.0.1:9"  # the port "discard", which nobody listens on


class Hub(BaseHTTPRequestHandler):
    """As much of the Hub's API as an upload asks for; notes what it is told."""

    def do_POST(self):
        told = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.asked.append((self.path, self.headers["Authorization"], told))
        if self.server.refuses:
            return self._answer(403, {"error": "not yours"})
        if self.path == "/api/repos/create":
            return self._answer(200, {"url": f"{self.server.address}/me/sorter", "name": "me/sorter"})
        if self.path == "/api/validate-yaml":
            return self._answer(200, {"errors": [], "warnings": []})
        if "/preupload/" in self.path:
            files = [
                {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False}
                for one in json.loads(told)["files"]
            ]
            return self._answer(200, {"files": files})
        return self._answer(200, {"commitUrl": f"{self.server.address}/me/sorter/commit/1", "commitOid": "1"})

    def _answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextmanager
def hub(refuses=False):
    """Serve the stand-in on a free port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        server.asked, server.refuses = [], refuses
        server.address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def folder(tmp_path):
    """A promoted model, and no token."""
    best = tmp_path / "best"
    best.mkdir()
    (best / "model.safetensors").write_bytes(b"weights")
    write_manifest(best, {"technique": "lora", "labels": ["a", "b"]})
    (best / "README.md").write_text(CARD, encoding="utf-8")
    return best


def pushed(folder, monkeypatch, endpoint, token="secret"):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", endpoint)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN_PATH", str(folder / "no token"))
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(folder / "no token"))
    monkeypatch.setenv("HF_TOKEN", token)
    return CliRunner().invoke(cli, ["promote", "--push-to-hub", "me/sorter", "--model", str(folder)])


def test_every_file_is_uploaded_to_a_private_repository_with_the_token(folder, monkeypatch):
    with hub() as server:
        done = pushed(folder, monkeypatch, server.address)
        assert done.exit_code == 0, done.output
        assert done.stdout == f"{folder} is at {server.address}/me/sorter\n"
    assert {token for _, token, _ in server.asked} == {"Bearer secret"}
    told = {path.rpartition("/")[2] if "commit" in path else path: body for path, _, body in server.asked}
    created = json.loads(told["/api/repos/create"])
    assert (created["name"], created["organization"], created["visibility"]) == ("sorter", "me", "private")
    lines = [json.loads(line) for line in told["main"].splitlines()]
    files = {one["value"]["path"]: base64.b64decode(one["value"]["content"]) for one in lines if one["key"] == "file"}
    assert files == {path.name: path.read_bytes() for path in folder.iterdir()}
    assert yaml.safe_load(files["README.md"].decode().split("---")[1])["license"] == "apache-2.0"


@pytest.mark.parametrize("missing", ["token", "network", "card", "right"])
def test_where_it_cannot_one_message_says_why_and_nothing_is_uploaded(folder, monkeypatch, missing):
    words = {"token": "no token for the Hugging Face Hub", "network": f"({CLOSED}) does not answer"}
    words |= {"card": "has no card (README.md)", "right": "The Hub refuses me/sorter: "}
    if missing == "card":
        (folder / "README.md").unlink()
    with hub(refuses=missing == "right") as server:
        address = CLOSED if missing == "network" else server.address
        done = pushed(folder, monkeypatch, address, "" if missing == "token" else "secret")
        assert done.exit_code == 1
        assert words[missing] in done.stderr
        assert "Traceback" not in done.output
        assert not [path for path, _, _ in server.asked if "commit" in path]

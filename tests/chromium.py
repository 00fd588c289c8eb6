"""Headless Chromium, driven by its DevTools protocol (https://chromedevtools.github.io/devtools-protocol/)."""

import base64
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from io import BytesIO
from pathlib import Path

from websockets.sync.client import connect

NAME = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MISSING = "there is no Chromium here: apt-get install chromium"
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
]
KEYS = {"Tab": (9, ""), "Enter": (13, "\r"), " ": (32, " "), "Escape": (27, "")}
CONTROL = 2
PATIENCE = 120  # seconds
CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")  # how many texts, and which are too weak


class Browser:
    """One tab. ``requests`` are the addresses it asked for, ``complaints`` what it logged as errors."""

    def __init__(self):
        self.requests, self.complaints, self._number = [], [], 0

    def __enter__(self):
        self._folder = tempfile.mkdtemp()
        arguments = [NAME, *ARGUMENTS, f"--user-data-dir={self._folder}", "about:blank"]
        self._process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        port = self._port()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
            page = next(one for one in json.load(answer) if one["type"] == "page")
        self._connection = connect(page["webSocketDebuggerUrl"], max_size=None)
        self._socket = self._connection.__enter__()
        for domain in ("Page", "Network", "Log", "Runtime", "DOM", "Accessibility"):
            self.call(f"{domain}.enable")
        self.window(900, 900)
        return self

    def __exit__(self, *_):
        self._connection.__exit__(None, None, None)
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _port(self):
        told, end = Path(self._folder) / "DevToolsActivePort", time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if told.is_file() and (lines := told.read_text().split()):
                return lines[0]
            time.sleep(0.02)
        raise TimeoutError("Chromium did not start")

    def call(self, method, **parameters):
        """Give a command; return its result. What happens meanwhile is noted."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(PATIENCE))
            if message.get("id") == self._number:
                assert "error" not in message, (method, message["error"])
                return message["result"]
            self._note(message)

    def _note(self, message):
        told = message.get("params", {})
        if message["method"] == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif message["method"] == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.complaints.append(told["entry"]["text"])
        elif message["method"] == "Runtime.exceptionThrown":
            self.complaints.append(told["exceptionDetails"]["text"])

    def window(self, width, height, scale=1):
        """Set the size of the page in CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False
        )

    def colours(self, scheme):
        """Prefer light or dark."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, address):
        """Go to an address; return when it is loaded."""
        self.call("Page.navigate", url=address)
        self.until(f"location.href == {json.dumps(address)} && document.readyState == 'complete'")

    def evaluate(self, expression):
        """Return the value of a JavaScript expression."""
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def until(self, expression):
        """Wait until a JavaScript expression is true; return its value."""
        end = time.monotonic() + PATIENCE
        while not (value := self.evaluate(expression)):
            assert time.monotonic() < end, f"never true: {expression}; {self.evaluate('document.body.innerText')}"
            time.sleep(0.02)
        return value

    def type(self, text):
        """Write into what has the focus."""
        self.call("Input.insertText", text=text)

    def press(self, key, modifiers=0):
        """Press and release a key."""
        code, text = KEYS[key]
        told = {"key": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **told)
        self.call("Input.dispatchKeyEvent", type="keyUp", **told)

    def choose(self, selector, path):
        """Choose a file in a form."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def spoken(self):
        """Return what a screen reader gets: role and name of every node that is not hidden from it."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [
            (node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node.get("ignored")
        ]

    def screenshot(self, path, clip=None):
        """Write the page as a PNG of 128 colours, or a box of it."""
        from PIL import Image

        path.parent.mkdir(parents=True, exist_ok=True)
        box = {"clip": clip, "captureBeyondViewport": True} if clip else {}
        taken = base64.b64decode(self.call("Page.captureScreenshot", format="png", **box)["data"])
        Image.open(BytesIO(taken)).convert("RGB").quantize(128).save(path, optimize=True)

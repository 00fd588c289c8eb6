"""The process: a socket that is opened first, uvicorn on it, an orderly end."""

import asyncio
import contextlib
import ipaddress
import logging
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.supervisors import Multiprocess

from tweet_sentiment.errors import StudyError
from tweet_sentiment.interrupts import end_with_parent
from tweet_sentiment.manifests import title
from tweet_sentiment.modeling.batching import threads
from tweet_sentiment.predictor import Predictor
from tweet_sentiment.serving.app import create_app
from tweet_sentiment.serving.limits import Limits
from tweet_sentiment.serving.metrics import SHARED
from tweet_sentiment.serving.middleware import LOOPBACK


def serve(
    model: Path,
    host: str,
    port: int,
    api_key: str | None,
    limits: Limits,
    allowed_host: Sequence[str],
    say: Callable[[str], object],
    workers: int = 1,
    **choice: Any,
) -> None:
    """Load a model, try it once, and serve until told to stop; ``choice`` is of device, fp16 and precision.

    Requests under way are finished first. Those that come while the model is loaded wait. ``allowed_host`` are names
    that requests may call the service by, beside those of loopback; without any, and not on loopback, every name.

    Each of ``workers`` processes has a model and limits of its own, and its part of the threads; figures are of all.
    One that dies is replaced; the new one loads what the folder holds by then.

    Raises:
        StudyError: the model cannot be used, the address cannot be listened on, or the key or a name is none.
    """
    if api_key is not None and not (api_key.strip() and api_key.isascii()):
        raise StudyError("The API key is blank or not ASCII: headers cannot carry it. Choose another, or leave it out.")
    if wrong := [name for name in allowed_host if not name or any(mark in name for mark in "/:@ ")]:
        raise StudyError(f"--allowed-host: '{wrong[0]}' is not the name of a host alone, such as example.com.")
    with bound_socket(host, port) as bound:
        address, port = bound.getsockname()[:2]
        at_home = ipaddress.ip_address(address.partition("%")[0]).is_loopback
        if not api_key and not at_home:
            say("Anyone who can reach this machine can use the service: there is no API key (--api-key).")
        shown = f"[{host}]" if ":" in host else host
        hosts = (shown, *LOOPBACK, *allowed_host) if at_home or allowed_host else ("*",)
        load = partial(loaded_app, model, limits, api_key, hosts, choice)
        app = load()
        name = title(model, app.state.service.predictor.manifest)
        by = f" by {workers} workers" if workers > 1 else ""
        say(
            f"Serving {name} on http://{shown}:{port}{by} (documentation: http://{shown}:{port}/docs); Ctrl-C stops it."
        )
        if workers > 1:
            del app  # it was loaded to see that it can be
            os.environ["OMP_NUM_THREADS"] = str(max(1, threads() // workers))
            with TemporaryDirectory(prefix="tweet-sentiment-") as os.environ[SHARED]:
                Multiprocess(configuration(load, limits, workers=workers, factory=True), [bound]).run()
        else:
            server = uvicorn.Server(configuration(app, limits))
            signal.signal(signal.SIGTERM, server.handle_exit)  # to which uvicorn sends it again after its orderly end
            with contextlib.suppress(KeyboardInterrupt):
                server.run(sockets=[bound])
    say("Stopped.")


def loaded_app(
    model: Path, limits: Limits, api_key: str | None, hosts: Sequence[str], choice: Mapping[str, Any]
) -> FastAPI:
    """Load a model, try it once, and return the application that serves it; ``choice`` as for ``serve``.

    Raises:
        StudyError: the model cannot be used.
    """
    end_with_parent()
    predictor = Predictor.load(model, **choice)
    predictor.records(["a first post, so that the first request does not wait"])
    logging.getLogger("tweet_sentiment.predictor").setLevel(logging.ERROR)  # or each long post were a line
    return create_app(predictor, limits, api_key, model, hosts)


def configuration(app: Any, limits: Limits, **more: Any) -> uvicorn.Config:
    """Return uvicorn's settings: its parser in Python, which alone of those that it has limits the headers."""
    return uvicorn.Config(
        app,
        http=partial(TimedProtocol, limits),  # type: ignore[arg-type]
        log_level="error",  # or each malformed request were a line
        access_log=False,
        server_header=False,
        lifespan="on",
        ws="none",
        h11_max_incomplete_event_size=limits.headers,
        limit_concurrency=limits.connections,
        timeout_graceful_shutdown=limits.stop_seconds,
        timeout_worker_healthcheck=30,  # a worker that is busy with long posts is not hung
        **more,
    )


class TimedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, which also closes slow connections and those above the limit.

    uvicorn itself limits the time between two requests only until the first byte of the next one.
    """

    def __init__(self, limits: Limits, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._limits = limits
        self._waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        if len(self.connections) > self._limits.connections:
            transport.abort()
        self._watch()

    def handle_events(self) -> None:
        """Read what has come; the wait is over when a request's headers are there."""
        super().handle_events()
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        super().connection_lost(exc)
        if self._waiting is not None:
            self._waiting.cancel()

    def _watch(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:  # what takes its time now is the application
            if self._waiting is not None:
                self._waiting.cancel()
            self._waiting = None
        elif self._waiting is None:
            self._waiting = self.loop.call_later(self._limits.header_seconds, self._give_up)

    def _give_up(self) -> None:
        if self.transport.get_write_buffer_size():  # the client is taking an answer
            self._waiting = self.loop.call_later(self._limits.taking_seconds, self.transport.abort)
        else:
            self.transport.abort()


def bound_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens on the address; port 0 takes a free one.

    Raises:
        StudyError: the address is taken, or not one of this machine's.
    """
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError) as error:
        raise StudyError(
            f"Cannot listen on {host}:{port}: {error}.\n  Choose another address; --port 0 takes a free port."
        ) from None

"""The process: a socket that is ours before anything else, uvicorn on it, an orderly end."""

import contextlib
import ipaddress
import logging
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn

from tweet_sentiment.errors import StudyError
from tweet_sentiment.manifests import title
from tweet_sentiment.predictor import Predictor
from tweet_sentiment.serving.app import create_app
from tweet_sentiment.serving.schemas import Limits

CONNECTIONS = 2000  # at once, idle ones too; more get uvicorn's own 503, in plain text
GRACE = 20  # seconds for requests under way when the service is told to stop


def serve(
    model: Path, host: str, port: int, api_key: str | None, limits: Limits, say: Callable[[str], object], **choice: Any
) -> None:
    """Load a model, try it once, and serve until told to stop; ``choice`` is of device, fp16 and precision.

    Requests under way are finished first. Those that come while the model is loaded wait.

    Raises:
        StudyError: the model cannot be used, or the address cannot be listened on.
    """
    if api_key is not None and not (api_key.strip() and api_key.isascii()):
        raise StudyError("The API key is blank or not ASCII: headers cannot carry it. Choose another, or leave it out.")
    with bound_socket(host, port) as bound:
        predictor = Predictor.load(model, **choice)
        predictor.records(["a first post, so that the first request does not wait"])
        logging.getLogger("tweet_sentiment.predictor").setLevel(logging.ERROR)  # or each long post were a line
        address, port = bound.getsockname()[:2]
        if not api_key and not ipaddress.ip_address(address.partition("%")[0]).is_loopback:
            say("Everybody who reaches this machine can ask: there is no API key (--api-key).")
        shown = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        name = title(model, predictor.manifest)
        config = uvicorn.Config(
            create_app(predictor, limits, api_key, model),
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="on",
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=GRACE,
        )
        server = uvicorn.Server(config)
        signal.signal(signal.SIGTERM, server.handle_exit)  # to which uvicorn sends it again after its orderly end
        say(f"Serving {name} on {shown} (documentation: {shown}/docs); Ctrl-C stops it.")
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[bound])
    say("Stopped.")


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

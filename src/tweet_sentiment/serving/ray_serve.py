"""The service on Ray Serve: ``serve run tweet_sentiment.serving.ray_serve:application model=FOLDER replicas=2``."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from tweet_sentiment.errors import StudyError, extra
from tweet_sentiment.serving.limits import HOSTS, KEY, Limits


def application(given: Mapping[str, str]) -> Any:
    """Return the application of ``kedro serve`` as a deployment, each replica with a model and limits of its own.

    ``given`` has ``model``, a folder that every machine has, and if wanted ``replicas`` and ``device``. API key and
    names that requests may call the service by come from the environment, as there. Connections are those of Ray's
    proxy: our limits of connections, headers and their time do not hold there.

    Raises:
        StudyError: no model is named, or something else that is not known.
    """
    with extra("ray", "Ray Serve"):
        from ray import serve
    if "model" not in given or (unknown := given.keys() - {"model", "replicas", "device"}):
        found = f"unknown: {', '.join(sorted(unknown))}" if "model" in given else "no model"
        raise StudyError(f"Expected model=FOLDER, and replicas= and device= if wanted; {found}.")
    model, device = Path(given["model"]).absolute(), given.get("device", "auto")
    api_key, hosts = os.environ.get(KEY) or None, os.environ.get(HOSTS, "").split()

    def build() -> FastAPI:
        from tweet_sentiment.serving.server import loaded_app

        return loaded_app(model, Limits(), api_key, hosts or ["*"], {"device": device})

    replica = serve.ingress(build)()
    return serve.deployment(replica, name="tweet-sentiment", num_replicas=int(given.get("replicas", 1))).bind()

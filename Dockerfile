# The service on a CPU: docker build -t tweet-sentiment . ; the model comes in by a volume (compose.yaml).
FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
# The index's own torch brings several GB of CUDA; this is the same version without.
RUN python -m venv .venv \
    && .venv/bin/python -m pip install --index-url https://download.pytorch.org/whl/cpu torch==2.13.0
COPY Makefile README.md pyproject.toml requirements*.lock ./
COPY src src
RUN make setup PYTHON=python

FROM python:3.11-slim-bookworm
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DO_NOT_TRACK=1 \
    HF_HUB_OFFLINE=1 \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp
WORKDIR /app
COPY --from=build /app /app
COPY .telemetry ./
COPY conf conf
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
CMD ["kedro", "serve", "--model", "/model", "--host", "0.0.0.0", "--port", "8000"]

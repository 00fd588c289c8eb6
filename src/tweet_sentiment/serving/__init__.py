"""A model over HTTP: FastAPI, batches of concurrent requests, limits, metrics and a page. No Kedro."""

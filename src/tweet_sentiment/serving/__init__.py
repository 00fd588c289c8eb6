"""A model over HTTP: FastAPI, batches of what arrives together, limits, metrics and a page. No Kedro."""

"""The pipelines: they wire nodes; they do not import each other."""

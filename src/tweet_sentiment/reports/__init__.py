"""The report: tables, figures, Markdown and one HTML page, from tables and figures alone; no torch, no Kedro."""

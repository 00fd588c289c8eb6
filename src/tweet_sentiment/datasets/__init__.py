"""Kedro datasets of our own. All of them are written whole or not at all."""

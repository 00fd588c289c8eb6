"""Scores, intervals, comparisons of techniques and calibration, from tables of predictions, without torch."""

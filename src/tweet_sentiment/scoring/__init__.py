"""How sure the figures are: intervals, comparisons of techniques, calibration; tables of predictions in, no torch."""

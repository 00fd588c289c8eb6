"""Experiments that vary one setting of a technique: blocks, heads, trainings, sizes, cleaning."""

"""Distillation: one model of the encoder's size learns what several say."""

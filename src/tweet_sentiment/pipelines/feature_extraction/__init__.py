"""The frozen encoder, run once over every post."""

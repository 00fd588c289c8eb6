"""Layer unfreezing: the head learns, the encoder stays as it was."""

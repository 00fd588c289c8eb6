"""Domain adaptation: before any technique starts, the encoder learns to guess masked words, without labels."""

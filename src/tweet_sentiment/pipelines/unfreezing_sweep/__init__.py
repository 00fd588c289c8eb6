"""Layer unfreezing with the top 0, 1, 2 … blocks of the encoder: what each brings, and costs."""

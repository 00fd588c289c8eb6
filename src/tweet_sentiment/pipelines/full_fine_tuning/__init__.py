"""Full fine-tuning: every layer learns, the lower ones less."""

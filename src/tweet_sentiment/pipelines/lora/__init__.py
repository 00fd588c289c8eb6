"""LoRA or IA3: small additions to frozen weights learn, and are merged into them."""

"""The pages of ``docs/`` that are made from the project itself: ``python -m documentation`` writes them."""

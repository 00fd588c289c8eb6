"""Techniques trained on more and more of the posts: what is measured, and what all of them would give."""

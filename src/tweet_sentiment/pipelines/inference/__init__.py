"""A trained model over a file of posts."""

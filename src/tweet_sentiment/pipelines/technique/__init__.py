"""One technique, trained and repeated: a namespace each."""

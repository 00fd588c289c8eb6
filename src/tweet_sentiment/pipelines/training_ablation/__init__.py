"""One technique trained in several ways, one change at a time: what makes training better, and what does not."""

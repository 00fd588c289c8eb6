"""Make the pages of this site that come from the project itself: ``python -m docs._make``, or ``make pages``."""

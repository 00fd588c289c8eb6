"""The one exception that is shown to a person as it stands, without a traceback."""


class StudyError(Exception):
    """Something the user can put right; the message says what was found, what was expected and what to do."""

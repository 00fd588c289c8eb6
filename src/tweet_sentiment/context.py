"""Kedro's context: parameters are completed from the training file, and checked before anything else is done."""

from functools import cached_property
from typing import Any

from kedro.framework.context import KedroContext

from tweet_sentiment.schema import validate
from tweet_sentiment.storage import refuse_address


class StudyContext(KedroContext):
    """The context whose ``params:`` inputs are typed models, one for each section of ``conf``.

    Raises:
        StudyError: a parameter is missing, unknown or wrong, or the training file does not tell what was left to it.
    """

    @property
    def params(self) -> dict[str, Any]:
        """Return the models by section; ``study`` and ``compute`` bring together what stands at the top level."""
        return self._sections

    @cached_property
    def _sections(self) -> dict[str, Any]:
        from tweet_sentiment.data.inspection import found_out, leaves_open
        from tweet_sentiment.data.lines import RawFile

        raw = self.config_loader["parameters"]
        if leaves_open(raw):
            file = raw["data"]["training_file"]
            refuse_address(file, "data.training_file")
            raw = found_out(raw, RawFile.at(self.project_path / file))
        return validate(raw)

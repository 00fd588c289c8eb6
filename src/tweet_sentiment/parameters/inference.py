"""Parameters of the inference pipeline."""

from typing import Literal

from tweet_sentiment.parameters.shared import Delimiter, Encoding, LocalPath, Quoting, Strict


class InferenceParameters(Strict):
    """A file of posts for a trained model; ``kedro predict --csv`` does the same in constant memory, and resumably.

    ``model``: a model folder; ``file``: CSV, Parquet or JSON Lines; ``delimiter``, ``quoting`` and ``encoding`` as in
    ``data``. ``text_column`` is a name; a position where ``header`` is false. ``entity_column``, if the model reads
    entities, likewise. ``on_error``: a faulty row is kept without a label, or stops the run. ``prefix`` stands before
    the names of the columns that are added.
    """

    model: LocalPath
    file: LocalPath | None
    header: bool
    delimiter: Delimiter
    quoting: Quoting
    encoding: Encoding
    text_column: str | int
    entity_column: str | int | None
    on_error: Literal["keep", "stop"]
    prefix: str

"""Which parameters a node reads. It is deterministic: while those keep their values, it reads no others."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import PrivateAttr

from tweet_sentiment.parameters import StudyParameters

FIELDS = frozenset(StudyParameters.model_fields)
_EXACT = {"mode", "include", "exclude"}  # of model_dump: what these leave in, and only that, has been read


class TracedParameters(StudyParameters):
    """The parameters, which note their top-level fields as they are read; whoever takes them whole has read all."""

    _plain: StudyParameters = PrivateAttr()
    _read: set[str] = PrivateAttr()

    @classmethod
    def of(cls, parameters: StudyParameters, read: set[str] | None = None) -> Self:
        """Return a copy that notes in ``read`` what is read of it."""
        fields = {name: getattr(parameters, name) for name in FIELDS}
        return cls.model_construct(**fields, _plain=parameters, _read=set() if read is None else read)

    @property
    def fields_read(self) -> frozenset[str]:
        """What has been read so far, of this copy and of copies of it."""
        return frozenset(self._read)

    def __getattribute__(self, name: str) -> Any:
        if name in FIELDS or name == "__dict__":  # by which pydantic compares, prints, copies and pickles
            private = object.__getattribute__(self, "__pydantic_private__")
            private["_read"].update(FIELDS if name == "__dict__" else {name})
        return super().__getattribute__(name)

    def model_dump(self, **options: Any) -> dict[str, Any]:
        """Dump as usual; the fields that are dumped have been read."""
        dumped = self._plain.model_dump(**options)
        self._read.update(dumped if options.keys() <= _EXACT else FIELDS)
        return dumped

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy as usual; what is read of the copy counts too, and copying alone reads nothing."""
        return self.of(self._plain.model_copy(update=update, deep=deep), self._read)

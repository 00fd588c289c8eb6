"""What the models of all parameters share: strictness, and types with limits."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from tweet_sentiment.storage import REMEDY, is_address


def _local(path: str) -> str:
    if is_address(path):
        raise ValueError(f"an address, and {REMEDY}")
    return path


def distinct(items: list[Any]) -> list[Any]:
    """Refuse a list that holds one twice."""
    if len(set(items)) < len(items):
        raise ValueError("the list holds one twice")
    return items


def _as_label(label: object) -> object:
    return str(label).lower() if isinstance(label, bool) else str(label) if isinstance(label, int | float) else label


def _without_nulls(value: Any) -> Any:
    return {name: one for name, one in value.items() if one is not None} if isinstance(value, dict) else value


WithoutNulls = BeforeValidator(_without_nulls)  # of a map with names of its own: null takes a name out
Label = Annotated[str, BeforeValidator(_as_label)]  # YAML's 1 and true are the texts "1" and "true" of a file
LocalPath = Annotated[str, Field(min_length=1), AfterValidator(_local)]
Protocol = Annotated[str, Field(pattern=r"^(published|leak_free|grouped(_[1-9]\d*_of_[1-9]\d*)?)$")]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Run = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Seeds = Annotated[list[Seed], Field(min_length=1), AfterValidator(distinct)]
PositiveInt = Annotated[int, Field(ge=1)]
NonNegativeInt = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(gt=0, lt=1)]
LearningRate = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
WeightDecay = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Delimiter = Annotated[
    str, BeforeValidator(lambda given: "\t" if given == r"\t" else given), Field(pattern=r"(?s)^(.|auto)$")
]
Quoting = Literal["auto", "csv", "none"]
Encoding = Annotated[str, Field(min_length=1)]

NOT_SHOWN = "not_shown"  # the type of an error whose message must not show the value, which may hold a password
MAX_POSITIONS = 512  # that virtual tokens and word pieces share; an encoder with fewer says so when it is loaded


class Strict(BaseModel):
    """A section of conf, or a part of one; ``NOT_DECISIVE``: the keys that change no result of a training or search."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
    NOT_DECISIVE: ClassVar[frozenset[str]] = frozenset()

    def identity(self) -> dict[str, Any]:
        """Return what results are stored under: all that decides about them."""
        return self.model_dump(exclude=set(self.NOT_DECISIVE))

    def under(self, **changes: Any) -> Self:
        """Return the section with those of the changes that it has a key for."""
        return self.model_copy(update={name: one for name, one in changes.items() if name in type(self).model_fields})

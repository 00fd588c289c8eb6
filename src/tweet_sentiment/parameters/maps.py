"""Which maps of the parameters replace each other whole: those with names of their own, and those of several models."""

from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, BeforeValidator


def _without_nulls(value: Any) -> Any:
    return {name: one for name, one in value.items() if one is not None} if isinstance(value, dict) else value


WithoutNulls = BeforeValidator(_without_nulls)  # of a map with names of its own: null takes a name out


def without_replaced(values: dict[str, Any], later: dict[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """Return ``values`` without the maps that those of ``later`` replace; the rest is to be merged key by key.

    A map with names of its own (``dict[str, …]``) is replaced by a later one. If that sets a name to null, it changes
    the earlier map instead, and the name is taken out. A map of one of several models is replaced by one of another,
    told by its keys.
    """
    kept = dict(values)
    for name in later.keys() & values.keys() & model.model_fields.keys():
        old, new = values[name], later[name]
        if not (isinstance(old, dict) and isinstance(new, dict)):
            continue
        kinds = list(kinds_of(model.model_fields[name].annotation))
        models = [kind for kind in kinds if kind is not dict]
        if dict in kinds and None not in new.values():
            del kept[name]
        elif len(models) == 1:
            kept[name] = without_replaced(old, new, models[0])
        elif models and not any(old.keys() | new.keys() <= one.model_fields.keys() for one in models):
            del kept[name]
    return kept


def kinds_of(annotation: Any) -> Iterator[Any]:
    """Yield the kinds of map that an annotation allows: models, and ``dict`` for one with names of its own."""
    origin = get_origin(annotation) or annotation
    if origin is dict or (isinstance(origin, type) and issubclass(origin, BaseModel)):
        yield origin
    elif origin is Annotated:
        yield from kinds_of(get_args(annotation)[0])
    elif origin is not list:
        for one in get_args(annotation):
            yield from kinds_of(one)

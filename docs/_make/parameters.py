"""The page of parameters, from the typed models and from ``conf``."""

import inspect
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import yaml

from tweet_sentiment.configuration import ConfigLoader
from tweet_sentiment.parameters import Study
from tweet_sentiment.schema import Conf
from tweet_sentiment.settings import CONFIG_LOADER_ARGS

ENVIRONMENTS = ("kaggle", "paper")
_LIMITS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "&gt; {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "&lt; {}",
}

_ABOUT = """# Parameters

Made by `make pages` from the models in `src/tweet_sentiment/parameters.py` and `techniques`, and the values in
`conf/base`; the last column shows values that differ under `--env=kaggle` and `--env=paper`. Set any of them for one
run, `kedro run --params=lora.r=8,seed=7`, or for all runs in `conf/local/parameters.yml`. An unknown name or a wrong
value is refused before anything runs.

Maps are merged key by key, in `conf` and in `--params`, with two exceptions. A map whose names you choose
(`training_ablation.variants`, `reporting.paper_accuracy`, `training.class_weights`) replaces the one in `conf/base`;
but a map that sets a name to null only removes that name: `variants: {entity: null}`. The keys of another pruner
replace the pruner: `pruner: {min_resource: 1, reduction_factor: 3}`. The values of the sample in `conf/base`
(`labels`, `data`) apply only to the project's own files: [Your own data](your_data.md).
"""


def parameters_page(conf: Path) -> str:
    """Return the page: a section for each top-level key, a row for each value."""
    values = {name: _values(conf, name) for name in ("base", *ENVIRONMENTS)}
    notes, schema = comments(conf / "base"), Conf.model_json_schema()
    rows = list(leaves(schema, schema["$defs"]))
    plain = {key: kind for key, kind in rows if "." not in key and key not in _models()}
    parts = [_ABOUT, "## The study\n", _prose(Study), _table(plain.items(), values, notes)]
    for name, model in _models().items():
        below = [(key, kind) for key, kind in rows if key.startswith(f"{name}.")]
        parts += [f"## {name}\n", _prose(model), *([_table(below, values, notes)] if below else [])]
    return "\n".join(parts).rstrip() + "\n"


def _models() -> dict[str, Any]:
    fields = Conf.model_fields
    return {name: field.annotation for name, field in fields.items() if hasattr(field.annotation, "model_fields")}


def _values(conf: Path, environment: str) -> dict[str, Any]:
    """Return ``conf``'s parameters under an environment; ``conf/local`` is not read."""
    loader = ConfigLoader(
        str(conf),
        env=environment,
        base_env="base",
        default_run_env="base",
        merge_strategy=CONFIG_LOADER_ARGS["merge_strategy"],
    )
    return dict(loader["parameters"])


def _prose(model: Any) -> str:
    return inspect.cleandoc(model.__doc__).replace("``", "`") + "\n"


def _table(rows: Any, values: dict[str, dict[str, Any]], notes: dict[str, str]) -> str:
    lines = ["| parameter | type and limits | value | what it says | elsewhere |", "|---|---|---|---|---|"]
    for key, kind in rows:
        found = {name: _show(_at(tree, key)) for name, tree in values.items()}
        others = [f"{name}: {found[name]}" for name in ENVIRONMENTS if found[name] != found["base"]]
        note = re.sub(r"([_*|\\])", r"\\\1", notes.get(key, "")).replace("<", "&lt;")
        lines.append(f"| `{key}` | {kind} | {found['base']} | {note} | {'; '.join(others)} |")
    return "\n".join(lines) + "\n"


def _at(tree: Any, key: str) -> Any:
    for part in key.split("."):
        tree = tree.get(part) if isinstance(tree, dict) else None
    return tree


def _show(value: Any) -> str:
    return literal("".join(_flow(value)))


def _flow(value: Any) -> Iterator[str]:
    """Write a value as YAML's flow style does, as it would stand in ``conf``."""
    if isinstance(value, dict):
        yield "{" + ", ".join(f"{key}: {''.join(_flow(one))}" for key, one in value.items()) + "}"
    elif isinstance(value, list):
        yield "[" + ", ".join("".join(_flow(one)) for one in value) + "]"
    else:
        named = {None: "null", True: "true", False: "false"}
        yield named[value] if value is None or isinstance(value, bool) else str(value) or '""'


def literal(text: str) -> str:
    """Return text as code in a cell of a table, where a bar would end the cell."""
    if "|" not in text:
        return f"`{text}`"
    return f"<code>{escape(text).translate({ord(mark): f'&#{ord(mark)};' for mark in '|*_'})}</code>"


def leaves(schema: dict[str, Any], models: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the full name and the type of each value; a model inside a model is walked into."""
    for name, part in schema.get("properties", {}).items():
        target = _target(part, models)
        if "properties" in target:
            yield from leaves(target, models, f"{prefix}{name}.")
        elif target.get("type") != "object" or "additionalProperties" in target:
            yield f"{prefix}{name}", _kind(part, models)


def _target(part: dict[str, Any], models: dict[str, Any]) -> dict[str, Any]:
    return models[part["$ref"].rpartition("/")[2]] if "$ref" in part else part


def _kind(part: dict[str, Any], models: dict[str, Any]) -> str:
    part = _target(part, models)
    if "anyOf" in part:
        return " or ".join(_kind(one, models) for one in part["anyOf"])
    if "properties" in part:
        return "{" + ", ".join(part["properties"]) + "}"
    if "const" in part or "enum" in part:
        return ", ".join(f"`{one}`" for one in part.get("enum", [part.get("const")]))
    limits = [text.format(part[name]) for name, text in _LIMITS.items() if name in part]
    limits += [f"matching {literal(part['pattern'])}"] if "pattern" in part else []
    return " ".join([_named(part, models), ", ".join(limits)]).rstrip()


def _named(part: dict[str, Any], models: dict[str, Any]) -> str:
    if part.get("type") == "array":
        least = f" at least {part['minItems']}:" if "minItems" in part else ""
        return f"list of{least} {_kind(part['items'], models)}"
    if part.get("type") == "object":
        return "mapping"
    return str(part.get("type", "any"))


def comments(folder: Path) -> dict[str, str]:
    """Return the comment behind each key of the folder's parameters files, by the key's full name."""
    found: dict[str, str] = {}
    for path in sorted(folder.glob("parameters*.yml")):
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text)
        if isinstance(root, yaml.MappingNode):
            found |= dict(_walk(root, "", text.splitlines()))
    return found


def _walk(mapping: yaml.MappingNode, prefix: str, lines: list[str]) -> Iterator[tuple[str, str]]:
    for key, value in mapping.value:
        name = f"{prefix}{key.value}"
        block = isinstance(value, yaml.CollectionNode) and not value.flow_style
        end = key.end_mark if block else value.end_mark
        if comment := re.match(r":?\s*#\s*(.*)", lines[end.line][end.column :]):
            yield name, comment[1].strip()
        if isinstance(value, yaml.MappingNode):
            yield from _walk(value, f"{name}.", lines)

"""The inputs of the report, and its parts."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from tweet_sentiment.reports.tables import HONEST, MAIN_PROTOCOLS, Table

_DIGITS = 16  # of a sha256
PAPER, SAMPLE = "68ebaee4f44bda5d", "ff6b97a6f484db1e"  # twitter_training.csv and sample_training.csv

RunFiles = Mapping[str, Callable[[], Any]]
"""Loaders of a run's files, by path: "leak_free/lora/metrics.json"."""


def load_all(files: RunFiles, file: str, protocols: Collection[str] | None = None) -> dict[str, Any]:
    """Load the files of this name, of these protocols or of all, by "<protocol>" or "<protocol>/<technique>"."""
    ending = f"/{file}"
    found = {path.removesuffix(ending): load for path, load in sorted(files.items()) if path.endswith(ending)}
    return {key: load() for key, load in found.items() if protocols is None or key.partition("/")[0] in protocols}


@dataclass(frozen=True)
class Section:
    """A heading with paragraphs, figures (caption, Plotly figure), tables and commands, shown in this order."""

    title: str
    paragraphs: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    figures: list[tuple[str, Any]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Report:
    """The report: the answers of the summary by question, a note, the main sections, and the appendix."""

    title: str
    answers: dict[str, str]
    note: str
    main: list[Section]
    appendix: list[Section]


@dataclass(frozen=True)
class About:
    """Whether the file is the paper's or the sample, by its hash, and whether it has trusted ids, and entities.

    ``paper``: the report may show the paper's figures and claims; it also does for the sample, to show the project.
    ``off``: the rules of ``data.leak_free`` that were not applied. ``group``: the column of groups, if any.
    """

    paper: bool
    invented: bool
    ids: bool
    entities: bool
    off: frozenset[str] = frozenset()
    group: str | None = None

    @classmethod
    def of(cls, files: dict[str, Any], parameters: dict[str, Any] | None = None) -> "About":
        """Read it from the files of the row counts, and from the parameters with those of the data."""
        training = files.get("training", {})
        known = str(training.get("sha256", ""))[:_DIGITS]
        ids, entities = str(training.get("ids", "trusted")) == "trusted", bool(training.get("entities", True))
        rules = (parameters or {}).get("data", {}).get("leak_free", {})
        off = frozenset(name for name, rule in rules.items() if rule is False)
        group = training.get("group")  # a name or a position
        return cls(
            known in (PAPER, SAMPLE, ""),
            known == SAMPLE,
            ids,
            entities,
            off,
            f"column {group}" if isinstance(group, int) else group,
        )

    @property
    def unit(self) -> str:
        """The unit that a bootstrap draws."""
        if self.group:
            return f"values of {self.group}"
        return ("tweet ids" if self.paper else "ids") if self.ids else "groups of like texts"

    @property
    def shared(self) -> str:
        """What posts on both sides of a split may not share; "" where every rule is off."""
        kinds = {"tweet_id": "a tweet id" if self.paper else "an id"} if self.ids else {}
        kinds |= {"tweet_id": f"a value of {self.group}"} if self.group else {}
        kinds |= {"normalised_text": "a text", "near_duplicate": "a near-duplicate text"}
        *most, last = [words for rule, words in kinds.items() if rule not in self.off] or [""]
        return f"{', '.join(most)} or {last}" if most else last


@dataclass(frozen=True)
class ReportInputs:
    """All inputs of the report.

    ``configured``: the parameters of ``conf``. ``named``: the parameters that name the data, for a run without an
    environment. ``rules``: the sections that the report itself depends on, by name. ``model``: the model
    of all sections.
    """

    run: str
    comparison: pd.DataFrame
    frontier: pd.DataFrame
    claims: pd.DataFrame
    level: float
    files: RunFiles = field(default_factory=dict)
    configured: dict[str, Any] = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)
    rules: dict[str, dict[str, Any]] = field(default_factory=dict)
    model: Any = None

    def of(self, file: str) -> dict[str, Any]:
        """Load the files of this name, of protocols of the comparison, by "<protocol>" or "<protocol>/<technique>"."""
        return load_all(self.files, file, set(self.comparison["protocol"]))

    def figures(self, file: str, first: Sequence[str] = ()) -> list[tuple[str, Any]]:
        """Return the figures of protocols that are not folds: in the order of ``first``, then without the leak."""
        from plotly.graph_objects import Figure

        rank = {key: i for i, key in enumerate(first)}
        shown = {key: one for key, one in self.of(file).items() if key.partition("/")[0] in MAIN_PROTOCOLS}
        place = {key: (rank.get(key, len(rank)), HONEST.index(key.partition("/")[0]), key) for key in shown}
        return [(key, Figure(shown[key])) for key in sorted(shown, key=place.__getitem__)]

    @cached_property
    def accounts(self) -> dict[str, dict[str, Any]]:
        """The row counts, by protocol."""
        return self.of("row_counts.json")

    @cached_property
    def metrics(self) -> dict[str, dict[str, Any]]:
        """The metrics by "<protocol>/<technique>"."""
        return self.of("metrics.json")

    @cached_property
    def audit(self) -> dict[str, Any]:
        """The leakage audit; empty if it has not been run."""
        return self.files["audit.json"]() if "audit.json" in self.files else {}

    @property
    def about(self) -> About:
        """What is known about the data."""
        account = next(iter(self.accounts.values()), {})
        return About.of(account.get("files", {}), account.get("parameters"))

    @cached_property
    def honest_keys(self) -> list[str]:
        """Return "<protocol>/<technique>" of protocols without the leak if any was run.

        The technique chosen on the dev split comes first, under ``leak_free`` before others; then the rest by accuracy.
        """
        honest = self.comparison[self.comparison["protocol"] != "published"]
        rows = (honest if len(honest) else self.comparison).assign(other=lambda rows: rows["protocol"] != "leak_free")
        rows = rows.sort_values(["selected", "other", "accuracy"], ascending=[False, True, False], kind="stable")
        return [f"{row['protocol']}/{row['technique']}" for row in rows.to_dict("records")]

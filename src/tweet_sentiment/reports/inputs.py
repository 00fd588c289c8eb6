"""What the report is made of, and what it is made into."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from tweet_sentiment.reports.about import About
from tweet_sentiment.reports.tables import Table


@dataclass(frozen=True)
class Section:
    """A heading with paragraphs, figures (caption, Plotly figure), tables and commands, shown in this order."""

    title: str
    paragraphs: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    figures: list[tuple[str, Any]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ReportInputs:
    """All that the report is made of; dictionaries are by "<protocol>" or "<protocol>/<technique>".

    ``named``: the parameters that name the data, for a run that no environment of the project makes.
    """

    run: str
    comparison: pd.DataFrame
    audit: dict[str, Any]
    audit_examples: pd.DataFrame
    frontier: pd.DataFrame
    claims: pd.DataFrame
    level: float
    configured: dict[str, Any]
    differences: dict[str, pd.DataFrame]
    accounts: dict[str, dict[str, Any]]
    metrics: dict[str, dict[str, Any]]
    curves: dict[str, Any]
    confusions: dict[str, Any]
    reliabilities: dict[str, Any]
    groups: dict[str, pd.DataFrame]
    mistakes: dict[str, pd.DataFrame]
    ablations: dict[str, pd.DataFrame]
    entities: dict[str, Any]
    histories: dict[str, Any]
    importances: dict[str, Any]
    lengths: dict[str, Any]
    learning_curves: dict[str, pd.DataFrame]
    trainings: dict[str, pd.DataFrame]
    blocks: dict[str, pd.DataFrame]
    heads: dict[str, pd.DataFrame]
    manifests: dict[str, dict[str, Any]]
    named: dict[str, str] = field(default_factory=dict)

    @property
    def about(self) -> About:
        """What holds of the data."""
        return About.of(next(iter(self.accounts.values()), {}).get("files", {}))

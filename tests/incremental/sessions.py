"""Kedro sessions in this process, on a copy of the project."""

from contextlib import chdir, contextmanager
from pathlib import Path

from kedro.framework.project import configure_project, pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.pipeline import Pipeline
from tests.conftest import PROJECT

from tweet_sentiment.incremental.plan import Plan, make_plan


@contextmanager
def _session(project: Path, parameters):
    bootstrap_project(PROJECT)
    configure_project("tweet_sentiment")
    with chdir(project), KedroSession.create(project, env="test", runtime_params=parameters) as session:
        yield session


def run(project: Path, parameters=None, **options) -> None:
    """Run pipelines as ``kedro run`` does."""
    with _session(project, parameters) as session:
        session.run(**options)


def plan(project: Path, parameters=None, *names: str) -> Plan:
    """Return what --only-changed would run of the pipelines of these names, and why; nothing runs."""
    with _session(project, parameters) as session:
        catalog = session.load_context().catalog
        return make_plan(sum((pipelines[name] for name in names or ["__default__"]), Pipeline([])), catalog)


def after(*nodes: str) -> set[str]:
    """Return the names of these nodes and of all after them. The report gathers files, so it is after every one."""
    return {node.name for node in pipelines["__default__"].from_nodes(*nodes).nodes} | {"write_report"}

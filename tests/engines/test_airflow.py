"""The study as a DAG of Airflow's: what kedro-airflow writes by our template, without Airflow itself."""

import importlib.util
import subprocess
import sys
from types import ModuleType

import pytest
from tests.conftest import PROJECT
from tests.projects import ENVIRONMENT, KEDRO, small_project

from tweet_sentiment.pipeline_registry import register_pipelines

pytest.importorskip("kedro_airflow", reason="kedro-airflow is not installed")
pytestmark = pytest.mark.slow


class Task:
    """Stands for a BashOperator and keeps what runs before it, as Airflow's ``>>`` says."""

    def __init__(self, task_id, bash_command, cwd):
        self.name, self.command, self.folder, self.before = task_id, bash_command, cwd, set()

    def __rshift__(self, later):
        for one in later if isinstance(later, list) else [later]:
            one.before.add(self.name)
        return later

    def __rrshift__(self, earlier):
        for one in earlier:
            _ = one >> self
        return self


class Dag:
    """Stands for Airflow's DAG."""

    def __init__(self, **options):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return small_project(tmp_path_factory.mktemp("airflow") / "project")


@pytest.fixture(scope="module")
def tasks(project):
    """Write the DAG and read it with stand-ins for Airflow's classes; return its tasks by name."""
    given = f"--params=project={project},python={sys.executable}"
    template = f"--jinja-file={PROJECT / 'deploy/airflow/dag.py.j2'}"
    options = ("--env=test", "--group-by=namespace", template, "--target-dir=dags", given)
    done = subprocess.run(
        [KEDRO, "airflow", "create", *options], cwd=project, env=ENVIRONMENT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    spec = importlib.util.spec_from_file_location("dag", next((project / "dags").glob("*.py")))
    module, stands = importlib.util.module_from_spec(spec), {}
    for name, classes in {"sdk": {"DAG": Dag}, "providers.standard.operators.bash": {"BashOperator": Task}}.items():
        stands[f"airflow.{name}"] = ModuleType(name)
        vars(stands[f"airflow.{name}"]).update(classes)
    with pytest.MonkeyPatch.context() as patch:
        for name, stand in stands.items():
            patch.setitem(sys.modules, name, stand)
        spec.loader.exec_module(module)
    return {task.name: task for task in (module.data, module.report, *module.techniques.values())}


def test_there_is_a_task_for_each_namespace_and_together_they_run_every_node(tasks):
    pipelines = register_pipelines()
    study = pipelines["__default__"]
    namespaces = {node.namespace for node in study.nodes} - {None}
    assert tasks.keys() == {"data", "report"} | {name.partition(".")[0] for name in namespaces}
    assert tasks["report"].before == tasks.keys() - {"data", "report"}
    assert tasks["prompt_tuning"].before == {"data", "hyperparameter_search"}
    assert not tasks["data"].before
    around = {
        node.name for name in ("feature_extraction", "label_issues", "reporting") for node in pipelines[name].nodes
    }
    assert {node.name for node in study.nodes if not node.namespace} <= around


def test_each_task_s_command_runs(tasks, project):
    names = sorted(tasks, key=lambda name: (name == "report", name != "data", name == "prompt_tuning"))
    for name in names:
        task = tasks[name]
        assert str(project) == task.folder
        done = subprocess.run(
            ["bash", "-c", task.command], cwd=task.folder, env=ENVIRONMENT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    assert (project / "data/08_reporting/test/report.html").is_file()

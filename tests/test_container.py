"""The Dockerfile, compose file and Kubernetes objects: nothing runs them here; what can be checked without is."""

import fnmatch
import re
import shlex

import pytest
import yaml

from tests.conftest import PROJECT
from tweet_sentiment.commands.serve import serve
from tweet_sentiment.serving.app import router
from tweet_sentiment.serving.limits import HOSTS, KEY, Limits
from tweet_sentiment.serving.middleware import LOOPBACK, OPEN_PATHS

KUBERNETES = PROJECT / "deploy/kubernetes/tweet-sentiment.yaml"


@pytest.fixture(scope="module")
def instructions():
    """The Dockerfile's instructions: name and the rest, continued lines put together."""
    text = re.sub(r"\\\n", " ", re.sub(r"(?m)^#.*\n", "", (PROJECT / "Dockerfile").read_text()))
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


def given_to_the_engine(path):
    """Tell whether .dockerignore lets a path through: the last pattern that matches it or a folder above decides."""
    let_through = True
    for line in (PROJECT / ".dockerignore").read_text().split():
        pattern = line.removeprefix("!").removeprefix("**/")
        if any(fnmatch.fnmatch(str(part), pattern) for part in (path, *path.parents)):
            let_through = line.startswith("!")
    return let_through


def test_it_installs_by_the_steps_of_the_readme_and_runs_what_is_documented(instructions):
    runs = [rest for name, rest in instructions if name == "RUN"]
    assert any(re.fullmatch(r"make setup PYTHON=\w+", rest) for rest in runs)
    torch = re.search(r"^torch==\S+", (PROJECT / "requirements-torch.lock").read_text(), re.M)[0]
    assert any(rest.endswith(torch) for rest in runs)
    command = eval(next(rest for name, rest in instructions if name == "CMD"))
    assert command[:2] == ["kedro", "serve"]
    options = {option for parameter in serve.params for option in parameter.opts}
    assert {part for part in command if part.startswith("--")} <= options


def test_it_runs_as_nobody_and_says_whether_it_is_well(instructions):
    names = [name for name, _ in instructions]
    user = dict(instructions)["USER"]
    assert int(user.split(":")[0]) >= 1000
    assert names.index("USER") < names.index("CMD")
    assert "/health" in dict(instructions)["HEALTHCHECK"]


def test_everything_that_is_copied_is_there_and_reaches_the_engine_and_no_data_do(instructions):
    sources = [
        source
        for name, rest in instructions
        if name == "COPY" and not rest.startswith("--from")
        for pattern in shlex.split(rest)[:-1]
        for source in PROJECT.glob(pattern)
    ]
    assert {path.name for path in sources} >= {"requirements.lock", "requirements-torch.lock", "src", "conf"}
    for path in sources:
        assert path.exists(), path
        assert given_to_the_engine(path.relative_to(PROJECT)), path
    for secret in ("data", ".git", ".venv", "conf/local/credentials.yml", "tests"):
        assert not given_to_the_engine((PROJECT / secret).relative_to(PROJECT)), secret


def test_compose_serves_on_loopback_read_only_with_the_key_of_the_environment():
    (service,) = yaml.safe_load((PROJECT / "compose.yaml").read_text())["services"].values()
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["volumes"] == ["${MODEL:-./data/06_models/${RUN:-sample}/best}:/model:ro"]
    assert service["environment"] == {KEY: f"${{{KEY}:-}}", HOSTS: f"${{{HOSTS}:-localhost}}"}
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]


@pytest.fixture(scope="module")
def objects():
    """The Kubernetes objects, by kind."""
    return {one["kind"]: one for one in yaml.safe_load_all(KUBERNETES.read_text())}


@pytest.fixture(scope="module")
def container(objects):
    (found,) = objects["Deployment"]["spec"]["template"]["spec"]["containers"]
    return found


def test_the_probes_ask_what_the_service_answers_without_a_key_and_by_any_name(container, instructions):
    (port,) = container["ports"]
    assert str(port["containerPort"]) == dict(instructions)["EXPOSE"]
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = container[name]["httpGet"]
        assert asked["port"] == port["name"]
        assert asked["path"] in {route.path for route in router.routes if "GET" in route.methods} & OPEN_PATHS
        assert {"name": "Host", "value": LOOPBACK[0]} in asked["httpHeaders"]


def test_the_pods_read_the_model_write_to_tmp_alone_and_are_given_time_to_stop(objects, container, instructions):
    pod = objects["Deployment"]["spec"]["template"]["spec"]
    writable = {one["mountPath"] for one in container["volumeMounts"] if not one.get("readOnly")}
    command = eval(next(rest for name, rest in instructions if name == "CMD"))
    assert writable == {"/tmp"}
    assert {one["mountPath"] for one in container["volumeMounts"]} - writable == {command[command.index("--model") + 1]}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    user, group = map(int, dict(instructions)["USER"].split(":"))
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsGroup"]) == (user, group)
    waits = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] > waits + Limits().stop_seconds
    environment = {one["name"]: one.get("value") for one in container["env"]}
    assert environment.keys() == {"OMP_NUM_THREADS", KEY, HOSTS}
    assert environment["OMP_NUM_THREADS"] == container["resources"]["limits"]["cpu"]


def test_service_scaler_budget_and_policy_mean_the_same_pods_and_port(objects, container):
    labels = objects["Deployment"]["spec"]["template"]["metadata"]["labels"]
    specs = {kind: one["spec"] for kind, one in objects.items()}
    assert specs["Deployment"]["selector"] == specs["PodDisruptionBudget"]["selector"] == {"matchLabels": labels}
    assert specs["NetworkPolicy"]["podSelector"] == {"matchLabels": labels}
    assert specs["Service"]["selector"] == labels
    (port,), (asked,) = specs["Service"]["ports"], specs["NetworkPolicy"]["ingress"]
    assert port["targetPort"] == asked["ports"][0]["port"] == container["ports"][0]["name"]
    assert specs["HorizontalPodAutoscaler"]["scaleTargetRef"]["name"] == objects["Deployment"]["metadata"]["name"]
    assert {one["resource"]["name"] for one in specs["HorizontalPodAutoscaler"]["metrics"]} <= container["resources"][
        "requests"
    ].keys()

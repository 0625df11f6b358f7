"""deploy/kubernetes.yaml, as far as that can be checked without a cluster."""

import copy
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes_validate import ValidationError, latest_version, validate

from flask_echo.timetable import EXIT_SECONDS
from tests.support.clients import ask, health
from tests.support.prometheus import promtool
from tests.support.servers import ROOT, StartServer

FILE = ROOT / "deploy/kubernetes.yaml"
OBJECTS: dict[str, Any] = {each["kind"]: each for each in yaml.safe_load_all(FILE.read_text())}
DEPLOYMENT = OBJECTS["Deployment"]["spec"]
POD = DEPLOYMENT["template"]["spec"]
(CONTAINER,) = POD["containers"]
VARIABLES: dict[str, str] = {each["name"]: each["value"] for each in CONTAINER["env"]}
LABELS = DEPLOYMENT["template"]["metadata"]["labels"]

# The oldest one that the head of the file names, and the newest one that the validator knows.
VERSIONS = ("1.25", latest_version())


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", OBJECTS)
def test_each_object_is_one_of_kubernetes(kind: str, version: str) -> None:
    validate(OBJECTS[kind], version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", OBJECTS)
def test_the_validator_knows_each_object(kind: str, version: str) -> None:
    wrong = copy.deepcopy(OBJECTS[kind])
    wrong["spec"]["minReplica"] = 2
    with pytest.raises(ValidationError):
        validate(wrong, version, strict=True)


def test_the_objects_are_those_of_the_issue() -> None:
    kinds = {"Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler"}
    assert OBJECTS.keys() == kinds
    assert FILE.read_text().count("\nkind: ") == len(kinds)


def test_the_objects_belong_together() -> None:
    assert DEPLOYMENT["selector"]["matchLabels"] == LABELS
    assert OBJECTS["Service"]["spec"]["selector"] == LABELS
    assert OBJECTS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == LABELS
    target = OBJECTS["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    deployment = OBJECTS["Deployment"]
    assert (target["kind"], target["name"]) == ("Deployment", deployment["metadata"]["name"])
    (port,) = OBJECTS["Service"]["spec"]["ports"]
    assert port["targetPort"] == CONTAINER["ports"][0]["name"]
    assert str(CONTAINER["ports"][0]["containerPort"]) == VARIABLES["PORT"]


def seconds(name: str) -> float:
    return float(VARIABLES[f"FLASK_ECHO_{name}_SECONDS"])


def test_the_grace_period_is_longer_than_the_drain() -> None:
    sleep = CONTAINER.get("lifecycle", {}).get("preStop", {}).get("sleep", {"seconds": 0})
    needed = sum(map(seconds, ("DRAIN_DELAY", "DRAIN_SPREAD", "CLOSE_TIMEOUT")))
    assert POD["terminationGracePeriodSeconds"] > sleep["seconds"] + needed + EXIT_SECONDS


def test_the_delay_is_longer_than_readiness_takes_to_fail() -> None:
    probe = CONTAINER["readinessProbe"]
    assert seconds("DRAIN_DELAY") > probe["periodSeconds"] * probe["failureThreshold"]


def test_no_service_of_the_same_name_can_add_settings() -> None:
    assert POD["enableServiceLinks"] is False


def commented(begin: str) -> Any:
    """The YAML in the comments of the head that begins with this line."""
    lines = FILE.read_text().splitlines()
    first = next(i for i, line in enumerate(lines) if line.strip("# ").startswith(begin))
    indent = lines[first].index(begin)
    block = []
    for line in lines[first:]:
        if not line[indent - 1 :].startswith(" "):
            break
        block.append(line[indent:])
    return yaml.safe_load("\n".join(block))


def test_the_rules_in_the_head_are_about_the_same_metric_and_scale_alike() -> None:
    scaler = OBJECTS["HorizontalPodAutoscaler"]["spec"]
    pods = scaler["metrics"][0]["pods"]
    (rule,) = commented("rules:")["rules"]["custom"]
    assert rule["seriesQuery"].startswith(pods["metric"]["name"] + "{")
    keda = commented("apiVersion: keda.sh")["spec"]
    trigger = keda["triggers"][0]["metadata"]
    assert trigger["query"].startswith(f"sum({pods['metric']['name']}{{")
    assert trigger["threshold"] == pods["target"]["averageValue"]
    assert keda["scaleTargetRef"]["name"] == scaler["scaleTargetRef"]["name"]
    assert keda["advanced"]["horizontalPodAutoscalerConfig"]["behavior"] == scaler["behavior"]
    limits = (scaler["minReplicas"], scaler["maxReplicas"])
    assert (keda["minReplicaCount"], keda["maxReplicaCount"]) == limits


TAKEN = [
    ("default", "flask-echo-6d4cf56db6-x7k2p", 5),
    ("default", "flask-echo-6d4cf56db6-q9w4z", 6),
    # Another Deployment, and another namespace.
    ("default", "flask-echo-canary-7c9d8f5b44-m3n8r", 100),
    ("staging", "flask-echo-6d4cf56db6-j5h6t", 1000),
]


def test_the_query_for_keda_counts_the_pods_of_this_deployment_alone(tmp_path: Path) -> None:
    trigger = commented("apiVersion: keda.sh")["spec"]["triggers"][0]["metadata"]
    series = [
        {"series": f'websocket_seats_taken{{namespace="{where}",pod="{pod}"}}', "values": taken}
        for where, pod, taken in TAKEN
    ]
    expected = {"expr": trigger["query"], "eval_time": "0m", "exp_samples": [{"value": 11}]}
    cases = tmp_path / "cases.yml"
    cases.write_text(
        yaml.dump({"tests": [{"input_series": series, "promql_expr_test": [expected]}]})
    )
    ended = promtool("test", "rules", cases)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_without_figures_neither_rule_removes_pods() -> None:
    """KEDA would take an empty result for 0. prometheus-adapter has no value for a Pod then."""
    trigger = commented("apiVersion: keda.sh")["spec"]["triggers"][0]["metadata"]
    assert trigger["ignoreNullValues"] == "false"
    (rule,) = commented("rules:")["rules"]["custom"]
    # The matchers name the namespace and the Pods.
    assert rule["metricsQuery"] == "sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)"


def test_the_service_starts_with_these_variables_and_answers_the_probes(
    start_server: StartServer,
) -> None:
    # The test chooses the address.
    variables = {name: VARIABLES[name] for name in VARIABLES if name not in ("HOST", "PORT")}
    server = start_server("flask-echo", variables=variables)
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        path = CONTAINER[probe]["httpGet"]["path"]
        assert ask(server, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()).status == 200
    assert health(server)["capacity"] == int(VARIABLES["FLASK_ECHO_MAX_CONNECTIONS"])
    # With the delay, SIGTERM would end it later than this test.
    assert server.stop(signal.SIGINT) == 0

"""The Kubernetes example: valid by the schemas, and of real options and routes."""

from pathlib import Path

import kubernetes_validate
import pytest
import typer
import yaml
from cryptography.hazmat.primitives.serialization import load_pem_public_key

import edml.cli
from edml.cli._config import read_config
from edml.registry import ModelRegistry
from edml.serving import Limits, _server, create_app
from test_containers import VARIABLES

FOLDER = Path(__file__).parents[1] / "deploy" / "kubernetes"
DOCUMENTS = [
    pytest.param(document, id=f"{document['kind']}-{document['metadata']['name']}")
    for path in sorted(FOLDER.glob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text())
]
BY_KIND = {}
for one in DOCUMENTS:
    BY_KIND.setdefault(one.values[0]["kind"], []).append(one.values[0])
(DEPLOYMENT,) = BY_KIND["Deployment"]
PODS = [
    DEPLOYMENT["spec"]["template"],
    *(job["spec"]["jobTemplate"]["spec"]["template"] for job in BY_KIND["CronJob"]),
]
CONTAINERS = [
    container
    for pod in PODS
    for name in ("initContainers", "containers")
    for container in pod["spec"].get(name, [])
]


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("version", ["1.33", kubernetes_validate.latest_version()])
def test_documents_are_valid_without_unknown_fields(document, version):
    kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("pod", PODS)
def test_pods_have_no_rights_and_write_only_where_they_may(pod):
    spec = pod["spec"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["automountServiceAccountToken"] is False
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        for mount in container["volumeMounts"]:
            assert mount.get("readOnly") or "emptyDir" in volumes[mount["name"]]
        assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}  # noqa: S108


def test_probes_ask_routes_of_the_endpoint(tmp_path):
    (container,) = DEPLOYMENT["spec"]["template"]["spec"]["containers"]
    client = create_app(ModelRegistry(tmp_path), tokens=["x" * 20]).test_client()
    found = {
        probe: client.get(container[f"{probe}Probe"]["httpGet"]["path"]).status_code
        for probe in ("startup", "liveness", "readiness")
    }
    assert found == {"startup": 200, "liveness": 200, "readiness": 503}


def test_variables_and_commands_exist():
    known = VARIABLES | {"EDML_CONFIG"}
    commands = typer.main.get_command(edml.cli.app).commands
    options = {o for p in typer.main.get_command(_server.app).params for o in p.opts}
    for container in CONTAINERS:
        for one in container["env"]:
            assert one["name"] in known or one["name"].startswith("AWS_")
        command, *rest = container["args"]
        assert command in commands
        if command == "serve":
            assert {option.partition("=")[0] for option in rest} <= options


def test_the_settings_are_valid(tmp_path):
    (settings,) = BY_KIND["ConfigMap"]
    path = tmp_path / "edml.toml"
    path.write_text(settings["data"]["edml.toml"])
    read = read_config(path)
    assert read.notes == []
    assert str(read.config.paths.raw).startswith("s3://")
    load_pem_public_key(settings["data"]["trainer.pem.pub"].encode())


def test_selectors_find_the_pods():
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
    (service,), (budget,) = BY_KIND["Service"], BY_KIND["PodDisruptionBudget"]
    assert service["spec"]["selector"] == labels
    assert budget["spec"]["selector"]["matchLabels"] == labels
    (scaler,) = BY_KIND["HorizontalPodAutoscaler"]
    assert scaler["spec"]["scaleTargetRef"]["name"] == DEPLOYMENT["metadata"]["name"]
    assert scaler["spec"]["minReplicas"] > budget["spec"]["minAvailable"]


def test_a_pod_has_time_to_finish_its_requests():
    pod = DEPLOYMENT["spec"]["template"]["spec"]
    sleeps = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    needed = sleeps + Limits().timeout_seconds + _server._WORK_SECONDS
    assert pod["terminationGracePeriodSeconds"] > needed

"""The check of the Kubernetes manifests passes what is sound and names what is not."""

import copy
import dataclasses
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from chassis.settings import CommonSettings, read_settings
from tools.check_k8s import OVERLAYS, parse, render, rule_problems, schema_problems

Manifest = dict[str, Any]
PAYMENT = ("Deployment", "payment")

SERVICES = ("cdr", "rating", "payment", "invoice", "fraud")


@pytest.fixture(scope="module")
def rendered() -> list[Manifest]:
    """The overlay for development, as it is sent to the cluster."""
    return [dict(resource) for resource in parse(render(OVERLAYS / "dev"))]


@pytest.fixture
def manifests(rendered: list[Manifest]) -> list[Manifest]:
    """A copy that a test may spoil."""
    return copy.deepcopy(rendered)


def problems(manifests: list[Manifest]) -> list[str]:
    """What is wrong; of the schemas only that of the Deployment which the tests spoil."""
    return [*schema_problems([rating(manifests)]), *rule_problems(manifests)]


def find(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    [found] = [m for m in manifests if (m["kind"], m["metadata"]["name"]) == (kind, name)]
    return found


def rating(manifests: list[Manifest], kind: str = "Deployment") -> Manifest:
    return find(manifests, kind, "rating")


def pod(manifests: list[Manifest]) -> Manifest:
    specification: Manifest = rating(manifests)["spec"]["template"]["spec"]
    return specification


def container(manifests: list[Manifest]) -> Manifest:
    only: Manifest = pod(manifests)["containers"][0]
    return only


@pytest.mark.parametrize("overlay", sorted(folder.name for folder in OVERLAYS.iterdir()))
def test_every_overlay_is_sound(overlay: str) -> None:
    """What the repository ships can be applied and keeps our rules."""
    resources = parse(render(OVERLAYS / overlay))
    assert [*schema_problems(resources), *rule_problems(resources)] == []


def test_each_service_has_all_that_it_needs(rendered: list[Manifest]) -> None:
    """Account, pods, address, budget, scaler, migration and policy, for each of the five."""
    there = {(manifest["kind"], manifest["metadata"]["name"]) for manifest in rendered}
    kinds = (
        *("ServiceAccount", "Deployment", "Service", "PodDisruptionBudget"),
        *("HorizontalPodAutoscaler", "NetworkPolicy"),
    )
    for service in SERVICES:
        assert {(kind, service) for kind in kinds} <= there
        assert ("Job", f"{service}-migrate") in there


@pytest.mark.parametrize("service", SERVICES)
def test_each_pod_has_the_files_that_its_service_reads(
    rendered: list[Manifest], service: str
) -> None:
    """A default for a laptop names a file that no pod has: the service would not start."""
    config = import_module(f"services.{service}.config")
    specification = find(rendered, "Deployment", service)["spec"]["template"]["spec"]
    environment = environment_of(rendered, specification)
    for settings in (CommonSettings, getattr(config, f"{service.capitalize()}Settings")):
        values = dataclasses.asdict(read_settings(settings, environment))
        for name, path in values.items():
            if isinstance(path, Path):
                assert is_mounted(path, specification), f"{name.upper()} is {path}"


def environment_of(manifests: list[Manifest], specification: Manifest) -> dict[str, str]:
    """What the container of a pod finds in its environment; of secrets only that it is there."""
    [only] = specification["containers"]
    [shared] = only["envFrom"]
    common = find(manifests, "ConfigMap", shared["configMapRef"]["name"])["data"]
    return common | {each["name"]: each.get("value", "from a secret") for each in only["env"]}


def is_mounted(path: Path, specification: Manifest) -> bool:
    """Whether a volume of the pod has a path; of a secret, only the keys that it takes."""
    volumes = {volume["name"]: volume for volume in specification["volumes"]}
    for mount in specification["containers"][0]["volumeMounts"]:
        if path.is_relative_to(mount["mountPath"]):
            items = volumes[mount["name"]].get("secret", {}).get("items")
            inside = str(path.relative_to(mount["mountPath"]))
            return items is None or inside in {item["path"] for item in items}
    return False


def test_only_payment_reaches_the_internet_and_nothing_private() -> None:
    """Keys of gateways and the way to them are payment's; a metadata service is on no way."""
    resources = parse(render(OVERLAYS / "prod"))
    to_internet = [
        (policy["metadata"]["name"], policy["spec"]["podSelector"]["matchLabels"], peer["ipBlock"])
        for policy in resources
        if policy["kind"] == "NetworkPolicy"
        for rule in policy["spec"].get("egress", ())
        for peer in rule.get("to", ())
        if peer.get("ipBlock", {}).get("cidr") == "0.0.0.0/0"
    ]
    [(name, pods, block)] = to_internet
    assert (name, pods["app.kubernetes.io/name"]) == ("gateways", "payment")
    assert {"10.0.0.0/8", "169.254.0.0/16", "192.168.0.0/16"} <= set(block["except"])


def test_payment_runs_without_keys_of_gateways_and_reads_them_where_they_are() -> None:
    """The Secret may be missing; where it is mounted is where payment looks."""
    resources = parse(render(OVERLAYS / "prod"))
    [deployment] = [
        each for each in resources if (each["kind"], each["metadata"]["name"]) == PAYMENT
    ]
    specification = deployment["spec"]["template"]["spec"]
    [volume] = [each for each in specification["volumes"] if each["name"] == "gateways"]
    assert volume["secret"]["optional"]
    payment = specification["containers"][0]
    [mount] = [each for each in payment["volumeMounts"] if each["name"] == "gateways"]
    assert {"name": "GATEWAY_KEYS_DIR", "value": mount["mountPath"]} in payment["env"]


SPOILERS: dict[str, tuple[Callable[[list[Manifest]], Any], str]] = {
    "moving tag": (
        lambda all_: container(all_).update(image="tollbook:latest"),
        "has no fixed tag",
    ),
    "no tag": (
        lambda all_: container(all_).update(image="registry.example:5000/tollbook"),
        "has no fixed tag",
    ),
    "no limit": (
        lambda all_: container(all_)["resources"]["limits"].pop("memory"),
        "has no limits of memory",
    ),
    "no probe": (lambda all_: container(all_).pop("livenessProbe"), "has no livenessProbe"),
    "root": (
        lambda all_: pod(all_)["securityContext"].update(runAsUser=0),
        "runs as root",
    ),
    "seccomp": (
        lambda all_: pod(all_)["securityContext"].pop("seccompProfile"),
        "has no seccomp profile",
    ),
    "token": (
        lambda all_: pod(all_).pop("automountServiceAccountToken"),
        "gets a token of the cluster",
    ),
    "writable": (
        lambda all_: container(all_)["securityContext"].pop("readOnlyRootFilesystem"),
        "can write its root file system",
    ),
    "privileges": (
        lambda all_: container(all_)["securityContext"].pop("allowPrivilegeEscalation"),
        "may gain privileges",
    ),
    "capabilities": (
        lambda all_: container(all_)["securityContext"].pop("capabilities"),
        "keeps capabilities",
    ),
    "abrupt end": (lambda all_: container(all_).pop("lifecycle"), "has no preStop"),
    "no budget": (
        lambda all_: all_.remove(rating(all_, "PodDisruptionBudget")),
        "has no PodDisruptionBudget",
    ),
    "no policy": (
        lambda all_: all_.remove(rating(all_, "NetworkPolicy")),
        "no NetworkPolicy says who may call it",
    ),
    "misspelt": (
        lambda all_: rating(all_)["spec"].update(replica=2),
        "is not in the schema",
    ),
    "wrong type": (
        lambda all_: container(all_)["ports"][0].update(containerPort="7100"),
        "is not in the schema",
    ),
}


@pytest.mark.parametrize(("spoil", "complaint"), SPOILERS.values(), ids=SPOILERS)
def test_a_bad_manifest_is_refused_by_name(
    manifests: list[Manifest], spoil: Callable[[list[Manifest]], Any], complaint: str
) -> None:
    """One thing wrong makes one complaint, which says what and where."""
    spoil(manifests)
    [problem] = problems(manifests)
    assert problem.startswith("Deployment/rating: ")
    assert complaint in problem


def test_a_secret_in_the_repository_is_refused(manifests: list[Manifest]) -> None:
    """Secrets are referred to; whoever runs the cluster makes them."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "rating"}}
    assert any("Secret/rating" in problem for problem in problems([*manifests, secret]))


def test_a_network_that_is_open_by_default_is_refused(manifests: list[Manifest]) -> None:
    """Without the policy that denies everything, the others only add to everything."""
    closed = [m for m in manifests if m["metadata"]["name"] != "deny-all"]
    assert any("nothing denies by default" in problem for problem in problems(closed))

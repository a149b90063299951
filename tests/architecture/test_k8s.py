"""The check of the Kubernetes manifests passes what is sound and names what is not."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tools.check_k8s import OVERLAYS, parse, render, rule_problems, schema_problems

Manifest = dict[str, Any]


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


def rating(manifests: list[Manifest], kind: str = "Deployment") -> Manifest:
    [found] = [m for m in manifests if (m["kind"], m["metadata"]["name"]) == (kind, "rating")]
    return found


def pod(manifests: list[Manifest]) -> Manifest:
    specification: Manifest = rating(manifests)["spec"]["template"]["spec"]
    return specification


def container(manifests: list[Manifest]) -> Manifest:
    only: Manifest = pod(manifests)["containers"][0]
    return only


@pytest.mark.parametrize("overlay", ["dev", "prod"])
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
    for service in ("cdr", "rating", "payment", "invoice", "fraud"):
        assert {(kind, service) for kind in kinds} <= there
        assert ("Job", f"{service}-migrate") in there


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

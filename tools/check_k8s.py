"""Renders every Kubernetes overlay and checks it offline: the API's schemas, then rules of ours."""

import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parent.parent
OVERLAYS = ROOT / "deploy/k8s/overlays"
KUBERNETES_VERSION = "1.34"

Resource = Mapping[str, Any]

WORKLOADS = {"Deployment", "StatefulSet", "DaemonSet", "Job"}
# A job runs to its end; nothing asks whether it is alive.
SERVING = WORKLOADS - {"Job"}
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


@dataclass(frozen=True, slots=True)
class Workload:
    """A resource that makes pods."""

    resource: Resource

    @property
    def kind(self) -> str:
        """Deployment, StatefulSet, DaemonSet or Job."""
        return str(self.resource["kind"])

    @property
    def pod(self) -> Resource:
        """The specification of its pods."""
        pod: Resource = self.resource["spec"]["template"]["spec"]
        return pod

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels of its pods."""
        labels: Mapping[str, str] = self.resource["spec"]["template"]["metadata"].get("labels", {})
        return labels

    @property
    def containers(self) -> Iterator[Resource]:
        """Every container of a pod, those that start first included."""
        yield from self.pod.get("initContainers", ())
        yield from self.pod["containers"]


def main() -> int:
    """Check all overlays; print what is wrong and fail if anything is."""
    failed = False
    for overlay in sorted(path.parent for path in OVERLAYS.glob("*/kustomization.yaml")):
        resources = parse(render(overlay))
        problems = [*schema_problems(resources), *rule_problems(resources)]
        failed = failed or bool(problems)
        verdict = f"{len(problems)} problems" if problems else "sound"
        print(f"{overlay.relative_to(ROOT)}: {len(resources)} resources, {verdict}")
        for problem in problems:
            print(f"  {problem}")
    return int(failed)


def render(overlay: Path) -> str:
    """What `kubectl apply -k` would send."""
    kubectl = Path(sys.executable).parent / "kubectl"
    command = [str(kubectl), "kustomize", str(overlay)]
    rendered = subprocess.run(command, capture_output=True, text=True, check=False)
    if rendered.returncode:
        sys.exit(f"{overlay} cannot be rendered: {rendered.stderr.strip()}")
    return rendered.stdout


def parse(text: str) -> list[Resource]:
    """The resources of a rendered overlay."""
    return [resource for resource in yaml.safe_load_all(text) if resource]


def schema_problems(resources: Iterable[Resource]) -> Iterator[str]:
    """What the API server would refuse."""
    for resource in resources:
        try:
            kubernetes_validate.validate(resource, KUBERNETES_VERSION, strict=True)
        except kubernetes_validate.ValidationError as error:
            path = ".".join(str(part) for part in error.path)
            yield f"{name_of(resource)}: {path or 'it'} is not in the schema: {error.message}"
        except kubernetes_validate.SchemaNotFoundError:
            yield f"{name_of(resource)}: Kubernetes {KUBERNETES_VERSION} does not know this kind"


def rule_problems(resources: Iterable[Resource]) -> Iterator[str]:
    """What the API server would take and we do not."""
    known = list(resources)
    for resource in known:
        if resource["kind"] not in WORKLOADS:
            continue
        workload = Workload(resource)
        for rule in RULES:
            for problem in rule(workload, known):
                yield f"{name_of(resource)}: {problem}"
    yield from (
        f"{name_of(resource)}: secrets are made outside of the repository; refer to this one"
        for resource in known
        if resource["kind"] == "Secret"
    )


def images_are_pinned(workload: Workload, _: Iterable[Resource]) -> Iterator[str]:
    """A tag that moves makes two pods of one release differ."""
    for container in workload.containers:
        image = str(container.get("image", ""))
        name = image.rsplit("/", 1)[-1]
        if "@sha256:" not in name and (":" not in name or name.endswith(":latest")):
            yield f"image {image!r} has no fixed tag; write image:version"


def resources_are_bounded(workload: Workload, _: Iterable[Resource]) -> Iterator[str]:
    """One pod must not starve its neighbours, and the scheduler must know what it needs."""
    for container in workload.containers:
        for bound in ("requests", "limits"):
            given = container.get("resources", {}).get(bound, {})
            for missing in {"cpu", "memory"} - set(given):
                yield f"container {container['name']} has no {bound} of {missing}"


def probes_are_set(workload: Workload, _: Iterable[Resource]) -> Iterator[str]:
    """Without them a dead pod gets traffic."""
    if workload.kind in SERVING:
        for container in workload.pod["containers"]:
            for missing in (probe for probe in PROBES if probe not in container):
                yield f"container {container['name']} has no {missing}"


def pods_are_confined(workload: Workload, _: Iterable[Resource]) -> Iterator[str]:
    """Not root, no token of the cluster, the default seccomp profile."""
    context = workload.pod.get("securityContext", {})
    if not context.get("runAsNonRoot") or not context.get("runAsUser"):
        yield "runs as root: set runAsNonRoot and a runAsUser other than 0"
    if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "has no seccomp profile: set RuntimeDefault"
    if workload.pod.get("automountServiceAccountToken") is not False:
        yield "gets a token of the cluster: set automountServiceAccountToken: false"


def containers_are_confined(workload: Workload, _: Iterable[Resource]) -> Iterator[str]:
    """A root file system that cannot be written, no capabilities, no way to get more."""
    for container in workload.containers:
        context = container.get("securityContext", {})
        if not context.get("readOnlyRootFilesystem"):
            yield f"container {container['name']} can write its root file system"
        if context.get("allowPrivilegeEscalation") is not False:
            yield f"container {container['name']} may gain privileges"
        if "ALL" not in context.get("capabilities", {}).get("drop", ()):
            yield f"container {container['name']} keeps capabilities: drop ALL"


def deployments_drain(workload: Workload, _: Iterable[Resource]) -> Iterator[str]:
    """A pod leaves the service before it stops, with time to finish."""
    if workload.kind == "Deployment":
        for container in workload.pod["containers"]:
            if "preStop" not in container.get("lifecycle", {}):
                yield f"container {container['name']} has no preStop"
        if "terminationGracePeriodSeconds" not in workload.pod:
            yield "has no terminationGracePeriodSeconds"


def deployments_survive_maintenance(
    workload: Workload, resources: Iterable[Resource]
) -> Iterator[str]:
    """Draining a node must not take the last replica."""
    budgets = (one for one in resources if one["kind"] == "PodDisruptionBudget")
    if workload.kind == "Deployment" and not any(
        selects(budget["spec"]["selector"], workload.labels) for budget in budgets
    ):
        yield "has no PodDisruptionBudget"


def pods_have_a_policy(workload: Workload, resources: Iterable[Resource]) -> Iterator[str]:
    """Everything is denied to everybody, and what a pod needs is allowed to it."""
    policies = [one["spec"] for one in resources if one["kind"] == "NetworkPolicy"]
    if not any(map(denies_everything, policies)):
        yield "nothing denies by default: add a NetworkPolicy with an empty podSelector"
    own = [policy for policy in policies if selects(policy["podSelector"], workload.labels)]
    if workload.kind in SERVING and not any("ingress" in policy for policy in own):
        yield "no NetworkPolicy says who may call it"


RULES: tuple[Callable[[Workload, Iterable[Resource]], Iterator[str]], ...] = (
    images_are_pinned,
    resources_are_bounded,
    probes_are_set,
    pods_are_confined,
    containers_are_confined,
    deployments_drain,
    deployments_survive_maintenance,
    pods_have_a_policy,
)


def denies_everything(policy: Resource) -> bool:
    """Whether a network policy is for all pods, for both directions, and allows nothing."""
    both = set(policy["policyTypes"]) == {"Ingress", "Egress"}
    return both and not policy["podSelector"] and not {"ingress", "egress"} & set(policy)


def selects(selector: Resource, labels: Mapping[str, str]) -> bool:
    """Whether a label selector (matchLabels, and matchExpressions with In) means these labels."""
    wanted = selector.get("matchLabels", {}).items()
    return all(labels.get(key) == value for key, value in wanted) and all(
        labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", ())
    )


def name_of(resource: Resource) -> str:
    """Kind and name, as kubectl writes them."""
    return f"{resource['kind']}/{resource['metadata']['name']}"


if __name__ == "__main__":
    sys.exit(main())

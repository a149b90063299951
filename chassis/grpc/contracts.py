"""Reads what is written beside a contract: its methods, their access rules, their timeouts."""

import json
from collections.abc import Iterator
from importlib import resources
from typing import Any

from google.protobuf import descriptor_pool

OPERATIONS_PACKAGE = "tollbook.operations.v1"


def package_of(service_name: str) -> str:
    """The package of a gRPC service: tollbook.fraud.v1.FraudService is in tollbook.fraud.v1."""
    return service_name.rpartition(".")[0]


def methods_of(service_name: str) -> Iterator[str]:
    """The methods of a gRPC service as `<service>/<method>`."""
    service = descriptor_pool.Default().FindServiceByName(service_name)
    return (f"{service_name}/{method.name}" for method in service.methods)


def read_table(package: str, kind: str) -> dict[str, Any]:
    """The JSON table of a kind (access, service_config) beside the contract of a package."""
    service = package.split(".")[1]
    path = resources.files(package) / f"{service}_{kind}.json"
    table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return table


def timeouts_of(package: str) -> dict[str, float]:
    """The timeout of each method in seconds, from the service configuration of a package.

    A stream that lasts as long as a switch runs has none.
    """
    return {
        f"{name['service']}/{name['method']}": float(rule["timeout"].removesuffix("s"))
        for rule in read_table(package, "service_config")["methodConfig"]
        if "timeout" in rule
        for name in rule["name"]
    }


def merged_service_config(package: str) -> str:
    """What a channel needs: the configuration of a package and of the operations all share."""
    config = read_table(package, "service_config")
    if package != OPERATIONS_PACKAGE:
        operations = read_table(OPERATIONS_PACKAGE, "service_config")
        config["methodConfig"] += operations["methodConfig"]
    return json.dumps(config)

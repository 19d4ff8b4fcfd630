"""The stacks of a fleet file."""

from __future__ import annotations

from collections.abc import Mapping

from cdktf import App, TerraformStack

from instant_clone.errors import Finding, ReplicaError
from instant_clone.fleet import FleetFile
from instant_clone.source import SourceVm
from stacks.dynamic_clone import DynamicClone

__all__ = ["add_stacks"]


def add_stacks(
    app: App, fleet_file: FleetFile, sources: Mapping[tuple[str, str], SourceVm]
) -> tuple[TerraformStack, ...]:
    """One stack per fleet, named after it; `sources` are by the fleet's name and the source's key.

    Raises ReplicaError with the findings of all fleets.
    """
    stacks: list[TerraformStack] = []
    findings: list[Finding] = []
    for name, fleet in fleet_file.fleets.items():
        own = {source.key: sources[name, source.key] for source in fleet.sources}
        try:
            stacks.append(DynamicClone(app, name, fleet=fleet, sources=own, provider=fleet_file.provider))
        except ReplicaError as error:
            findings.extend(error.findings)
    if findings:
        raise ReplicaError(*findings)
    return tuple(stacks)

"""A fleet as a stack whose hardware arguments are values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cdktf import Annotations, TerraformStack

from constructs import Construct
from constructs.instant_clone_fleet import CloneSource, InstantCloneFleet
from constructs.instant_clone_provider import instant_clone_provider
from constructs.literals import literal, literals
from constructs.placement import Placement
from instant_clone.errors import Finding, ReplicaError
from instant_clone.fleet import Fleet, ProviderSettings
from instant_clone.members import Member, members
from instant_clone.replica import Replica, replicate
from instant_clone.source import SourceVm
from instant_clone.versions import ProviderVersion
from stacks.local_state import keep_state_locally

__all__ = ["DynamicClone"]


class DynamicClone(TerraformStack):
    """`fleet` with its hardware as literal values of the look-up: one plan for any layout, and values to review.

    `sources` holds the VMs that the fleet's sources name, by their keys. Raises ReplicaError with all that the
    provider's release cannot repeat, before anything is added to `scope`.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        fleet: Fleet,
        sources: Mapping[str, SourceVm],
        provider: ProviderSettings,
    ) -> None:
        replicas = _replicas(sources, provider.version)
        super().__init__(scope, id_)
        keep_state_locally(self)
        instant_clone_provider(self, source=provider.source, release=provider.version)
        placement = Placement(
            self,
            "placement",
            datacenter=literal(fleet.datacenter),
            datastore=literal(fleet.datastore),
            resource_pool=literal(fleet.resource_pool),
            folder=literal(fleet.folder),
            create_folder=fleet.create_folder,
            cluster=literal(fleet.cluster) if fleet.pin and fleet.cluster else None,
        )
        InstantCloneFleet(
            self,
            "fleet",
            placement=placement,
            sources=[
                CloneSource(
                    key=source.key,
                    source_uuid=sources[source.key].uuid,
                    hardware=_literal_hardware(replicas[source.key], fleet),
                    members=[_literal_member(member) for member in members(fleet, source)],
                )
                for source in fleet.sources
            ],
            release=provider.version,
            timeout=fleet.timeout,
            wait_for_network=fleet.wait_for_network,
        )
        for replica in replicas.values():
            for warning in replica.warnings:
                Annotations.of(self).add_warning(warning)


def _replicas(sources: Mapping[str, SourceVm], release: ProviderVersion) -> dict[str, Replica]:
    replicas: dict[str, Replica] = {}
    findings: list[Finding] = []
    for key, source in sources.items():
        try:
            replicas[key] = replicate(source, release)
        except ReplicaError as error:
            findings.extend(error.findings)
    if findings:
        raise ReplicaError(*findings)
    return replicas


def _literal_hardware(replica: Replica, fleet: Fleet) -> Replica:
    scalars = dict(replica.scalars)
    if fleet.annotation is not None:
        scalars["annotation"] = fleet.annotation
    return replace(
        replica,
        scalars=literals(scalars),
        disks=tuple(map(literals, replica.disks)),
        network_interfaces=tuple(map(literals, replica.network_interfaces)),
        cdroms=tuple(map(literals, replica.cdroms)),
    )


def _literal_member(member: Member) -> Member:
    guestinfo = {literal(key): literal(value) for key, value in member.guestinfo.items()}
    return replace(member, name=literal(member.name), guestinfo=guestinfo)

"""The tables of fleets.toml as frozen models, each checked in itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, StrictBool, model_validator
from pydantic_core import PydanticCustomError

from instant_clone.errors import Finding
from instant_clone.fleet.values import (
    Count,
    FleetName,
    GuestinfoKey,
    GuestinfoPattern,
    MemberIndexes,
    Minutes,
    NamePattern,
    PositiveMinutes,
    ProviderAddress,
    RecordPath,
    RelativePath,
    Release,
    ResourceName,
    Text,
    fill,
    member_indexes,
    problem,
)
from instant_clone.versions import NEWEST_CHECKED

__all__ = ["Fleet", "FleetFile", "Frozen", "ProviderSettings", "Source"]

# vSphere's longest VM name, and the characters that it writes as %2f, %5c and %25.
_LONGEST_VM_NAME = 80
_NOT_IN_VM_NAMES = "/\\%"


class Frozen(BaseModel):
    """A table whose keys are all known, and which nobody changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ProviderSettings(Frozen):
    """The stock provider's release that will apply the plan, and the address Terraform finds the plugin under."""

    version: Release = NEWEST_CHECKED
    source: ProviderAddress = "instantclone.internal/fleet/vsphere"


class Source(Frozen):
    """One running VM that is cloned, and which members of the fleet are its clones."""

    key: ResourceName = "vm"
    """names the Terraform resource, so that clones keep their addresses when their VM is renamed or replaced"""
    vm: Text
    """inventory path, or path relative to the datacenter's VM folder"""
    count: Count | None = None
    """short for the members 0 to count - 1"""
    members: MemberIndexes | None = None
    record: RecordPath | None = None

    @property
    def indexes(self) -> tuple[int, ...]:
        """The indexes of this source's members, ascending."""
        return tuple(range(self.count or 0)) if self.members is None else member_indexes(self.members)

    @model_validator(mode="after")
    def _counted_once(self) -> Self:
        if (self.count is None) == (self.members is None):
            raise problem("count or members is needed, and only one of them.", 'Write count = 10, or members = "0-9".')
        return self


def _at_least_one(sources: tuple[Source, ...]) -> tuple[Source, ...]:
    if not sources:
        raise problem("there is no source.", "Begin one with [[fleets.NAME.sources]].")
    return sources


class Fleet(Frozen):
    """Clones that are declared together: one stack, one state. `name` is the key of the fleet's table."""

    name: FleetName
    stack: Literal["dynamic"] = "dynamic"
    datacenter: Text
    datastore: Text
    resource_pool: Text
    """path below the datacenter's host folder, such as "CLUSTER/Resources" """
    folder: RelativePath = ""
    """relative to the datacenter's VM folder; empty for that folder itself"""
    create_folder: StrictBool = False
    """the stack owns the folder: it makes it, and removes it with the fleet"""
    names: NamePattern = "{fleet}-{index}"
    annotation: str | None = None
    """None: the source's"""
    pin: StrictBool = True
    """keep DRS from moving the clones: a clone on another host shares no memory"""
    timeout: PositiveMinutes = 30
    """for one clone"""
    wait_for_network: Minutes = 0
    """until a clone's guest reports an address; 0 does not wait"""
    sources: Annotated[tuple[Source, ...], AfterValidator(_at_least_one)]
    guestinfo: dict[GuestinfoKey, GuestinfoPattern] = {}

    @property
    def cluster(self) -> str | None:
        """The cluster of the resource pool: what stands before /Resources in the pool's path, if anything."""
        cluster, found, _ = f"{self.resource_pool}/".partition("/Resources/")
        return cluster if found and cluster else None

    def clone_name(self, index: int) -> str:
        """The name of the clone with this index."""
        return fill(self.names, {"fleet": self.name, "index": index})

    def record_path(self, source: Source) -> PurePosixPath:
        """Where the record of `source` is kept, relative to the project's folder."""
        if source.record is not None:
            return PurePosixPath(source.record)
        alone = len(self.sources) == 1 and "key" not in source.model_fields_set
        return PurePosixPath("sources", f"{self.name}.json" if alone else f"{self.name}-{source.key}.json")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        findings = (*_source_findings(self), *_placement_findings(self), *_name_findings(self))
        if findings:
            raise PydanticCustomError("fleet", "{first}", {"first": str(findings[0]), "findings": findings})
        return self


class FleetFile(Frozen):
    """The whole of fleets.toml."""

    provider: ProviderSettings = ProviderSettings()
    fleets: dict[str, Fleet]


def _source_findings(fleet: Fleet) -> Iterator[Finding]:
    if len(fleet.sources) == 1:
        return
    keys = [source.key for source in fleet.sources]
    for number, source in enumerate(fleet.sources, 1):
        where = f"[[fleets.{fleet.name}.sources]] number {number}"
        if "key" not in source.model_fields_set:
            yield Finding(f"{where}, key", "is missing.", "Each of several sources needs a key of its own.")
        elif source.key in keys[: number - 1]:
            yield Finding(f"{where}, key", f"{source.key!r} is the key of another source.", "Choose another one.")
        if source.count is not None:
            cure = 'Write members = "0-9", and other indexes for the other sources.'
            yield Finding(f"{where}, count", "is only for a fleet's single source.", cure)
    indexes = Counter(index for source in fleet.sources if source.count is None for index in source.indexes)
    if twice := [index for index, times in indexes.items() if times > 1]:
        what = f"index {min(twice)} belongs to two sources."
        yield Finding(f"[[fleets.{fleet.name}.sources]] members", what, "Give each index to one source.")


def _placement_findings(fleet: Fleet) -> Iterator[Finding]:
    table = f"[fleets.{fleet.name}]"
    if fleet.pin and fleet.cluster is None:
        what = f"the clones cannot be pinned: {fleet.resource_pool!r} does not tell the cluster."
        yield Finding(f"{table} resource_pool", what, 'Write it as "CLUSTER/Resources", or pin = false.')
    if fleet.create_folder and not fleet.folder:
        yield Finding(f"{table} folder", "is missing, but create_folder = true asks for it.", "Name the folder.")


def _name_findings(fleet: Fleet) -> Iterator[Finding]:
    """The first of the names that vSphere would refuse, or that stands for two clones."""
    where = f"[fleets.{fleet.name}] names"
    # The same index in two sources is found elsewhere: here it must not look like a fault of the pattern.
    indexes = {index for source in fleet.sources for index in source.indexes}
    taken: set[str] = set()
    for name in map(fleet.clone_name, sorted(indexes)):
        if name in taken:
            cure = 'Put {index} into the pattern, as in "{fleet}-{index}".'
            yield Finding(where, f"{name!r} would be the name of several clones.", cure)
            return
        if len(name) > _LONGEST_VM_NAME:
            what = f"{name!r} has {len(name)} characters; the name of a VM has at most {_LONGEST_VM_NAME}."
            yield Finding(where, what, "Shorten the pattern.")
            return
        if set(name) & set(_NOT_IN_VM_NAMES):
            yield Finding(where, f"{name!r} cannot be the name of a VM.", "Leave out / \\ and %.")
            return
        taken.add(name)

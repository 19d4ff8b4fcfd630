# SPDX-License-Identifier: MPL-2.0
"""Check of the network names in fleets.toml against the networks of vCenter.

The stock provider looks up a network with govmomi's finder. Without a slash, the finder searches all folders of the
datacenter for the name. If it finds several networks, its error does not list them (find/error.go,
MultipleFoundError). A text with a slash is a path.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pyVmomi import vim, vmodl

from instant_clone.errors import Finding
from instant_clone.inventory_names import plain_name, stored_name
from instant_clone.vcenter.lookup.inventory import listed_places, view_of
from instant_clone.vcenter.lookup.selectors import datacenter_path
from instant_clone.vcenter.session.connection import Session
from instant_clone.vcenter.session.faults import vcenter_errors
from instant_clone.vcenter.session.properties import PATH_PROPERTIES, TO_THE_ROOT, ReadObject, retrieve

__all__ = ["NetworkName", "network_findings"]

Collector = vmodl.query.PropertyCollector


@dataclass(frozen=True)
class NetworkName:
    """A name or path of a network in fleets.toml. Managed object ids are not checked."""

    where: str
    """place in the file"""
    datacenter: str
    name: str
    """name or path, with a slash in a name as %2f"""


def network_findings(session: Session, wanted: Sequence[NetworkName]) -> list[Finding]:
    """Return findings about names that several networks have, and about names whose slash is not written as %2f.

    A name that no network has causes no finding, because the plan reports it. The function sends two requests, or more
    if vCenter splits its second answer. It sends no request if `wanted` is empty.

    Raises:
        VcenterError: The networks cannot be read.
    """
    if not wanted or session.content.viewManager is None:
        return []
    with vcenter_errors(session.server, doing="reading the networks"):
        networks = _networks(session, session.content.viewManager)
    return [finding for each in wanted for finding in _findings(each, networks, session.server)]


def _networks(session: Session, manager: vim.view.ViewManager) -> list[ReadObject]:
    parents = [Collector.SelectionSpec(name="parent")]
    objects = retrieve(
        session.content.propertyCollector,
        view_of(manager, session.content.rootFolder, vim.Network),
        [*PATH_PROPERTIES, Collector.PropertySpec(type=vim.Network, pathSet=["name", "parent"])],
        follow=[Collector.TraversalSpec(type=vim.view.ContainerView, path="view", selectSet=parents), *TO_THE_ROOT],
        skip_start=True,
    )
    return [each for each in objects.values() if isinstance(each.object, vim.Network) and each.path is not None]


def _findings(wanted: NetworkName, networks: Iterable[ReadObject], server: str) -> Iterator[Finding]:
    place = datacenter_path(wanted.datacenter)
    here = [each for each in networks if each.datacenter is not None and _parts(each.datacenter) == _parts(place)]
    alike = [each for each in here if plain_name(each.properties["name"]) == plain_name(wanted.name)]
    if "/" not in wanted.name:
        if len(alike) > 1:
            yield _several(wanted, place, alike, server)
        return
    path = wanted.name if wanted.name.startswith("/") else f"{place}/network/{wanted.name}"
    if alike and not any(_parts(str(each.path)) == _parts(path) for each in here):
        what = f"vCenter {server} has no network with the path {path}, but a network with the name {wanted.name}."
        yield Finding(wanted.where, what, f"Write the slash as %2f: {stored_name(plain_name(wanted.name))!r}.")


def _parts(path: str) -> list[str]:
    """Return the displayed names in a path. vCenter can write %2f or %2F for a slash in a name."""
    return [plain_name(name) for name in path.split("/")]


def _several(wanted: NetworkName, place: str, networks: Sequence[ReadObject], server: str) -> Finding:
    count, paths = listed_places(networks)
    what = f"{place} of vCenter {server} has {count} networks with the name {plain_name(wanted.name)}: {paths}."
    return Finding(wanted.where, what, "Use one of these paths, or moid: and the managed object id of one of them.")

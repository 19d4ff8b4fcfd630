# SPDX-License-Identifier: MPL-2.0
"""Simulators with one source for each layout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from instant_clone.errors import ReplicaError
from instant_clone.replica import replicate
from instant_clone.stock_provider.releases import ProviderVersion
from instant_clone.vcenter.lookup.source_lookup import look_up
from instant_clone.vcenter.session.connection import ConnectionSettings, connect
from instant_clone.vm.source_vm import SourceVm
from testkit.layouts.machine import Machine, made
from testkit.simulator import Simulator
from tests.vcsim.client import Client

__all__ = ["Site", "build"]


@dataclass(frozen=True)
class Site:
    """A simulator, a client of the simulator, and its running sources by VM name."""

    simulator: Simulator
    client: Client
    sources: Mapping[str, SourceVm]

    def repeatable(self, release: ProviderVersion) -> dict[str, SourceVm]:
        """Return the sources that vCenter can clone and that `replicate` can express for `release`."""
        refused = self.refused(release)
        return {
            name: source
            for name, source in self.sources.items()
            if name not in refused and not source.tpm_count  # vCenter refuses a source with a TPM
        }

    def refused(self, release: ProviderVersion) -> dict[str, ReplicaError]:
        """Return the error of `replicate` for each source that `release` cannot express."""
        found = {}
        for name, source in self.sources.items():
            try:
                replicate(source, release)
            except ReplicaError as error:
                found[name] = error
        return found


def build(simulator: Simulator, client: Client, machines: Iterable[tuple[str, Machine, str]]) -> Site:
    """Create the VMs, look them up with the product's look-up, and return them with the simulator.

    Each element of `machines` is a name, a machine, and the language of its device labels.
    """
    names = []
    for name, machine, locale in machines:
        made(simulator, client, machine, name, locale=locale)
        names.append(name)
    settings = ConnectionSettings(simulator.address, simulator.user, simulator.password, allow_unverified_ssl=True)
    with connect(settings) as session:
        return Site(simulator, client, {name: look_up(session, name, datacenter="DC0") for name in names})

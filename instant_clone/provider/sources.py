"""The VMs of the vCenter that the provider is configured for."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from instant_clone.memo import Memo
from instant_clone.provider.messages import DynamicValue
from instant_clone.provider.stock_client import Imported, StockClient

if TYPE_CHECKING:
    # pyvmomi takes a while to import, and most of what Terraform asks a provider for does without.
    from instant_clone.vcenter.clone import Cloner
    from instant_clone.vcenter.clone_source import CloneSource
    from instant_clone.vcenter.session import Session

__all__ = ["Source", "Sources"]


@dataclass(frozen=True)
class Source:
    """A source VM: as the vSphere API has it, and as the stock provider imports it."""

    machine: CloneSource
    imported: Imported


class Sources:
    """What is known of source VMs, each looked up once. One session with vCenter, opened when first needed."""

    def __init__(self, stock: StockClient, environ: Mapping[str, str]) -> None:
        self._stock = stock
        self._environ = environ
        self._configuration: Mapping[str, Any] = {}
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._cloner: Cloner | None = None
        self._imported: Memo[str, Imported] = Memo()

    def configure(self, configuration: Mapping[str, Any]) -> None:
        """Takes over the provider's configuration."""
        self._configuration = configuration

    def cloner(self) -> Cloner:
        """The connection to vCenter, by which clones are made. Raises VcenterError."""
        from instant_clone.provider.credentials import connection_settings
        from instant_clone.vcenter.clone import Cloner, clones_at_once
        from instant_clone.vcenter.session import open_session, require_instant_clone

        with self._lock:
            if self._cloner is None:
                self._session = open_session(connection_settings(self._configuration, self._environ))
                require_instant_clone(self._session)
                self._cloner = Cloner(self._session, at_once=clones_at_once(self._environ))
            return self._cloner

    def machine(self, uuid: str) -> CloneSource:
        """The VM with that BIOS UUID. Raises VcenterError."""
        return self.cloner().source(uuid)

    def source(self, uuid: str, provider_meta: DynamicValue) -> Source:
        """The VM with that BIOS UUID, also as the stock provider imports it. Raises VcenterError, RefusedError."""
        machine = self.machine(uuid)
        imported = self._imported.get(uuid, lambda: self._stock.adopt(machine.inventory_path, provider_meta))
        return Source(machine, imported)

    def close(self) -> None:
        """Logs out, if a session was opened."""
        with self._lock:
            if self._session is not None:
                self._session.close()
                self._session = self._cloner = None

# SPDX-License-Identifier: MPL-2.0
"""The vCenter that the provider is configured for, with the stock provider's own fallbacks, and its VMs."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from cachetools import cachedmethod

from instant_clone.errors import ConnectError, Finding
from instant_clone.plugin.wire.tfplugin5 import DynamicValue
from instant_clone.plugin.wire.upstream_client import Imported, StockClient

if TYPE_CHECKING:
    # pyvmomi takes a while to import, and most of what Terraform asks a provider for does without.
    from instant_clone.vcenter.cloning.clone_task import Cloner
    from instant_clone.vcenter.cloning.live_vm import LiveVm
    from instant_clone.vcenter.session.connection import ConnectionSettings, Session

__all__ = ["ImportedVm", "VcenterClient", "connection_settings"]

_GOODBYE_SECONDS = 3.0
"""for which vCenter may take to let a log-out, or a log-in under way, come to its end: Terraform may be gone already"""


@dataclass(frozen=True)
class ImportedVm:
    """A source VM: as the vSphere API has it, and as the stock provider imports it."""

    vm: LiveVm
    imported: Imported


class VcenterClient:
    """What is known of source VMs, each looked up once. One session with vCenter, opened when first needed."""

    def __init__(self, stock: StockClient, environ: Mapping[str, str]) -> None:
        self._stock = stock
        self._environ = environ
        self._configuration: Mapping[str, Any] = {}
        self._logging_in = threading.Lock()
        """held as long as a log-in takes, which vCenter may not answer"""
        self._lock = threading.Lock()
        """held for what follows"""
        self._closed = False
        self._session: Session | None = None
        self._cloner: Cloner | None = None
        self._imported: dict[Any, Imported] = {}
        self._importing = threading.Condition()

    def configure(self, configuration: Mapping[str, Any]) -> None:
        """Takes over the provider's configuration."""
        self._configuration = configuration

    def cloner(self) -> Cloner:
        """The connection to vCenter, by which clones are made.

        The first who asks logs in, while the others wait. Where that fails no session is left, and the next one tries
        again. Raises VcenterError; after `close` it is a ConnectError.
        """
        from instant_clone.plugin.resource.vcenter_client import connection_settings
        from instant_clone.vcenter.cloning.clone_task import Cloner, clones_at_once
        from instant_clone.vcenter.session.connection import open_session, require_instant_clone

        # Before anybody logs in.
        at_once = clones_at_once(self._environ)
        with self._logging_in:
            cloner = self._opened()
            if cloner is not None:
                return cloner
            session = open_session(connection_settings(self._configuration, self._environ))
            try:
                require_instant_clone(session)
                return self._open(session, Cloner(session, at_once=at_once))
            except BaseException:
                session.close()
                raise

    def _opened(self) -> Cloner | None:
        with self._lock:
            self._require_not_closed()
            return self._cloner

    def _open(self, session: Session, cloner: Cloner) -> Cloner:
        with self._lock:
            self._require_not_closed()
            self._session, self._cloner = session, cloner
            return cloner

    def _require_not_closed(self) -> None:
        if self._closed:
            what = "The plugin has left vCenter, because Terraform has ended it or is gone."
            raise ConnectError(Finding("", what, "Run the command again."))

    def live_vm(self, uuid: str) -> LiveVm:
        """The VM with that BIOS UUID. Raises VcenterError."""
        return self.cloner().live_vm(uuid)

    def source(self, uuid: str, provider_meta: DynamicValue) -> ImportedVm:
        """The VM with that BIOS UUID, also as the stock provider imports it. Raises VcenterError, RefusedError."""
        vm = self.live_vm(uuid)
        return ImportedVm(vm, self._adopted(uuid, vm, provider_meta))

    @cachedmethod(attrgetter("_imported"), key=lambda _, uuid, vm, meta: uuid, condition=attrgetter("_importing"))
    def _adopted(self, uuid: str, vm: LiveVm, meta: DynamicValue) -> Imported:
        return self._stock.adopt(vm.inventory_path, uuid=uuid, moid=vm.machine._moId, provider_meta=meta)

    def close(self) -> None:
        """Logs out, if a session was opened; from now on none is.

        A log-in that is under way logs out by itself. A vCenter that does not answer is not waited for.
        """
        with self._lock:
            self._closed = True
            session = self._session
            self._session = self._cloner = None
        leaving = threading.Thread(target=self._leave, args=(session,), daemon=True)
        leaving.start()
        leaving.join(_GOODBYE_SECONDS)

    def _leave(self, session: Session | None) -> None:
        if session is not None:
            session.close()
        # Whoever logs in logs out before letting go of it.
        with self._logging_in:
            pass


# Variable → the arguments that go before it; VSPHERE_VCENTER and vcenter_server are the deprecated names.
_ARGUMENTS = {
    "VSPHERE_SERVER": ("vsphere_server", "vcenter_server"),
    "VSPHERE_USER": ("user",),
    "VSPHERE_PASSWORD": ("password",),
    "VSPHERE_ALLOW_UNVERIFIED_SSL": ("allow_unverified_ssl",),
}


def connection_settings(configuration: Mapping[str, Any], environ: Mapping[str, str]) -> ConnectionSettings:
    """The settings of the `provider "vsphere"` block, completed from VSPHERE_*.

    Raises ConnectError with all that is missing.
    """
    from instant_clone.vcenter.session.connection import ConnectionSettings

    effective = dict(environ)
    if not effective.get("VSPHERE_SERVER") and effective.get("VSPHERE_VCENTER"):
        effective["VSPHERE_SERVER"] = effective["VSPHERE_VCENTER"]
    for variable, arguments in _ARGUMENTS.items():
        for argument in reversed(arguments):
            value = configuration.get(argument)
            if isinstance(value, (str, bool)):
                effective[variable] = str(value).lower() if isinstance(value, bool) else value
    return ConnectionSettings.from_environment(effective)

# SPDX-License-Identifier: MPL-2.0
"""The connection to the vCenter of the provider configuration, and cached look-ups of source VMs.

For missing arguments, the plugin reads the same environment variables as the stock provider.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from cachetools import cachedmethod

from instant_clone.errors import CloneError, ConnectError, Finding, InstantCloneError
from instant_clone.plugin.resource.diagnostics import unsupported_disks
from instant_clone.plugin.wire.tfplugin5 import Diagnostic, DynamicValue
from instant_clone.plugin.wire.upstream_client import Imported, RefusedError, StockClient, StockGoneError

if TYPE_CHECKING:
    # The import of pyvmomi is slow, and most requests from Terraform do not need it.
    from instant_clone.vcenter.cloning.clone_task import Clone, Cloner
    from instant_clone.vcenter.cloning.live_vm import LiveVm
    from instant_clone.vcenter.session.connection import Session
    from instant_clone.vcenter.session.connection_settings import ConnectionSettings

__all__ = ["ImportedVm", "UnsupportedDisksError", "VcenterClient", "connection_settings"]

_LOGOUT_SECONDS = 3.0
"""the time to wait for a logout, or for a login in progress; Terraform may have exited already"""


class UnsupportedDisksError(RefusedError):
    """The stock provider cannot read a VM, because it does not support the format of the VM's disks."""


@dataclass(frozen=True)
class ImportedVm:
    """A source VM as the vSphere API reports it and as the stock provider imports it."""

    vm: LiveVm
    imported: Imported


class VcenterClient:
    """A vCenter session that the first request opens, and a cache of the imported source VMs."""

    def __init__(self, stock: StockClient, environ: Mapping[str, str]) -> None:
        self._stock = stock
        self._environ = environ
        self._configuration: Mapping[str, Any] = {}
        self._logging_in = threading.Lock()
        """held during a login, which lasts until vCenter responds"""
        self._lock = threading.Lock()
        """protects the attributes below"""
        self._closed = False
        self._session: Session | None = None
        self._cloner: Cloner | None = None
        self._imported: dict[Any, Imported] = {}
        self._importing = threading.Condition()

    def configure(self, configuration: Mapping[str, Any]) -> list[Finding]:
        """Set the provider's configuration, and return a finding for each invalid setting.

        The stock provider's messages do not name the invalid setting. For example, the stock provider looks up the host
        "fd00:" if vsphere_server is fd00::1.
        """
        from instant_clone.vcenter.session.connection_settings import invalid_variables

        self._configuration = configuration
        return invalid_variables(_effective(configuration, self._environ))

    def cloner(self) -> Cloner:
        """Return the connection to vCenter that clones VMs.

        The first caller logs in, and the other callers wait. After a failed login, the next caller logs in.

        Raises:
            ConnectError: vCenter does not respond, or `close` was called.
            VcenterError: vCenter rejects the login, or does not support instant clones.
        """
        from instant_clone.vcenter.cloning.clone_task import Cloner, clones_at_once
        from instant_clone.vcenter.session.connection import open_session, require_instant_clone

        # An invalid parallelism must fail before the login, so that no session stays open.
        at_once = clones_at_once(self._environ)
        with self._logging_in:
            with self._lock:
                self._require_not_closed()
                if self._cloner is not None:
                    return self._cloner
            session = open_session(connection_settings(self._configuration, self._environ))
            try:
                require_instant_clone(session)
                with self._lock:
                    self._require_not_closed()
                    self._session, self._cloner = session, Cloner(session, at_once=at_once)
                    return self._cloner
            except BaseException:
                session.close()
                raise

    def _require_not_closed(self) -> None:
        if self._closed:
            what = "The plugin has logged out of vCenter, because Terraform stopped the plugin or exited."
            raise ConnectError(Finding("", what, "Run the command again."))

    def live_vm(self, uuid: str) -> LiveVm:
        """Return the VM with the BIOS UUID. Raise VcenterError if vCenter rejects the request or finds no VM."""
        return self.cloner().live_vm(uuid)

    def source(self, uuid: str, provider_meta: DynamicValue) -> ImportedVm:
        """Return the VM with the BIOS UUID, and its import by the stock provider.

        Raises:
            RefusedError: the stock provider fails to import the VM.
            VcenterError: vCenter rejects the request or finds no VM.
        """
        vm = self.live_vm(uuid)
        return ImportedVm(vm, self._adopted(uuid, vm, provider_meta))

    @cachedmethod(attrgetter("_imported"), key=lambda _, uuid, vm, meta: uuid, condition=attrgetter("_importing"))
    def _adopted(self, uuid: str, vm: LiveVm, meta: DynamicValue) -> Imported:
        return self.adopt(vm.inventory_path, uuid=uuid, moid=vm.machine._moId, provider_meta=meta)

    def adopt(self, inventory_path: str, *, uuid: str, moid: str, provider_meta: DynamicValue) -> Imported:
        """Import and read a VM, as `StockClient.adopt`.

        Raises:
            StockGoneError: the stock provider's process has ended.
            UnsupportedDisksError: the stock provider does not support the format of the VM's disks.
            RefusedError: the stock provider answered with other errors.
            CloneError: the stock provider read another VM.
        """
        try:
            return self._stock.adopt(inventory_path, uuid=uuid, moid=moid, provider_meta=provider_meta)
        except StockGoneError:
            raise
        except RefusedError as failure:
            if reason := self.unsupported_disks(inventory_path, moid, in_state=False):
                raise UnsupportedDisksError([*failure.diagnostics, *reason]) from None
            raise

    def adopt_clone(self, clone: Clone, meta: DynamicValue) -> tuple[Clone, Imported]:
        """Import a new clone. If it is not at the requested path, import it from its current path.

        Return the clone with the path that the import used. The exceptions are those of `adopt`.
        """

        def imported(clone: Clone) -> Imported:
            moid = clone.machine._moId
            return self.adopt(clone.inventory_path, uuid=clone.uuid, moid=moid, provider_meta=meta)

        try:
            return clone, imported(clone)
        except StockGoneError:
            raise
        except (RefusedError, CloneError):
            located = self._located(clone)
            if located == clone:
                raise
        return located, imported(located)

    def _located(self, clone: Clone) -> Clone:
        """Return the clone with its current path, or unchanged if vCenter does not return the path."""
        try:
            return self.cloner().located(clone)
        except InstantCloneError:
            return clone

    def unsupported_disks(self, name: str, moid: str, *, in_state: bool = True) -> list[Diagnostic]:
        """Return an error if the format of a VM's disks explains why the stock provider failed to read the VM.

        The error message begins with `name`. `in_state` says whether the VM is a clone that the state contains.
        """
        try:
            found = self.cloner().unsupported_disks(moid)
        except InstantCloneError:
            # The error of the stock provider has the cause, for example a VM that no longer exists.
            return []
        return [unsupported_disks(name, found, in_state=in_state)] if found else []

    def close(self) -> None:
        """Log out of vCenter if a session is open. Allow no further login.

        A thread that is logging in logs out again after its login. The method does not wait for a vCenter that does not
        respond.
        """
        with self._lock:
            self._closed = True
            session = self._session
            self._session = self._cloner = None
        leaving = threading.Thread(target=self._log_out, args=(session,), daemon=True)
        leaving.start()
        leaving.join(_LOGOUT_SECONDS)

    def _log_out(self, session: Session | None) -> None:
        if session is not None:
            session.close()
        # A thread that is logging in logs out again before it releases the lock.
        with self._logging_in:
            pass


# Environment variable → the arguments that take precedence; VSPHERE_VCENTER and vcenter_server are deprecated names.
_ARGUMENTS = {
    "VSPHERE_SERVER": ("vsphere_server", "vcenter_server"),
    "VSPHERE_USER": ("user",),
    "VSPHERE_PASSWORD": ("password",),
    "VSPHERE_ALLOW_UNVERIFIED_SSL": ("allow_unverified_ssl",),
    "VSPHERE_API_TIMEOUT": ("api_timeout",),
}


def connection_settings(configuration: Mapping[str, Any], environ: Mapping[str, str]) -> ConnectionSettings:
    """Return the connection settings of the `provider "vsphere"` block, completed from the VSPHERE_* variables.

    Raises:
        ConnectError: settings are missing or invalid. The error lists all of them.
    """
    from instant_clone.vcenter.session.connection_settings import ConnectionSettings

    return ConnectionSettings.from_environment(_effective(configuration, environ))


def _effective(configuration: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables, replaced by the arguments that take precedence."""
    effective = dict(environ)
    if not effective.get("VSPHERE_SERVER") and effective.get("VSPHERE_VCENTER"):
        effective["VSPHERE_SERVER"] = effective["VSPHERE_VCENTER"]
    for variable, arguments in _ARGUMENTS.items():
        for argument in reversed(arguments):
            value = configuration.get(argument)
            if isinstance(value, (str, bool, int)):
                effective[variable] = str(value).lower() if isinstance(value, bool) else str(value)
    return effective

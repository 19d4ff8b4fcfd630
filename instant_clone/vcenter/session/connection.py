# SPDX-License-Identifier: MPL-2.0
"""A session with vCenter: login and logout."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from http import HTTPStatus
from http.client import HTTPException
from threading import Lock
from typing import Any

from pyVmomi import vim, vmodl
from pyVmomi.VmomiSupport import GetServiceVersions, ManagedObject, versionIdMap

from instant_clone.errors import ConnectError, Finding, VcenterError
from instant_clone.vcenter.session.connection_settings import ConnectionSettings
from instant_clone.vcenter.session.faults import vcenter_errors
from instant_clone.vcenter.session.https import VcenterConnection, tls_context
from instant_clone.vcenter.session.properties import retrieve
from instant_clone.vcenter.session.reauthentication import RenewingStub

__all__ = [
    "ConnectionSettings",
    "Session",
    "connect",
    "open_session",
    "read_properties",
    "release_of",
    "require_instant_clone",
]

OLDEST_VCENTER = (6, 7, 0)
# Terraform applies ten resources at a time.
POOLED_CONNECTIONS = 10
# Proxies and vCenter close idle connections after a much longer time. A request on a closed connection would fail.
IDLE_SECONDS = 30
LARGEST_VERSIONS_FILE = 1 << 20


class Session:
    """A session with vCenter, which several threads may share. `open_session` opens it, `close` ends it."""

    def __init__(
        self,
        service_instance: vim.ServiceInstance,
        content: vim.ServiceInstanceContent,
        *,
        server: str,
    ) -> None:
        self.service_instance = service_instance
        self.content = content
        self.server = server
        self._lock = Lock()
        self._open = True

    @property
    def search_index(self) -> vim.SearchIndex:
        """vCenter's search index."""
        if self.content.searchIndex is None:
            raise VcenterError(Finding(self.server, "the server has no search index."))
        return self.content.searchIndex

    def close(self) -> None:
        """Log out and drop the connections. Ignore errors. A second call has no effect."""
        with self._lock:
            was_open, self._open = self._open, False
        if was_open:
            stub = self.service_instance._GetStub()
            if isinstance(stub, RenewingStub):
                stub.give_up()
            # Errors do not matter, because vCenter ends an idle session after its time-out.
            with suppress(Exception):
                _session_manager(self.content).Logout()
            with suppress(Exception):
                stub.DropConnections()


@contextmanager
def connect(settings: ConnectionSettings) -> Iterator[Session]:
    """Open a session for the `with` block, and close it afterwards. See `open_session` for the errors."""
    session = open_session(settings)
    try:
        yield session
    finally:
        session.close()


def open_session(settings: ConnectionSettings) -> Session:
    """Log in, and return the session. The caller closes the session.

    Raises:
        ConnectError: vCenter is not reachable, or its certificate cannot be verified.
        LoginError: vCenter refuses the user.
    """
    host, port = settings.address
    context = tls_context(verify=not settings.allow_unverified_ssl)
    with vcenter_errors(settings.server):
        stub = RenewingStub(
            host=host,
            port=port,
            version=_newest_version(settings, context),
            # Without a context, pyvmomi does not verify a server on the loopback interface.
            sslContext=context,
            httpConnectionTimeout=settings.timeout,
            proxy=settings.proxy,
            poolSize=POOLED_CONNECTIONS,
            connectionPoolTimeout=IDLE_SECONDS,
        )
        try:
            service_instance = vim.ServiceInstance("ServiceInstance", stub)
            content = service_instance.RetrieveContent()
            log_in = partial(_session_manager(content).Login, settings.user, settings.password, None)
            log_in()
        except BaseException:
            stub.DropConnections()  # type: ignore[no-untyped-call]
            raise
    stub.renew_with(log_in)
    return Session(service_instance, content, server=settings.server)


def require_instant_clone(session: Session) -> None:
    """Raise VcenterError unless the server is a vCenter 6.7 or later. An ESXi host cannot instant-clone."""
    about = session.content.about
    if about.apiType != "VirtualCenter":
        raise VcenterError(
            Finding(
                session.server,
                f"the server is {about.fullName}, but only a vCenter can instant-clone.",
                "Use the vCenter that manages the host.",
            )
        )
    if release_of(about) < OLDEST_VCENTER:
        raise VcenterError(
            Finding(session.server, f"vCenter {about.version} cannot instant-clone.", "Use vCenter 6.7 or later.")
        )


def release_of(about: vim.AboutInfo) -> tuple[int, int, int]:
    """Return the release of a server, such as (7, 0, 3) for vCenter 7.0.3. Missing parts are 0."""
    numbers = [int(number) for number in re.findall(r"\d+", about.version)[:3]]
    major, minor, patch = [*numbers, 0, 0, 0][:3]
    return major, minor, patch


def _session_manager(content: vim.ServiceInstanceContent) -> vim.SessionManager:
    if content.sessionManager is None:
        raise HTTPException("the server has no session manager")
    return content.sessionManager


def _newest_version(settings: ConnectionSettings, context: ssl.SSLContext) -> str:
    """Return pyvmomi's name of the newest API version that both the server and pyvmomi support.

    pyvmomi has a function for this, but it waits for the server's answer without a time-out.
    """
    connection = VcenterConnection(*settings.address, timeout=settings.timeout, context=context, proxy=settings.proxy)
    try:
        connection.request("GET", "/sdk/vimServiceVersions.xml")
        with connection.getresponse() as response:
            if response.status not in (HTTPStatus.OK, HTTPStatus.NOT_FOUND):
                # For example, a vCenter that is still starting answers with 503.
                raise HTTPException(f"{response.status} {response.reason}")
            answer = response.read(LARGEST_VERSIONS_FILE).decode(errors="replace")
    finally:
        connection.close()
    served = set(re.findall(r"<version>\s*([\w.]+)\s*</version>", answer))
    for version in GetServiceVersions("vim25"):
        if versionIdMap[version] in served:
            return str(version)
    raise ConnectError(
        Finding(settings.server, "the server is not a vCenter that pyvmomi supports.", "Check VSPHERE_SERVER.")
    )


def read_properties(session: Session, start: ManagedObject, *paths: str) -> Mapping[str, Any]:
    """Return the properties of `start` with the given paths, without unset properties. Send one request."""
    specification = vmodl.query.PropertyCollector.PropertySpec(type=type(start), pathSet=list(paths))
    return retrieve(session.content.propertyCollector, start, [specification])[start._moId].properties

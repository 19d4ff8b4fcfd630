# SPDX-License-Identifier: MPL-2.0
"""A session with vCenter: connection settings, login and logout."""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from http.client import HTTPException, HTTPSConnection
from threading import Lock
from typing import Any

from pyVmomi import vim, vmodl
from pyVmomi.VmomiSupport import GetServiceVersions, ManagedObject, versionIdMap

from instant_clone.errors import ConnectError, Finding, VcenterError
from instant_clone.vcenter.session.faults import vcenter_errors
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
# The values of Go's strconv.ParseBool. The vSphere provider reads VSPHERE_ALLOW_UNVERIFIED_SSL with it.
GO_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}


@dataclass(frozen=True)
class ConnectionSettings:
    """The address of a vCenter and the user who logs in. `str` and `repr` do not show the password."""

    server: str
    """host or host:port; an IPv6 address may be in brackets, and must be in brackets before a port"""
    user: str
    password: str = field(repr=False)
    allow_unverified_ssl: bool = False
    timeout: float = 30
    """seconds; the limit for a connection and for each answer"""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> ConnectionSettings:
        """Return the settings from the vSphere provider's variables VSPHERE_*.

        Raises:
            ConnectError: Variables are missing or invalid. The error has a finding for each of these variables.
        """
        findings = [
            Finding("", f"{name} is not set.", cure)
            for name, cure in (
                ("VSPHERE_SERVER", "Set it to vCenter's host, or host:port."),
                ("VSPHERE_USER", "Set it to the user who logs in."),
                ("VSPHERE_PASSWORD", "Set it to that user's password."),
            )
            if not environ.get(name)
        ]
        server = environ.get("VSPHERE_SERVER", "")
        if server and _parse_address(server) is None:
            findings.append(_address_finding(server))
        unverified = environ.get("VSPHERE_ALLOW_UNVERIFIED_SSL") or "false"
        if unverified not in GO_BOOLEANS:
            findings.append(
                Finding(
                    "",
                    f"VSPHERE_ALLOW_UNVERIFIED_SSL must be true or false, not {unverified!r}.",
                    "Set it to true, or unset it.",
                )
            )
        if findings:
            raise ConnectError(*findings)
        return cls(server, environ["VSPHERE_USER"], environ["VSPHERE_PASSWORD"], GO_BOOLEANS[unverified])

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of `server`.

        Raises:
            ConnectError: `server` is neither host nor host:port.
        """
        address = _parse_address(self.server)
        if address is None:
            raise ConnectError(_address_finding(self.server))
        return address


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
    context = _tls_context(verify=not settings.allow_unverified_ssl)
    with vcenter_errors(settings.server):
        stub = RenewingStub(
            host=host,
            port=port,
            version=_newest_version(settings, context),
            # Without a context, pyvmomi does not verify a server on the loopback interface.
            sslContext=context,
            httpConnectionTimeout=settings.timeout,
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


def _parse_address(server: str) -> tuple[str, int] | None:
    match = re.fullmatch(r"(?:\[(?P<ipv6>[^\[\]]+)\]|(?P<host>[^\s/@:\[\]]+))(?::(?P<port>\d{1,5}))?", server, re.ASCII)
    if match is None:
        return (server, 443) if _is_ipv6(server) else None
    port = int(match["port"] or 443)
    if not 0 < port < 65536 or (match["ipv6"] and not _is_ipv6(match["ipv6"])):
        return None
    return match["ipv6"] or match["host"], port


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _address_finding(server: str) -> Finding:
    return Finding(
        "", f"VSPHERE_SERVER must be host or host:port, not {server!r}.", 'Use the form "vcenter.example:443".'
    )


def _tls_context(*, verify: bool) -> ssl.SSLContext:
    if not verify:
        # The default context loads the machine's certificate authorities, which cost 1.5 MB in each plugin.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    context = ssl.create_default_context()
    # Since Python 3.13, the default context refuses certificates without extensions that RFC 5280 requires. The vSphere
    # provider accepts such certificates, and vCenter's certificate authority has issued some of them.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _newest_version(settings: ConnectionSettings, context: ssl.SSLContext) -> str:
    """Return pyvmomi's name of the newest API version that both the server and pyvmomi support.

    pyvmomi has a function for this, but it waits for the server's answer without a time-out.
    """
    connection = HTTPSConnection(*settings.address, timeout=settings.timeout, context=context)
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
    (found,) = retrieve(session.content.propertyCollector, start, [specification])
    return found.properties

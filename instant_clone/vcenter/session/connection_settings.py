# SPDX-License-Identifier: MPL-2.0
"""The settings of a connection to vCenter, from the environment variables of the stock provider."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from instant_clone.errors import ConnectError, Finding
from instant_clone.vcenter.session.proxies import Proxy, proxy_for

__all__ = ["ConnectionSettings", "invalid_variables"]

_UNVERIFIED = "VSPHERE_ALLOW_UNVERIFIED_SSL"
_TIMEOUT = "VSPHERE_API_TIMEOUT"
_LONGEST_SECONDS = 1_000_000
"""the limit of a time-out: Python's sockets do not accept more than 2**31 milliseconds"""

# The values of Go's strconv.ParseBool. The vSphere provider reads VSPHERE_ALLOW_UNVERIFIED_SSL with it.
GO_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}


@dataclass(frozen=True)
class ConnectionSettings:
    """The address of a vCenter and the user who logs in. `str` and `repr` do not show the password."""

    server: str
    """host or host:port; an IPv6 address must be in brackets"""
    user: str
    password: str = field(repr=False)
    allow_unverified_ssl: bool = False
    timeout: float = 30
    """seconds; the limit for a connection and for each answer"""
    proxy: Proxy | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> ConnectionSettings:
        """Return the settings from the vSphere provider's variables VSPHERE_*, HTTPS_PROXY and NO_PROXY.

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
        findings.extend(invalid_variables(environ))
        server = environ.get("VSPHERE_SERVER", "")
        proxy = None
        if (address := _parse_address(server)) is not None:
            try:
                proxy = proxy_for(*address, environ)
            except ConnectError as error:
                findings.extend(error.findings)
        if findings:
            raise ConnectError(*findings)
        minutes = environ.get(_TIMEOUT)
        return cls(
            server,
            environ["VSPHERE_USER"],
            environ["VSPHERE_PASSWORD"],
            GO_BOOLEANS[environ.get(_UNVERIFIED) or "false"],
            timeout=min(60.0 * int(minutes), _LONGEST_SECONDS) if minutes else cls.timeout,
            proxy=proxy,
        )

    @property
    def address(self) -> tuple[str, int]:
        """The host and the port of `server`.

        Raises:
            ConnectError: `server` has neither the form host nor the form host:port.
        """
        address = _parse_address(self.server)
        if address is None:
            raise ConnectError(_address_finding(self.server))
        return address


def invalid_variables(environ: Mapping[str, str]) -> list[Finding]:
    """Return a finding for each of the provider's variables that is set to an invalid value."""
    findings = []
    server = environ.get("VSPHERE_SERVER", "")
    if server and _parse_address(server) is None:
        findings.append(_address_finding(server))
    unverified = environ.get(_UNVERIFIED) or "false"
    if unverified not in GO_BOOLEANS:
        what = f"{_UNVERIFIED} must be true or false, not {unverified!r}."
        findings.append(Finding("", what, "Set it to true, or unset it."))
    timeout = environ.get(_TIMEOUT)
    # The provider's type is a number of minutes (vsphere/provider.go, api_timeout). With 0, its requests fail at once.
    if timeout and re.fullmatch(r"[1-9][0-9]{0,7}", timeout) is None:
        what = f"{_TIMEOUT} must be a number of minutes from 1 to 99999999, not {timeout!r}."
        findings.append(Finding("", what, "Set a number such as 5, or unset it."))
    return findings


def _parse_address(server: str) -> tuple[str, int] | None:
    match = re.fullmatch(r"(?:\[(?P<ipv6>[^\[\]]+)\]|(?P<host>[^\s/@:\[\]]+))(?::(?P<port>\d{1,5}))?", server, re.ASCII)
    if match is None:
        return None
    port = int(match["port"] or 443)
    if not 0 < port < 65536 or (match["ipv6"] and not _is_ipv6(match["ipv6"])):
        return None
    return (match["ipv6"] or match["host"], port) if match["ipv6"] or _is_host(match["host"]) else None


def _is_host(name: str) -> bool:
    # Python's look-up of an invalid name such as "vcenter..example" fails with the same error.
    try:
        name.encode("idna")
    except UnicodeError:
        return False
    return True


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _address_finding(server: str) -> Finding:
    if _is_ipv6(server):
        # The provider parses "https://" + server + "/sdk" with url.Parse (vsphere/config.go, vimURL). Go uses the
        # part after the last colon as the port: for "fd00::1", the host is "fd00:" and the port is 1.
        what = f"VSPHERE_SERVER must have brackets around an IPv6 address, not {server!r}."
        return Finding("", what, f'Use the form "[{server}]", or "[{server}]:443" with a port.')
    return Finding(
        "", f"VSPHERE_SERVER must be host or host:port, not {server!r}.", 'Use the form "vcenter.example:443".'
    )

# SPDX-License-Identifier: MPL-2.0
"""Selection of the HTTP proxy for requests to vCenter, with the rules of the stock provider.

The stock provider uses Go's http.ProxyFromEnvironment (govmomi v0.55.1, vim25/soap/client.go, NewClient). The rules are
those of golang.org/x/net/http/httpproxy v0.54.0, proxy.go: FromEnvironment, parseProxy, useProxy and init. Python's
urllib.request.proxy_bypass has other rules. For example, it does not support networks such as 10.0.0.0/8. Go ignores a
value of HTTPS_PROXY that is not a URL. This module raises an error, because the user did not request a direct
connection.
"""

from __future__ import annotations

import ipaddress
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from instant_clone.errors import ConnectError, Finding

__all__ = ["Proxy", "ascii_name", "proxy_for"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_FORM = (
    'Use the form "http://proxy.example:3128" or "http://user:password@proxy.example:3128". Encode special characters '
    "of the password, such as %23 for #."
)


@dataclass(frozen=True)
class Proxy:
    """An HTTP proxy that connects to vCenter with CONNECT. `str` and `repr` do not show the user and the password."""

    host: str
    port: int
    user: str | None = field(default=None, repr=False)
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def headers(self) -> dict[str, str]:
        """Return the headers that authenticate the user to the proxy (RFC 9110, 11.7.1)."""
        if self.user is None:
            return {}
        credentials = b64encode(f"{self.user}:{self.password}".encode()).decode()
        return {"Proxy-Authorization": f"Basic {credentials}"}


def proxy_for(host: str, port: int, environ: Mapping[str, str]) -> Proxy | None:
    """Return the proxy for requests to a server, or None for a direct connection.

    Raises:
        ConnectError: HTTPS_PROXY is not the URL of an HTTP proxy. The message does not contain the value.
    """
    name = next((name for name in ("HTTPS_PROXY", "https_proxy") if environ.get(name)), None)
    no_proxy = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    if name is None or not _uses_proxy(host, str(port), no_proxy):
        return None
    return _proxy_from_url(environ[name], name)


def ascii_name(host: str) -> str:
    """Return the ASCII form of a host name, as DNS, TLS and proxies need it.

    Raises:
        UnicodeError: The name has no such form, for example because a label is empty.
    """
    return host if host.isascii() else host.encode("idna").decode()


def _proxy_from_url(url: str, name: str) -> Proxy:
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    # urlsplit ends the host at / ? and #. A later @ belongs to a password with one of these characters.
    if not host or port == 0 or "@" in f"{parts.path}{parts.query}{parts.fragment}" or re.search(r"\s", url):
        raise ConnectError(Finding(name, "the value is not the URL of an HTTP proxy.", _FORM))
    if parts.scheme != "http":
        what = f"a proxy with the scheme {parts.scheme} is not supported; the look-up and the plugin need http."
        raise ConnectError(Finding(name, what, "Set an HTTP proxy, or add vCenter's host to NO_PROXY."))
    user = None if parts.username is None else unquote(parts.username)
    return Proxy(host, port or 80, user, unquote(parts.password or ""))


def _uses_proxy(host: str, port: str, no_proxy: str) -> bool:
    host = ascii_name(host)
    address = _address(host.partition("%")[0])
    if host == "localhost" or (address is not None and address.is_loopback):
        return False
    entries = [entry for part in no_proxy.split(",") if (entry := part.strip().lower())]
    return "*" not in entries and not any(_matches(entry, host.lower(), port, address) for entry in entries)


def _matches(entry: str, host: str, port: str, address: Address | None) -> bool:
    network = _network(entry)
    if network is not None:
        return address is not None and address in network
    named = re.fullmatch(r"(?:\[(?P<ipv6>[^\[\]]*)\]|(?P<host>[^:\[\]]*)):(?P<port>[^:\[\]]*)", entry)
    name, wanted = (named["ipv6"] or named["host"] or "", named["port"]) if named else (entry, "")
    if not name or wanted not in ("", port):
        return False
    if (listed := _address(name)) is not None:
        return listed == address
    if address is not None:
        return False
    try:
        name = ascii_name(name.removeprefix("*"))
    except UnicodeError:
        return False
    return host.endswith(name) if name.startswith(".") else host == name or host.endswith(f".{name}")


def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    # ip_network also accepts masks such as /255.0.0.0, which Go does not.
    if re.search(r"/[0-9]+$", entry) is None:
        return None
    try:
        return ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return None


def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    # Go treats ::ffff:10.0.0.1 and 10.0.0.1 as the same address.
    return getattr(address, "ipv4_mapped", None) or address

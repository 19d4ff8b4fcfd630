# SPDX-License-Identifier: MPL-2.0
"""Tests of the selection of the proxy. The expected results in the table come from Go's httpproxy v0.54.0."""

from __future__ import annotations

import pytest

from instant_clone.errors import ConnectError
from instant_clone.vcenter.session.connection_settings import ConnectionSettings
from instant_clone.vcenter.session.proxies import Proxy, proxy_for

URL = "http://proxy.example:3128"
PROXY = Proxy("proxy.example", 3128)
GO = [
    ("vcenter.example", 443, "", "proxy"),
    ("vcenter.example", 443, "*", "direct"),
    ("vcenter.example", 443, "other.example,*", "direct"),
    ("vcenter.example", 443, "vcenter.example", "direct"),
    ("vcenter.example", 443, "VCENTER.Example", "direct"),
    ("vcenter.example", 443, " vcenter.example ", "direct"),
    ("VCenter.Example", 443, "vcenter.example", "direct"),
    ("vcenter.example", 443, "example", "direct"),
    ("vcenter.example", 443, ".example", "direct"),
    ("vcenter.example", 443, "*.example", "direct"),
    ("vcenter.example", 443, ".vcenter.example", "proxy"),
    ("vcenter.example", 443, "*.vcenter.example", "proxy"),
    ("myvcenter.example", 443, "vcenter.example", "proxy"),
    ("vcenter.example", 443, "vcenter.example:443", "direct"),
    ("vcenter.example", 8443, "vcenter.example:443", "proxy"),
    ("vcenter.example", 443, ".example:443", "direct"),
    ("vcenter.example", 443, "example:8443", "proxy"),
    ("vcenter.example", 443, "vcenter.example:https", "proxy"),
    ("vcenter.example", 443, "vcenter.example:", "direct"),
    ("vcenter.example", 443, ":443", "proxy"),
    ("vcenter.example", 443, ", ,", "proxy"),
    ("192.0.2.7", 443, "192.0.2.7", "direct"),
    ("192.0.2.7", 443, "192.0.2.0/24", "direct"),
    ("192.0.2.7", 443, "192.0.2.99/24", "direct"),
    ("192.0.2.7", 443, "198.51.100.0/24", "proxy"),
    ("192.0.2.7", 443, "192.0.2.0/255.255.255.0", "proxy"),
    ("192.0.2.7", 443, "192.0.2.7:443", "direct"),
    ("192.0.2.7", 8443, "192.0.2.7:443", "proxy"),
    ("192.0.2.7", 443, "2.7", "proxy"),
    ("192.0.2.7", 443, ".7", "proxy"),
    ("192.0.2.7", 443, "*", "direct"),
    ("192.0.2.7", 443, "192.0.2.007", "proxy"),
    ("fd00::7", 443, "fd00::7", "direct"),
    ("fd00::7", 443, "fd00:0::7", "direct"),
    ("fd00::7", 443, "[fd00::7]", "proxy"),
    ("fd00::7", 443, "[fd00::7]:443", "direct"),
    ("fd00::7", 8443, "[fd00::7]:443", "proxy"),
    ("fd00::7", 443, "fd00::/8", "direct"),
    ("fd00::7", 443, "2001:db8::/32", "proxy"),
    ("fd00::7", 443, "192.0.2.0/24", "proxy"),
    ("192.0.2.7", 443, "::/0", "proxy"),
    ("fd00::7", 443, "0.0.0.0/0", "proxy"),
    ("::ffff:192.0.2.7", 443, "192.0.2.0/24", "direct"),
    ("192.0.2.7", 443, "::ffff:192.0.2.7", "direct"),
    ("localhost", 443, "", "direct"),
    ("LOCALHOST", 443, "", "proxy"),
    ("vc.localhost", 443, "", "proxy"),
    ("127.0.0.1", 443, "", "direct"),
    ("127.9.9.9", 8443, "", "direct"),
    ("::1", 443, "", "direct"),
    ("::ffff:127.0.0.1", 443, "", "direct"),
    ("vcenter", 443, "example", "proxy"),
    ("vcenter", 443, "vcenter", "direct"),
    ("vcenter.example.", 443, "vcenter.example", "proxy"),
    ("vcenter.example", 443, "vcenter.example.", "proxy"),
    ("xn--bcher-kva.example", 443, "bücher.example", "direct"),
    ("fe80::1%eth0", 443, "fe80::1", "direct"),
    ("vcenter.example", 443, "10.0.0.0/8 vcenter.example", "proxy"),
    ("vcenter.example", 443, "https://vcenter.example", "proxy"),
]
"""host of vCenter, port, NO_PROXY, Go's answer with HTTPS_PROXY set"""


@pytest.mark.parametrize(("host", "port", "no_proxy", "expected"), GO)
@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
def test_no_proxy_follows_the_rules_of_go(host: str, port: int, no_proxy: str, expected: str, variable: str) -> None:
    chosen = proxy_for(host, port, {"HTTPS_PROXY": URL, variable: no_proxy})
    assert chosen == (PROXY if expected == "proxy" else None)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"HTTPS_PROXY": ""}, None),
        ({"HTTP_PROXY": URL, "http_proxy": URL, "ALL_PROXY": URL}, None),
        ({"HTTPS_PROXY": URL}, PROXY),
        ({"https_proxy": URL}, PROXY),
        ({"HTTPS_PROXY": URL, "https_proxy": "http://other.example"}, PROXY),
        ({"HTTPS_PROXY": "", "https_proxy": URL}, PROXY),
        ({"HTTPS_PROXY": URL, "NO_PROXY": "other.example", "no_proxy": "*"}, PROXY),
        ({"HTTPS_PROXY": URL, "NO_PROXY": "", "no_proxy": "*"}, None),
    ],
)
def test_variables_in_capitals_take_precedence(environ: dict[str, str], expected: Proxy | None) -> None:
    assert proxy_for("vcenter.example", 443, environ) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://proxy.example", Proxy("proxy.example", 80)),
        ("proxy.example", Proxy("proxy.example", 80)),
        ("proxy.example:3128", PROXY),
        ("127.0.0.1:3128", Proxy("127.0.0.1", 3128)),
        ("[fd00::9]:3128", Proxy("fd00::9", 3128)),
        ("HTTP://proxy.example:3128/", PROXY),
        ("http://ann@proxy.example:3128", Proxy("proxy.example", 3128, "ann", "")),
        ("ann:sesame@proxy.example:3128", Proxy("proxy.example", 3128, "ann", "sesame")),
        ("http://ann:se%23s%3Ame@proxy.example:3128", Proxy("proxy.example", 3128, "ann", "se#s:me")),
    ],
)
def test_proxy_is_a_url_or_host_and_port(url: str, expected: Proxy) -> None:
    assert proxy_for("vcenter.example", 443, {"HTTPS_PROXY": url}) == expected


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "http://:3128",
        "http://proxy.example:sesame",
        "http://proxy.example:99999",
        "http://proxy.example:0",
        "http://[fd00::9",
        "fd00::9",
        "http://ann:se#same@proxy.example:3128",
        "http://ann:se/same@proxy.example:3128",
        "http://ann:12/sesame@proxy.example:3128",
        "http://ann:12?sesame@proxy.example:3128",
        "http://ann:se same@proxy.example:3128",
        " http://ann:sesame@proxy.example:3128",
        "http://ann:se\nsame@proxy.example:3128",
    ],
)
def test_rejects_an_invalid_value_and_does_not_show_it(url: str) -> None:
    with pytest.raises(ConnectError) as caught:
        proxy_for("vcenter.example", 443, {"https_proxy": url})
    assert str(caught.value) == (
        "https_proxy: the value is not the URL of an HTTP proxy."
        ' Use the form "http://proxy.example:3128" or "http://user:password@proxy.example:3128".'
        " Encode special characters of the password, such as %23 for #."
    )


@pytest.mark.parametrize("scheme", ["https", "socks5", "socks5h"])
def test_rejects_a_proxy_of_another_kind(scheme: str) -> None:
    environ = {"HTTPS_PROXY": f"{scheme}://ann:sesame@proxy.example:1080"}
    with pytest.raises(ConnectError) as caught:
        proxy_for("vcenter.example", 443, environ)
    assert str(caught.value) == (
        f"HTTPS_PROXY: a proxy with the scheme {scheme} is not supported; the look-up and the plugin need http."
        " Set an HTTP proxy, or add vCenter's host to NO_PROXY."
    )
    assert proxy_for("vcenter.example", 443, environ | {"NO_PROXY": "vcenter.example"}) is None


def test_credentials_become_a_header_and_are_not_shown() -> None:
    proxy = Proxy("proxy.example", 3128, "ann", "sésame:1")
    assert proxy.headers() == {"Proxy-Authorization": "Basic YW5uOnPDqXNhbWU6MQ=="}
    assert (str(proxy), repr(proxy)) == ("proxy.example:3128", "Proxy(host='proxy.example', port=3128)")
    assert PROXY.headers() == {}


COMPLETE = {"VSPHERE_SERVER": "vcenter.example:8443", "VSPHERE_USER": "ann", "VSPHERE_PASSWORD": "sesame"}


def test_connection_settings_contain_the_proxy_of_the_server() -> None:
    environ = COMPLETE | {"HTTPS_PROXY": "http://bob:hush@proxy.example:3128"}
    settings = ConnectionSettings.from_environment(environ)
    assert settings.proxy == Proxy("proxy.example", 3128, "bob", "hush")
    assert "hush" not in repr(settings)
    assert ConnectionSettings.from_environment(environ | {"NO_PROXY": "vcenter.example:8443"}).proxy is None
    assert ConnectionSettings.from_environment(environ | {"NO_PROXY": "vcenter.example:443"}).proxy is not None


def test_reports_an_invalid_proxy_together_with_other_invalid_settings() -> None:
    with pytest.raises(ConnectError) as caught:
        ConnectionSettings.from_environment(
            COMPLETE | {"VSPHERE_USER": "", "HTTPS_PROXY": "socks5://proxy.example:1080"}
        )
    assert [str(finding).partition(".")[0] for finding in caught.value.findings] == [
        "VSPHERE_USER is not set",
        "HTTPS_PROXY: a proxy with the scheme socks5 is not supported; the look-up and the plugin need http",
    ]

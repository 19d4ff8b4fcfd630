# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

from typing import Any, cast

import msgpack
import pytest

from instant_clone.errors import ConnectError
from instant_clone.plugin.resource.vcenter_client import VcenterClient, connection_settings
from instant_clone.plugin.wire.upstream_client import StockClient
from instant_clone.vcenter.session.connection import ConnectionSettings

ENVIRONMENT = {
    "VSPHERE_SERVER": "env.example",
    "VSPHERE_USER": "env-user",
    "VSPHERE_PASSWORD": "env-password",
    "VSPHERE_ALLOW_UNVERIFIED_SSL": "false",
}
FROM_ENVIRONMENT = ConnectionSettings("env.example", "env-user", "env-password", allow_unverified_ssl=False)
NOTHING = {"vsphere_server": None, "vcenter_server": None, "user": None, "password": None, "allow_unverified_ssl": None}


@pytest.mark.parametrize("configuration", [{}, NOTHING])
def test_reads_missing_settings_from_the_environment(configuration: dict[str, Any]) -> None:
    assert connection_settings(configuration, ENVIRONMENT) == FROM_ENVIRONMENT


def test_configuration_takes_precedence_over_the_environment() -> None:
    configuration = {
        "vsphere_server": "config.example:8443",
        "user": "config-user",
        "password": "config-password",
        "allow_unverified_ssl": True,
    }

    assert connection_settings(configuration, ENVIRONMENT) == ConnectionSettings(
        "config.example:8443", "config-user", "config-password", allow_unverified_ssl=True
    )
    assert connection_settings(configuration, {}) == connection_settings(configuration, ENVIRONMENT)


def test_configured_false_takes_precedence_over_a_true_variable() -> None:
    environment = ENVIRONMENT | {"VSPHERE_ALLOW_UNVERIFIED_SSL": "true"}

    assert connection_settings({"allow_unverified_ssl": False}, environment).allow_unverified_ssl is False
    assert connection_settings({}, environment).allow_unverified_ssl is True


def test_accepts_deprecated_names() -> None:
    environment = {key: value for key, value in ENVIRONMENT.items() if key != "VSPHERE_SERVER"}

    assert connection_settings({}, environment | {"VSPHERE_VCENTER": "old.example"}).server == "old.example"
    assert connection_settings({}, ENVIRONMENT | {"VSPHERE_VCENTER": "old.example"}).server == "env.example"
    assert connection_settings({"vcenter_server": "older.example"}, ENVIRONMENT).server == "older.example"
    both = {"vcenter_server": "older.example", "vsphere_server": "new.example"}
    assert connection_settings(both, ENVIRONMENT).server == "new.example"


def test_reads_an_unknown_setting_from_the_environment() -> None:
    assert connection_settings({"password": msgpack.ExtType(0, b"")}, ENVIRONMENT) == FROM_ENVIRONMENT


def test_reads_the_time_out_of_requests() -> None:
    variable = ENVIRONMENT | {"VSPHERE_API_TIMEOUT": "2"}

    assert connection_settings({}, ENVIRONMENT).timeout == 30
    assert connection_settings({}, variable).timeout == 120
    assert connection_settings({"api_timeout": 7}, variable).timeout == 420
    assert connection_settings({"api_timeout": None}, variable).timeout == 120
    with pytest.raises(ConnectError) as caught:
        connection_settings({"api_timeout": 0}, variable)
    assert str(caught.value) == (
        "VSPHERE_API_TIMEOUT must be a number of minutes from 1 to 99999999, not '0'. Set a number such as 5, or unset "
        "it."
    )


def test_reports_all_missing_settings_at_once() -> None:
    with pytest.raises(ConnectError) as caught:
        connection_settings({"user": "config-user"}, {})

    assert str(caught.value) == (
        "VSPHERE_SERVER is not set. Set it to vCenter's host, or host:port.\n"
        "VSPHERE_PASSWORD is not set. Set it to that user's password."
    )


def test_configuration_is_checked_for_invalid_values_only() -> None:
    """The stock provider reports missing values itself."""
    client = VcenterClient(cast(StockClient, None), {"VSPHERE_API_TIMEOUT": "soon"})

    assert list(map(str, client.configure({"vsphere_server": "fd00::1"}))) == [
        "VSPHERE_SERVER must have brackets around an IPv6 address, not 'fd00::1'."
        ' Use the form "[fd00::1]", or "[fd00::1]:443" with a port.',
        "VSPHERE_API_TIMEOUT must be a number of minutes from 1 to 99999999, not 'soon'."
        " Set a number such as 5, or unset it.",
    ]
    assert client.configure({"vsphere_server": "[fd00::1]", "api_timeout": 5}) == []

# SPDX-License-Identifier: MPL-2.0
"""The connection that the provider's configuration asks for, with the stock provider's own fallbacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from instant_clone.vcenter.session import ConnectionSettings

__all__ = ["connection_settings"]

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
    effective = dict(environ)
    if not effective.get("VSPHERE_SERVER") and effective.get("VSPHERE_VCENTER"):
        effective["VSPHERE_SERVER"] = effective["VSPHERE_VCENTER"]
    for variable, arguments in _ARGUMENTS.items():
        for argument in reversed(arguments):
            value = configuration.get(argument)
            if isinstance(value, (str, bool)):
                effective[variable] = str(value).lower() if isinstance(value, bool) else value
    return ConnectionSettings.from_environment(effective)

# SPDX-License-Identifier: MPL-2.0
"""The optional dependencies of the distribution: the packages of each extra."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from types import MappingProxyType
from typing import Final, Literal

__all__ = ["Extra", "missing_package", "require"]

Extra = Literal["plugin", "synth"]

_DISTRIBUTION: Final = "instant-clone-fleet"
# The same packages as in pyproject.toml: top-level module → package. `require` looks for them in this order.
_PACKAGES: Final[Mapping[Extra, Mapping[str, str]]] = MappingProxyType(
    {
        "plugin": MappingProxyType(
            {"grpc": "grpcio", "google": "protobuf", "msgpack": "msgpack", "cryptography": "cryptography"}
        ),
        "synth": MappingProxyType(
            {
                "cdktf": "cdktf",
                "cdktf_cdktf_provider_vsphere": "cdktf-cdktf-provider-vsphere",
                "constructs": "constructs",
                "jsii": "jsii",
            }
        ),
    }
)


def missing_package(error: ModuleNotFoundError) -> str | None:
    """Return a message with the missing package and its extra, or None if no extra contains the module."""
    module = (error.name or "").partition(".")[0]
    for extra, packages in _PACKAGES.items():
        if module in packages:
            return f"the package {packages[module]} is missing. Install {_DISTRIBUTION}[{extra}]."
    return None


def require(extra: Extra) -> None:
    """Check that every package of `extra` is installed. Import no package.

    Raises:
        ModuleNotFoundError: a package is missing. `missing_package` accepts the error.
    """
    for module in _PACKAGES[extra]:
        # Type stubs and other distributions also use the namespace package `google`.
        if not _is_installed("google.protobuf" if module == "google" else module):
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False

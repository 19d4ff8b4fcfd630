# SPDX-License-Identifier: MPL-2.0
"""Compare the configuration of a clone in vCenter with the configuration of its source."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from tests.vcsim.client import plain

__all__ = ["MAY_DIFFER", "differences_of"]

MAY_DIFFER = (
    "changeVersion",
    "createDate",
    "modified",
    "name",
    "uuid",
    "instanceUuid",
    r"files\.(vmPathName|snapshotDirectory|suspendDirectory|logDirectory)",
    r"hardware\.device\[\d+\]\.(macAddress|addressType)",
    r"hardware\.device\[\d+\]\.backing(\.parent)*\.(fileName|uuid|contentId|deltaDiskFormat|parent)",
)
"""regular expressions of property paths below `config` that may differ: identity, files and MAC addresses"""
_ALLOWED = re.compile("|".join(f"(?:{path})" for path in MAY_DIFFER))


def differences_of(source: Any, clone: Any, *, added: Collection[str] = ()) -> list[str]:
    """Return the differences between two VMs, as "path: value of the source → value of the clone".

    `added` are the extra_config keys that the clone has received.
    """
    before = {**_flat(plain(source.config), ""), **_runtime(source)}
    after = {**_flat(plain(clone.config), ""), **_runtime(clone)}
    ignored = {f"extraConfig[{key}]" for key in added}
    return [
        f"{path}: {before.get(path)!r} → {after.get(path)!r}"
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path) and not _ALLOWED.fullmatch(path) and path not in ignored
    ]


def _runtime(vm: Any) -> dict[str, Any]:
    return {
        "runtime.host": str(vm.runtime.host),
        "runtime.powerState": vm.runtime.powerState,
        "network": [str(network) for network in vm.network],
        "tag": [str(tag) for tag in vm.tag],
        "customValue": [str(value) for value in vm.customValue],
    }


def _flat(value: Any, path: str) -> dict[str, Any]:
    if path == "extraConfig":
        return {f"{path}[{option['key']}]": option["value"] for option in value}
    return dict(_leaves(value, path))


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(inner, f"{path}.{name}" if path else name).items()
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _flat(inner, f"{path}[{index}]").items()
    else:
        yield path, value

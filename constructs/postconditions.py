# SPDX-License-Identifier: MPL-2.0
"""Terraform postconditions that compare a source with its recorded hardware."""

from __future__ import annotations

from .literals import literal

__all__ = ["postconditions"]


def postconditions(*, vm: str, recorded: str, disks: int, network_interfaces: int, cure: str) -> list[dict[str, str]]:
    """Return the postconditions for the lifecycle of a vsphere_virtual_machine data source.

    `vm` is the source's inventory path. `recorded` is the address of a local value with the keys `values`, `disks` and
    `network_interfaces`. It contains the data source's attributes at the time of the look-up, with devices keyed by
    position. `disks` and `network_interfaces` are the numbers of devices at that time. `cure` is the action that ends
    each error message.
    """
    subject = literal(f"The source {vm}")
    return [
        _count("disks", disks, subject, cure),
        _count("network_interfaces", network_interfaces, subject, cure),
        _unchanged(f"[for name, value in {recorded}.values", "]", "${name}", "self[name]", subject, cure),
        _devices("disks", recorded, subject, cure),
        _devices("network_interfaces", recorded, subject, cure),
    ]


def _count(devices: str, count: int, subject: str, cure: str) -> dict[str, str]:
    words = devices.replace("_", " ")
    message = (
        f"{subject} has ${{length(self.{devices})}} {words} and had {count} when it was looked up. {literal(cure)}"
    )
    return {"condition": f"${{length(self.{devices}) == {count}}}", "errorMessage": message.strip()}


def _devices(devices: str, recorded: str, subject: str, cure: str) -> dict[str, str]:
    # try() ignores a missing device, because the postcondition on the number of devices reports it.
    found = f"try(self.{devices}[index][name], value)"
    each = f"flatten([for index, device in {recorded}.{devices} : [for name, value in device"
    return _unchanged(each, "]])", f"{devices}[${{index}}].${{name}}", found, subject, cure)


def _unchanged(each: str, end: str, name: str, found: str, subject: str, cure: str) -> dict[str, str]:
    """Return the postcondition that `found` equals `value` for all items.

    `each` and `end` are the parts of the Terraform expression that iterates over `name` and `value`.
    """
    text = f'"{name} is ${{jsonencode({found})}} and was ${{jsonencode(value)}}"'
    differences = f"{each} : {text} if {found} != value{end}"
    message = f'{subject} has changed since it was looked up: ${{join(", ", {differences})}}. {literal(cure)}'
    return {"condition": f"${{alltrue({each} : {found} == value{end})}}", "errorMessage": message.strip()}

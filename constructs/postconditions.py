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
        _values(f"{recorded}.values", subject, cure),
        _devices("disks", f"{recorded}.disks", subject, cure),
        _devices("network_interfaces", f"{recorded}.network_interfaces", subject, cure),
    ]


def _count(devices: str, count: int, subject: str, cure: str) -> dict[str, str]:
    words = devices.replace("_", " ")
    message = (
        f"{subject} has ${{length(self.{devices})}} {words} and had {count} when it was looked up. {literal(cure)}"
    )
    return {"condition": f"${{length(self.{devices}) == {count}}}", "errorMessage": message.strip()}


def _values(recorded: str, subject: str, cure: str) -> dict[str, str]:
    each = f"for name, value in {recorded}"
    differences = f"[{each} : {_difference_text('${name}', 'self[name]')} if self[name] != value]"
    return {
        "condition": f"${{alltrue([{each} : self[name] == value])}}",
        "errorMessage": _changed_message(differences, subject, cure),
    }


def _devices(devices: str, recorded: str, subject: str, cure: str) -> dict[str, str]:
    # try() ignores a missing device, because the postcondition on the number of devices reports it.
    found = f"try(self.{devices}[index][name], value)"
    each = f"[for index, device in {recorded} : [for name, value in device"
    differences = (
        f"flatten({each} : {_difference_text(f'{devices}[${{index}}].${{name}}', found)} if {found} != value]])"
    )
    return {
        "condition": f"${{alltrue(flatten({each} : {found} == value]]))}}",
        "errorMessage": _changed_message(differences, subject, cure),
    }


def _difference_text(name: str, found: str) -> str:
    return f'"{name} is ${{jsonencode({found})}} and was ${{jsonencode(value)}}"'


def _changed_message(differences: str, subject: str, cure: str) -> str:
    return f'{subject} has changed since it was looked up: ${{join(", ", {differences})}}. {literal(cure)}'.strip()

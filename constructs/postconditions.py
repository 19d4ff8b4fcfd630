# SPDX-License-Identifier: MPL-2.0
"""What a source's data source has to find, in Terraform's expressions."""

from __future__ import annotations

from .literals import literal

__all__ = ["postconditions"]


def postconditions(*, vm: str, recorded: str, disks: int, network_interfaces: int, cure: str) -> list[dict[str, str]]:
    """Postconditions of a data source vsphere_virtual_machine, as its lifecycle takes them.

    `recorded` is the address of a local value with `values`, `disks` and `network_interfaces`: what the data source
    had for its properties when `vm` was looked up, the devices by their positions. `disks` and `network_interfaces`
    are the numbers of all devices there were.
    """
    whose = literal(f"The source {vm}")
    return [
        _count("disks", disks, whose, cure),
        _count("network_interfaces", network_interfaces, whose, cure),
        _values(f"{recorded}.values", whose, cure),
        _devices("disks", f"{recorded}.disks", whose, cure),
        _devices("network_interfaces", f"{recorded}.network_interfaces", whose, cure),
    ]


def _count(devices: str, count: int, whose: str, cure: str) -> dict[str, str]:
    words = devices.replace("_", " ")
    message = f"{whose} has ${{length(self.{devices})}} {words} and had {count} when it was looked up. {literal(cure)}"
    return {"condition": f"${{length(self.{devices}) == {count}}}", "errorMessage": message.strip()}


def _values(recorded: str, whose: str, cure: str) -> dict[str, str]:
    each = f"for name, value in {recorded}"
    differences = f"[{each} : {_told('${name}', 'self[name]')} if self[name] != value]"
    return {
        "condition": f"${{alltrue([{each} : self[name] == value])}}",
        "errorMessage": _changed(differences, whose, cure),
    }


def _devices(devices: str, recorded: str, whose: str, cure: str) -> dict[str, str]:
    # A device that is missing is the matter of the count.
    found = f"try(self.{devices}[index][name], value)"
    each = f"[for index, device in {recorded} : [for name, value in device"
    differences = f"flatten({each} : {_told(f'{devices}[${{index}}].${{name}}', found)} if {found} != value]])"
    return {
        "condition": f"${{alltrue(flatten({each} : {found} == value]]))}}",
        "errorMessage": _changed(differences, whose, cure),
    }


def _told(name: str, found: str) -> str:
    return f'"{name} is ${{jsonencode({found})}} and was ${{jsonencode(value)}}"'


def _changed(differences: str, whose: str, cure: str) -> str:
    return f'{whose} has changed since it was looked up: ${{join(", ", {differences})}}. {literal(cure)}'.strip()

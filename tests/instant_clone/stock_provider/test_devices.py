# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

import pytest

from instant_clone.stock_provider.devices import (
    disk_place,
    disk_text,
    interface_order,
    unit_number,
    unit_numbers_on_bus,
)
from instant_clone.stock_provider.releases import ProviderVersion

UNKNOWN = object()


@pytest.mark.parametrize(
    ("controller", "bus", "unit", "own_unit", "number"),
    [
        ("scsi", 0, 0, 7, 0),
        ("scsi", 0, 6, 7, 6),
        ("scsi", 0, 8, 7, 7),
        ("scsi", 0, 15, 7, 14),
        ("scsi", 1, 0, 7, 15),
        ("scsi", 3, 15, 7, 59),
        ("scsi", 0, 8, None, 7),
        ("scsi", 0, 5, 3, 4),
        ("sata", 1, 2, None, 32),
        ("ide", 1, 1, None, 3),
        ("nvme", 1, 8, None, 72),
    ],
)
def test_unit_numbers_are_consecutive_over_all_buses_of_a_kind(
    controller: str, bus: int, unit: int, own_unit: int | None, number: int
) -> None:
    assert unit_number(controller, bus, unit, own_unit) == number


@pytest.mark.parametrize(
    ("controller", "number", "first", "last"),
    [("scsi", 0, 0, 14), ("scsi", 15, 15, 29), ("sata", 31, 30, 59), ("nvme", 64, 64, 78)],
)
def test_bus_has_one_place_per_supported_disk(controller: str, number: int, first: int, last: int) -> None:
    assert unit_numbers_on_bus(controller, number) == range(first, last + 1)


@pytest.mark.parametrize(
    ("disk", "place"),
    [
        ({}, ("scsi", 0)),
        ({"controller_type": None, "unit_number": None}, ("scsi", 0)),
        ({"controller_type": "sata", "unit_number": 3}, ("sata", 3)),
        ({"unit_number": UNKNOWN}, ("scsi", UNKNOWN)),
    ],
)
def test_place_uses_the_defaults_of_the_schema(disk: dict[str, object], place: tuple[object, object]) -> None:
    assert disk_place(disk) == place


def test_disk_text_has_place_and_size() -> None:
    assert disk_text({"unit_number": 3, "size": 20}) == "scsi unit 3, 20 GiB"
    assert disk_text({"controller_type": "nvme", "size": UNKNOWN}) == "nvme unit 0"


@pytest.mark.parametrize(("release", "order"), [("2.5.1", (1, 0, 2)), ("2.6.0", (0, 1, 2))])
def test_releases_before_2_6_order_interfaces_by_pci_unit(release: str, order: tuple[int, ...]) -> None:
    assert interface_order([9, 7, 10], ProviderVersion(release)) == order

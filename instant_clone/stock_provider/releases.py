# SPDX-License-Identifier: MPL-2.0
"""The releases of the stock vSphere provider, and the releases that changed its behaviour.

The facts come from the provider's tags 2.0.2 to 2.16.1: resource_vsphere_virtual_machine.go,
virtual_machine_config_structure.go and internal/virtualdevice/virtual_machine_*_subresource.go. The facts of 2.17.0
come from the same files of the main branch of 2026-07-23 (commit b45b5b41), because the tag was not available.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import groupby

from packaging.version import Version

__all__ = [
    "ANNOTATION_COMPUTED",
    "AUTOMATIC_CORES_PER_SOCKET",
    "AUTOMATIC_CORES_RESENT",
    "BINDINGS_RELEASE",
    "CLUSTER_CHANGE_MOVES",
    "DATA_SOURCE_TAKES_UUID",
    "DEFAULT_RELEASE",
    "DEVICE_LABELS_IMPORTED",
    "EXECUTION_MODES_COMPUTED",
    "EXECUTION_MODES_WITHOUT_DEFAULT",
    "FIRST_HARDWARE_WITH_NUMA",
    "INTERFACES_IN_DEVICE_ORDER",
    "NEWEST_CHECKED",
    "NVME_DISKS_IMPORTED",
    "OLDEST_SUPPORTED",
    "RELEASES",
    "SATA_AND_IDE_DISKS_IMPORTED",
    "SATA_AND_IDE_DISKS_LOST",
    "SATA_AND_IDE_DISKS_REPAIRED",
    "SECOND_CDROM",
    "SYNC_TIME_BY_DEFAULT",
    "UNIT_NUMBERS_ABOVE_59",
    "VMXNET3VRDMA",
    "VTPM_COUNTED",
    "ProviderVersion",
    "allows_hardware_version",
    "releases_where",
]


class ProviderVersion(Version):
    """A release of the stock provider, such as "2.16.1". Releases compare as versions.

    `str` gives the release in the notation of the provider's list of releases.

    Raises:
        ValueError: The text is not a release. Each release of the stock provider has three numbers, and the registry
            has no pre-releases.
    """

    def __init__(self, text: str) -> None:
        if not re.fullmatch(r"v?\d+\.\d+\.\d+", text, re.ASCII):
            raise ValueError(f"{text!r} is not a release such as 2.16.1")
        super().__init__(text)


RELEASES = tuple(
    ProviderVersion(f"2.{minor}.{patch}")
    for minor, patches in (
        (0, (2,)),
        (1, (0, 1)),
        (2, (0,)),
        (3, (0, 1)),
        (4, (0, 1, 2, 3)),
        (5, (0, 1)),
        (6, (0, 1)),
        (7, (0,)),
        (8, (0, 1, 2, 3)),
        (9, (0, 1, 2, 3)),
        (10, (0,)),
        (11, (0, 1)),
        (12, (0,)),
        (13, (0,)),
        (14, (0, 1, 2)),
        (15, (0, 1, 2)),
        (16, (0, 1)),
        (17, (0,)),
    )
    for patch in patches
)
"""the releases from whose source code the facts are taken, oldest first"""
OLDEST_SUPPORTED = RELEASES[0]
NEWEST_CHECKED = RELEASES[-1]
DEFAULT_RELEASE = ProviderVersion("2.16.1")
"""the release that is used if no other release is selected: the newest one whose tag has been read"""

ANNOTATION_COMPUTED = ProviderVersion("2.1.0")
"""without `annotation`, the VM keeps its annotation; earlier releases remove the annotation"""
SATA_AND_IDE_DISKS_IMPORTED = ProviderVersion("2.2.0")
SECOND_CDROM = ProviderVersion("2.3.0")
"""the schema allows two `cdrom` blocks; earlier releases allow one"""
VMXNET3VRDMA = ProviderVersion("2.3.0")
"""`network_interface.adapter_type` can be vmxnet3vrdma"""
INTERFACES_IN_DEVICE_ORDER = ProviderVersion("2.6.0")
"""network interfaces are read in the order of `config.hardware.device`; earlier releases use the PCI unit numbers"""
SYNC_TIME_BY_DEFAULT = ProviderVersion("2.7.0")
"""`sync_time_with_host` defaults to true; earlier releases have no default"""
DEVICE_LABELS_IMPORTED = ProviderVersion("2.7.0")
"""an imported disk has the label of its device ("Hard disk 1"); earlier, it has "disk0" and `keep_on_remove` true"""
EXECUTION_MODES_COMPUTED = ProviderVersion("2.8.2")
"""without `hv_mode` and `ept_rvi_mode`, the VM keeps its values; earlier releases except 2.8.0 have defaults"""
EXECUTION_MODES_WITHOUT_DEFAULT = ProviderVersion("2.8.0")
"""the release in which `hv_mode` and `ept_rvi_mode` have no default and are not computed"""
NVME_DISKS_IMPORTED = ProviderVersion("2.11.0")
SATA_AND_IDE_DISKS_LOST = ProviderVersion("2.11.0")
"""the first release whose refresh searches as many buses for SATA and IDE disks as there are SCSI controllers"""
SATA_AND_IDE_DISKS_REPAIRED = ProviderVersion("2.16.0")
"""the first release whose refresh searches all buses for SATA and IDE disks again"""
VTPM_COUNTED = ProviderVersion("2.14.0")
"""an update compares the VM's TPMs with the `vtpm` blocks; in earlier releases, each change adds a TPM"""
UNIT_NUMBERS_ABOVE_59 = ProviderVersion("2.16.0")
AUTOMATIC_CORES_PER_SOCKET = ProviderVersion("2.16.0")
"""`num_cores_per_socket` 0 means automatic"""
AUTOMATIC_CORES_RESENT = (ProviderVersion("2.16.0"), ProviderVersion("2.16.1"))
"""the first and the last release that send num_cores_per_socket 0 in every reconfiguration of a VM with this value
(pull request 2732)"""
CLUSTER_CHANGE_MOVES = ProviderVersion("2.1.0")
"""a change of datastore_cluster_id relocates the VM, even if the VM is already on the target datastore"""
DATA_SOURCE_TAKES_UUID = ProviderVersion("2.2.0")
"""the data source has the argument `uuid`; earlier releases find a VM only by name or inventory path"""
BINDINGS_RELEASE = ProviderVersion("2.15.0")
"""the release from which the bindings of cdktf-cdktf-provider-vsphere 11.2 are generated"""

FIRST_HARDWARE_WITH_NUMA = 20
"""the first hardware version for which the provider sets `num_cores_per_numa_node`"""

_HARDWARE_VERSIONS = (
    (ProviderVersion("2.15.0"), (4, 7, 8, 9, 10, 11, 13, 14, 15, 17, 18, 19, 20, 21, 22)),
    (ProviderVersion("2.5.1"), tuple(range(4, 22))),
    (ProviderVersion("2.0.2"), tuple(range(4, 20))),
)


def allows_hardware_version(version: ProviderVersion, hardware_version: int) -> bool:
    """Return whether the schema of `version` allows `hardware_version` (19 for vmx-19)."""
    return hardware_version in next((allowed for since, allowed in _HARDWARE_VERSIONS if version >= since), ())


def releases_where(holds: Callable[[ProviderVersion], bool]) -> str:
    """Return the text of the checked releases for which `holds` returns true.

    Examples are "2.16.0 or newer" and "2.2.0 to 2.10.0". The text is "" if there is no such release.
    """
    return ", ".join(_runs(holds))


def _runs(holds: Callable[[ProviderVersion], bool]) -> Iterator[str]:
    for holding, group in groupby(RELEASES, holds):
        run = list(group)
        if not holding:
            continue
        if run[-1] == NEWEST_CHECKED:
            yield f"{run[0]} or newer"
        else:
            yield str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}"

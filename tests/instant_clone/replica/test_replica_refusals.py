# SPDX-License-Identifier: MPL-2.0
"""Tests of hardware and settings that the provider, or an older release, cannot reproduce."""

from __future__ import annotations

from typing import Any

import pytest

from instant_clone.errors import Finding, ReplicaError
from instant_clone.replica import replicate
from instant_clone.stock_provider.releases import ProviderVersion
from instant_clone.vm.source_vm import Boot, Cdrom, Controller, Numa, SourceVm
from tests.instant_clone.replica.replica_layouts import IDE, controller, default, disk, nic, nvme, pvscsi, sata

NEWEST = ProviderVersion("2.16.1")
AT = "/DC0/vm/golden-0"


def findings(source: SourceVm, version: str = "2.16.1") -> list[Finding]:
    with pytest.raises(ReplicaError) as raised:
        replicate(source, ProviderVersion(version))
    return list(raised.value.findings)


def the_finding(source: SourceVm, version: str = "2.16.1") -> tuple[str, str]:
    """Return `where` and `what` of the only finding."""
    (finding,) = findings(source, version)
    assert finding.cure
    return finding.where, finding.what


def changed(part: str, **changes: Any) -> SourceVm:
    return default(**{part: getattr(default(), part).model_copy(update=changes)})


NEVER = {
    "template": (default(template=True), AT, "The source is a template, which never runs."),
    "PCI passthrough": (
        default(pci_passthrough_count=2),
        AT,
        "The source has 2 PCI passthrough device(s), which an instant clone cannot share.",
    ),
    "no network interface": (
        default(nics=()),
        AT,
        "The source has no network interface; the provider requires one.",
    ),
    "too many network interfaces": (
        default(nics=tuple(nic(key=4000 + unit, unit=7 + unit) for unit in range(11))),
        AT,
        "The source has 11 network interfaces; the provider allows 10.",
    ),
    "SR-IOV": (
        default(nics=(nic("VirtualSriovEthernetCard"),)),
        f"{AT}, network interface 4000 (DC0_DVPG0)",
        "An SR-IOV interface holds memory and a physical function, so the VM cannot be instant-cloned.",
    ),
    "old adapter": (
        default(nics=(nic("VirtualPCNet32"),)),
        f"{AT}, network interface 4000 (DC0_DVPG0)",
        "The interface is a VirtualPCNet32; the provider supports e1000, e1000e, vmxnet3, vmxnet3vrdma.",
    ),
    "network that is gone": (
        default(nics=(nic(network_id="", network_name=""),)),
        f"{AT}, network interface 4000",
        "The interface's network does not exist.",
    ),
    "unknown network": (
        default(nics=(nic(network_kind="unknown", network_id=""),)),
        f"{AT}, network interface 4000 (DC0_DVPG0)",
        "The provider cannot read the interface's backing.",
    ),
    "no disk": (default(disks=()), AT, "The source has no disk that the provider sees; the provider requires one."),
    "no disk at unit 0": (
        default(disks=(disk(unit=1), disk(unit=2))),
        AT,
        "No disk has unit_number 0 (1 on IDE), which the provider requires.",
    ),
    "disk at IDE 0:0": (
        default(disks=(disk(), disk("ide", unit=0))),
        f"{AT}, disk IDE(0:0)",
        "The provider reserves IDE(0:0) for a CD-ROM drive and refuses a disk at this place.",
    ),
    "wide controller": (
        default(disks=(disk(), disk(unit=16))),
        f"{AT}, disk SCSI(0:16)",
        "The provider treats units above 15 as units of the next SCSI controller.",
    ),
    "raw device": (
        default(disks=(disk(), disk(unit=1, backing="RawDiskMappingVer1BackingInfo"))),
        f"{AT}, disk SCSI(0:1)",
        "The disk's backing is RawDiskMappingVer1BackingInfo; the provider imports only FlatVer2BackingInfo.",
    ),
    "thin and eager": (
        default(disks=(disk(eagerly_scrub=True),)),
        f"{AT}, disk SCSI(0:0)",
        "The disk is both thin and eagerly scrubbed, which the provider refuses.",
    ),
    "BusLogic": (
        default(controllers=(*IDE, controller("scsi", 0, "VirtualBusLogicController"))),
        f"{AT}, SCSI controller 0",
        "The controller is a VirtualBusLogicController; the provider supports only lsilogic, lsilogic-sas and pvscsi.",
    ),
    "mixed SCSI types": (
        default(controllers=(*IDE, pvscsi(0), controller("scsi", 1, "VirtualLsiLogicController"))),
        f"{AT}, SCSI controllers",
        (
            "The SCSI controllers have several types (ParaVirtualSCSIController, VirtualLsiLogicController); "
            "the provider supports one type per VM."
        ),
    ),
    "mixed SCSI sharing": (
        default(
            controllers=(
                *IDE,
                pvscsi(0),
                Controller(
                    kind="scsi", bus=1, type="ParaVirtualSCSIController", shared_bus="virtualSharing", own_unit=7
                ),
            )
        ),
        f"{AT}, SCSI controllers",
        (
            "The SCSI controllers have different bus sharing (noSharing, virtualSharing); the provider supports one "
            "setting per VM."
        ),
    ),
    "three CD-ROM drives": (
        default(cdroms=(Cdrom(backing="other"),) * 3),
        AT,
        "The source has 3 CD-ROM drives, more than provider 2.16.1 allows.",
    ),
    "vApp by ISO without a client drive": (
        default(vapp_transport=("iso",), cdroms=(Cdrom(backing="iso", datastore_id="datastore-1", path="a.iso"),)),
        AT,
        (
            "The source's vApp properties have the transport iso only, for which the provider requires a client CD-ROM "
            "drive."
        ),
    ),
}


@pytest.mark.parametrize(("source", "where", "what"), NEVER.values(), ids=NEVER)
def test_rejects_hardware_that_every_release_lacks(source: SourceVm, where: str, what: str) -> None:
    assert the_finding(source) == (where, what)


def test_rejects_an_sesparse_disk_and_names_the_file_system() -> None:
    assert findings(default(disks=(disk(backing="SeSparseBackingInfo"),))) == [
        Finding(
            f"{AT}, disk SCSI(0:0)",
            "The disk's backing is SeSparseBackingInfo, the format of delta disks on VMFS 6; the provider imports only "
            "FlatVer2BackingInfo.",
            "No release of the provider supports such a VM. Use a source whose disks are on a datastore with another "
            "file system, such as vSAN.",
        )
    ]


LATER = {
    "hardware version 20": (default(hardware_version=20), "2.5.0", "2.5.1 or newer"),
    "hardware version 22": (default(hardware_version=22), "2.14.2", "2.15.0 or newer"),
    "hardware version 12": (default(hardware_version=12), "2.15.0", "2.0.2 to 2.14.2"),
    "tools upgrade policy": (changed("tools", upgrade_policy="upgradeAtPowerCycle"), "2.0.2", "2.1.0 or newer"),
    "reservation locked to maximum": (
        changed(
            "memory",
            reservation_locked_to_max=True,
            allocation=default().memory.allocation.model_copy(update={"reservation": 4096}),
        ),
        "2.6.1",
        "2.7.0 or newer",
    ),
    "cores per NUMA node": (
        default(hardware_version=20, numa=Numa(auto_cores_per_node=False, cores_per_node=2)),
        "2.15.2",
        "2.16.0 or newer",
    ),
    "unset cores per socket": (changed("cpu", cores_per_socket=0), "2.16.0", "2.0.2 to 2.15.2"),
    "NUMA settings without cores": (default(numa=Numa()), "2.16.0", "2.0.2 to 2.15.2"),
    "TPM": (default(tpm_count=1), "2.9.3", "2.14.0 or newer"),
    "TPM that each change adds to": (default(tpm_count=1), "2.13.0", "2.14.0 or newer"),
    "NVMe controller": (default(controllers=(*IDE, pvscsi(), nvme())), "2.10.0", "2.11.0 or newer"),
    "SATA disk before import": (
        default(controllers=(*IDE, pvscsi(), sata()), disks=(disk(), disk("sata"))),
        "2.1.1",
        "2.2.0 or newer",
    ),
    "IDE disk before import": (default(disks=(disk(), disk("ide", bus=0, unit=1))), "2.0.2", "2.2.0 or newer"),
    "SATA disk without SCSI controller": (
        default(controllers=(*IDE, sata()), disks=(disk("sata"),)),
        "2.15.0",
        "2.2.0 to 2.10.0, 2.16.0 or newer",
    ),
    "IDE disk beyond the SCSI controllers": (
        default(disks=(disk(), disk("ide", bus=1, unit=0))),
        "2.11.0",
        "2.2.0 to 2.10.0, 2.16.0 or newer",
    ),
    "stray SATA disk within the SCSI controllers": (
        default(
            controllers=(*IDE, pvscsi(0), pvscsi(1), sata(1)),
            disks=(disk(), disk("sata", bus=1)),
        ),
        "2.15.2",
        "2.2.0 to 2.10.0, 2.16.0 or newer",
    ),
    "NVMe on bus 1": (
        default(controllers=(*IDE, pvscsi(), nvme(0), nvme(1)), disks=(disk(), disk("nvme", bus=1))),
        "2.15.0",
        "2.16.0 or newer",
    ),
    "NVMe unit 60": (
        default(controllers=(*IDE, pvscsi(), nvme(0)), disks=(disk(), disk("nvme", unit=60))),
        "2.15.0",
        "2.16.0 or newer",
    ),
    "vmxnet3vrdma": (default(nics=(nic("VirtualVmxnet3Vrdma"),)), "2.2.0", "2.3.0 or newer"),
    "interface without PCI unit": (default(nics=(nic(unit=None),)), "2.5.1", "2.6.0 or newer"),
    "second CD-ROM drive": (default(cdroms=(Cdrom(backing="other"),) * 2), "2.2.0", "2.3.0 or newer"),
}


@pytest.mark.parametrize(("source", "version", "releases"), LATER.values(), ids=LATER)
def test_names_the_releases_that_support_the_hardware(source: SourceVm, version: str, releases: str) -> None:
    (finding,) = findings(source, version)
    assert finding.cure == f"Use release {releases} of the vSphere provider."
    replicate(source, NEWEST if "newer" in releases else ProviderVersion("2.14.2"))


def test_reports_both_an_unsupported_disk_and_its_controller() -> None:
    source = default(controllers=(*IDE, pvscsi(), nvme()), disks=(disk(), disk("nvme")))
    assert [str(finding) for finding in findings(source, "2.10.0")] == [
        (
            "/DC0/vm/golden-0, nvme_controller_count: Provider 2.10.0 does not support nvme_controller_count, which is "
            "1 on the source. Use release 2.11.0 or newer of the vSphere provider."
        ),
        (
            "/DC0/vm/golden-0, disk NVMe(0:0): Provider 2.10.0 does not see NVMe disks. "
            "Use release 2.11.0 or newer of the vSphere provider."
        ),
    ]


def test_reports_an_unsupported_argument_with_the_source_value() -> None:
    source = changed("tools", upgrade_policy="upgradeAtPowerCycle")
    assert the_finding(source, "2.0.2") == (
        "/DC0/vm/golden-0, tools_upgrade_policy",
        'Provider 2.0.2 does not support tools_upgrade_policy, which is "upgradeAtPowerCycle" on the source.',
    )


def test_rejects_a_tpm_without_efi() -> None:
    source = default(tpm_count=1, boot=Boot(firmware="bios"))
    assert the_finding(source) == (
        "/DC0/vm/golden-0, vtpm",
        "The source has a TPM and firmware bios; the provider reads a TPM only with efi.",
    )


def test_reports_all_findings_in_one_error() -> None:
    source = default(
        template=True,
        hardware_version=21,
        tpm_count=1,
        controllers=(*IDE, controller("scsi", 0, "VirtualBusLogicController")),
        disks=(disk(unit=1),),
        nics=(),
        cdroms=(Cdrom(backing="other"),) * 3,
    )
    with pytest.raises(ReplicaError) as raised:
        replicate(source, ProviderVersion("2.0.2"))
    assert len(raised.value.findings) == 7
    assert str(raised.value).count("\n") == 6

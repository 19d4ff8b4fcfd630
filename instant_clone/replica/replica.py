# SPDX-License-Identifier: MPL-2.0
"""The provider arguments that reproduce a source VM, so that an instant clone needs no reconfiguration.

The arguments are those of the stock provider's vsphere_virtual_machine. An instant clone has all settings of its
source. An argument with another value makes the provider change the clone, and most changes power the clone off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from instant_clone.errors import ReplicaError
from instant_clone.replica.blocks import DeviceBlock
from instant_clone.replica.devices import cdroms, controller_counts, controllers, disks, network_interfaces
from instant_clone.replica.doubtful_devices import warn_about_doubtful_devices
from instant_clone.replica.replica_builder import Draft
from instant_clone.replica.scalars import scalars
from instant_clone.stock_provider.argument import Scalar
from instant_clone.stock_provider.arguments import is_known
from instant_clone.stock_provider.releases import VTPM_COUNTED, ProviderVersion
from instant_clone.vm.source_vm import Cdrom, Disk, Nic, SourceVm

__all__ = ["Replica", "replicate"]


@dataclass(frozen=True)
class Replica:
    """The arguments of vsphere_virtual_machine that reproduce a source.

    Strings are literals, except strings of the type Template.

    - `arguments` are the attributes by name, including those of the controllers. Name, placement, extra_config, tags
      and options of the provider are not included.
    - `disks`, `network_interfaces` and `cdroms` are nested blocks in the order in which the provider reads them. Each
      block has the source's device that it reproduces.
    - `vtpm` is true if the resource needs a block `vtpm {}`.
    - `ignore_changes` are the names of arguments. A configuration cannot reproduce their values on the VM.
    - `warnings` are sentences for the user.
    """

    arguments: Mapping[str, Scalar]
    disks: tuple[DeviceBlock[Disk], ...]
    network_interfaces: tuple[DeviceBlock[Nic], ...]
    cdroms: tuple[DeviceBlock[Cdrom], ...] = ()
    vtpm: bool = False
    ignore_changes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def replicate(source: SourceVm, version: ProviderVersion) -> Replica:
    """Return the arguments that reproduce `source`, for release `version` of the stock provider.

    Raises:
        ReplicaError: The release cannot reproduce some properties of the source. The error contains a finding for each
            of these properties.
    """
    draft = Draft(source.inventory_path, version)
    _require_clonable(source, draft)
    counts = controller_counts(source)
    replica = Replica(
        arguments=MappingProxyType({**scalars(source, draft), **controllers(source, counts, draft)}),
        disks=disks(source, counts, draft),
        network_interfaces=network_interfaces(source, draft),
        cdroms=cdroms(source, draft),
        vtpm=_vtpm(source, draft),
    )
    _vapp(source, draft)
    warn_about_doubtful_devices(source, draft)
    if draft.findings:
        raise ReplicaError(*draft.findings)
    return replace(replica, ignore_changes=tuple(draft.ignore_changes), warnings=tuple(draft.warnings))


def _require_clonable(source: SourceVm, draft: Draft) -> None:
    if source.template:
        draft.refuse("", "The source is a template, which never runs.", cure="Convert it to a virtual machine.")
    if source.pci_passthrough_count:
        what = (
            f"The source has {source.pci_passthrough_count} PCI passthrough device(s), which an instant clone cannot "
            "share."
        )
        draft.refuse("", what, cure="Remove these devices from the source.")


def _vtpm(source: SourceVm, draft: Draft) -> bool:
    if not source.tpm_count:
        return False
    if is_known(draft.version, "vtpm"):
        what = f"The source has a TPM; provider {draft.version} adds another TPM at every change of the vtpm block."
    else:
        what = f"The source has a TPM, and provider {draft.version} does not support vtpm."
    draft.require(lambda version: version >= VTPM_COUNTED, "vtpm", what)
    if source.boot.firmware != "efi":
        what = f"The source has a TPM and firmware {source.boot.firmware}; the provider reads a TPM only with efi."
        draft.require(lambda version: not is_known(version, "vtpm"), "vtpm", what)
    return True


def _vapp(source: SourceVm, draft: Draft) -> None:
    if source.vapp_property_ids:
        draft.ignore_changes.append("vapp")
        draft.warn(
            "vapp",
            f"The values of {', '.join(source.vapp_property_ids)} are not configured; "
            "the provider still reads them into the state.",
        )
    client_device = any(cdrom.backing == "remote_atapi" for cdrom in source.cdroms)
    if source.vapp_transport == ("iso",) and not client_device:
        what = (
            "The source's vApp properties have the transport iso only, for which the provider requires a client CD-ROM "
            "drive."
        )
        draft.refuse("", what, cure="Give the source a client CD-ROM drive or another transport.")

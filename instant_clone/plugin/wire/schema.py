# SPDX-License-Identifier: MPL-2.0
"""The stock provider's schema with the `instantclone` block added."""

from __future__ import annotations

from collections.abc import Iterator

from instant_clone.plugin.wire.codec import error
from instant_clone.plugin.wire.tfplugin5 import Block, Diagnostic, GetSchemaResponse
from instant_clone.stock_provider.names import INSTANTCLONE, VIRTUAL_MACHINE

__all__ = ["add_block"]

_LIST = 2
_OTHER_RELEASE = (
    "Install the plugin with another release of the stock provider, for example "
    "'instant-clone provider install --version 2.16.1'."
)
_NEEDED = {
    "": ("extra_config", "folder", "imported", "name", "replace_trigger", "resource_pool_id", "uuid"),
    "disk": ("controller_type", "keep_on_remove", "label", "size", "unit_number", "uuid"),
    "network_interface": ("key", "mac_address", "network_id", "use_static_mac"),
}
"""The arguments that the adoption of a clone needs, by block. "" is the resource itself."""
_DESCRIPTIONS = {
    "source_uuid": "BIOS UUID of the running virtual machine to clone. A different UUID replaces the clone.",
    "timeout": "Time limit for the clone task in vCenter, in minutes. The default is 30.",
    "on_reboot": "What to do if a change would power off or move the existing clone: "
    '"error" (the default), "replace" or "reboot".',
}


def add_block(schemas: GetSchemaResponse) -> None:
    """Add the `instantclone` block to the schema of vsphere_virtual_machine.

    If the stock provider is not supported, add an error diagnostic and no block.
    """
    resource = next((named.value.block for named in schemas.resource_schemas if named.key == VIRTUAL_MACHINE), None)
    problems = list(_problems(resource))
    schemas.diagnostics.extend(problems)
    if resource is None or problems:
        return
    added = resource.block_types.add(type_name=INSTANTCLONE, nesting=_LIST, max_items=1)
    for name, description in _DESCRIPTIONS.items():
        added.block.attributes.add(
            name=name,
            type=b'"number"' if name == "timeout" else b'"string"',
            required=name == "source_uuid",
            optional=name != "source_uuid",
            description=description,
        )


def _problems(resource: Block | None) -> Iterator[Diagnostic]:
    if resource is None:
        what = f"The provider that this plugin wraps has no resource {VIRTUAL_MACHINE}."
        yield error("Not the vSphere provider", f"{what} {_OTHER_RELEASE}")
        return
    if any(nested.type_name == INSTANTCLONE for nested in resource.block_types):
        yield error(
            "Conflicting instantclone block",
            f'The resource {VIRTUAL_MACHINE} of the stock vSphere provider already has a block "{INSTANTCLONE}", which '
            f"may differ from the block of this plugin. {_OTHER_RELEASE} Or use the stock provider without the plugin: "
            "change the states with 'terraform state replace-provider'.",
        )
        return
    blocks = {"": resource, **{nested.type_name: nested.block for nested in resource.block_types}}
    missing = [
        f"{name}.{argument}" if name else argument
        for name, arguments in _NEEDED.items()
        for argument in arguments
        if name not in blocks or argument not in {attribute.name for attribute in blocks[name].attributes}
    ]
    if missing:
        yield error(
            "Unsupported stock vSphere provider",
            f"The resource {VIRTUAL_MACHINE} of the stock vSphere provider lacks arguments that instant clones need: "
            f"{', '.join(missing)}. {_OTHER_RELEASE}",
        )

# SPDX-License-Identifier: MPL-2.0
"""The stock provider's schema, and the block that is added to it."""

from __future__ import annotations

from collections.abc import Iterator

from instant_clone.plugin.wire.codec import error
from instant_clone.plugin.wire.tfplugin5 import Block, Diagnostic, GetSchemaResponse
from instant_clone.stock_provider.names import INSTANTCLONE, VIRTUAL_MACHINE

__all__ = ["add_block"]

_LIST = 2
_OTHER_RELEASE = (
    "Install the plugin around another release: instant-clone provider install --version 2.16.1, for example."
)
_NEEDED = {
    "": ("extra_config", "folder", "imported", "name", "replace_trigger", "resource_pool_id", "uuid"),
    "disk": ("controller_type", "keep_on_remove", "label", "size", "unit_number", "uuid"),
    "network_interface": ("key", "mac_address", "network_id", "use_static_mac"),
}
"""the arguments that adopting a clone relies on, by block; "" is the resource itself"""
_DESCRIPTIONS = {
    "source_uuid": "BIOS UUID of the running virtual machine to clone. Another one replaces the clone.",
    "timeout": "Minutes that vCenter may take to make the clone; 30 unless set.",
    "on_reboot": "What happens when a change would power off or move the existing clone: "
    '"error" (the default), "replace" or "reboot".',
}


def add_block(schemas: GetSchemaResponse) -> None:
    """Adds the block to the schema of the resource, or errors if this stock provider cannot be worked with."""
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
        what = f"The provider that this plugin was installed around has no resource {VIRTUAL_MACHINE}."
        yield error("Not the vSphere provider", f"{what} {_OTHER_RELEASE}")
        return
    if any(nested.type_name == INSTANTCLONE for nested in resource.block_types):
        yield error(
            "Stock vSphere provider instant-clones itself",
            f'Its resource {VIRTUAL_MACHINE} has a block "{INSTANTCLONE}" of its own, which may mean something else '
            f"than this plugin's. {_OTHER_RELEASE} Or use that provider without the plugin: "
            "terraform state replace-provider moves the states.",
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
            "Stock vSphere provider does not fit",
            f"Its resource {VIRTUAL_MACHINE} lacks {', '.join(missing)}, which instant clones need. {_OTHER_RELEASE}",
        )

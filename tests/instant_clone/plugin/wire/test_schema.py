# SPDX-License-Identifier: MPL-2.0
"""Stock providers that the plugin can work with, and those that it cannot."""

from __future__ import annotations

from instant_clone.plugin.wire.schema import add_block
from instant_clone.plugin.wire.tfplugin5 import Attribute, Block, GetSchemaResponse, NamedSchema, NestedBlock, Schema

OTHER = "Install the plugin around another release: instant-clone provider install --version 2.16.1, for example."
ARGUMENTS = {
    "": ["name", "uuid", "imported", "extra_config", "folder", "resource_pool_id", "replace_trigger", "annotation"],
    "disk": ["label", "size", "unit_number", "controller_type", "keep_on_remove", "uuid"],
    "network_interface": ["network_id", "key", "mac_address", "use_static_mac"],
}


def _block(names: list[str]) -> Block:
    return Block(attributes=[Attribute(name=name) for name in names])


def _schemas(arguments: dict[str, list[str]], *, resource: str = "vsphere_virtual_machine") -> GetSchemaResponse:
    block = _block(arguments[""])
    block.block_types.extend(
        NestedBlock(type_name=name, block=_block(names), nesting=2) for name, names in arguments.items() if name
    )
    return GetSchemaResponse(resource_schemas=[NamedSchema(key=resource, value=Schema(block=block))])


def _said(schemas: GetSchemaResponse) -> list[tuple[str, str]]:
    add_block(schemas)
    return [(each.summary, each.detail) for each in schemas.diagnostics]


def test_the_block_is_added() -> None:
    schemas = _schemas(ARGUMENTS)

    assert _said(schemas) == []

    added = schemas.resource_schemas[0].value.block.block_types[-1]
    assert (added.type_name, added.nesting, added.max_items) == ("instantclone", 2, 1)
    assert [(each.name, each.type, each.required, each.optional) for each in added.block.attributes] == [
        ("source_uuid", b'"string"', True, False),
        ("timeout", b'"number"', False, True),
        ("on_reboot", b'"string"', False, True),
    ]


def test_a_provider_that_is_not_vsphere_s_is_refused() -> None:
    assert _said(_schemas(ARGUMENTS, resource="null_resource")) == [
        (
            "Not the vSphere provider",
            f"The provider that this plugin was installed around has no resource vsphere_virtual_machine. {OTHER}",
        )
    ]


def test_a_provider_with_such_a_block_of_its_own_is_refused() -> None:
    schemas = _schemas({**ARGUMENTS, "instantclone": ["source_uuid"]})

    assert _said(schemas) == [
        (
            "Stock vSphere provider instant-clones itself",
            'Its resource vsphere_virtual_machine has a block "instantclone" of its own, which may mean something '
            f"else than this plugin's. {OTHER} Or use that provider without the plugin: terraform state "
            "replace-provider moves the states.",
        )
    ]
    assert [each.type_name for each in schemas.resource_schemas[0].value.block.block_types].count("instantclone") == 1


def test_a_provider_that_lacks_what_is_needed_is_refused_with_all_of_it() -> None:
    without = {"": [name for name in ARGUMENTS[""] if name != "imported"], "disk": ["label"]}

    (said,) = _said(_schemas(without))

    assert said == (
        "Stock vSphere provider does not fit",
        "Its resource vsphere_virtual_machine lacks imported, disk.controller_type, disk.keep_on_remove, disk.size, "
        "disk.unit_number, disk.uuid, network_interface.key, network_interface.mac_address, "
        f"network_interface.network_id, network_interface.use_static_mac, which instant clones need. {OTHER}",
    )

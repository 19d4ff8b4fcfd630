# SPDX-License-Identifier: MPL-2.0
"""Schemas of supported and unsupported stock providers."""

from __future__ import annotations

from instant_clone.plugin.wire.schema import add_block
from instant_clone.plugin.wire.tfplugin5 import Attribute, Block, GetSchemaResponse, NamedSchema, NestedBlock, Schema

OTHER = (
    "Install the plugin with another release of the stock provider, for example "
    "'instant-clone provider install --version 2.16.1'."
)
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


def _diagnostics(schemas: GetSchemaResponse) -> list[tuple[str, str]]:
    add_block(schemas)
    return [(each.summary, each.detail) for each in schemas.diagnostics]


def test_adds_the_block_to_the_schema() -> None:
    schemas = _schemas(ARGUMENTS)

    assert _diagnostics(schemas) == []

    added = schemas.resource_schemas[0].value.block.block_types[-1]
    assert (added.type_name, added.nesting, added.max_items) == ("instantclone", 2, 1)
    assert [(each.name, each.type, each.required, each.optional) for each in added.block.attributes] == [
        ("source_uuid", b'"string"', True, False),
        ("timeout", b'"number"', False, True),
        ("on_reboot", b'"string"', False, True),
    ]


def test_rejects_a_provider_without_virtual_machines() -> None:
    assert _diagnostics(_schemas(ARGUMENTS, resource="null_resource")) == [
        (
            "Not the vSphere provider",
            f"The provider that this plugin wraps has no resource vsphere_virtual_machine. {OTHER}",
        )
    ]


def test_rejects_a_provider_that_already_has_the_block() -> None:
    schemas = _schemas({**ARGUMENTS, "instantclone": ["source_uuid"]})

    assert _diagnostics(schemas) == [
        (
            "Conflicting instantclone block",
            'The resource vsphere_virtual_machine of the stock vSphere provider already has a block "instantclone", '
            f"which may differ from the block of this plugin. {OTHER} Or use the stock provider without the plugin: "
            "change the states with 'terraform state replace-provider'.",
        )
    ]
    assert [each.type_name for each in schemas.resource_schemas[0].value.block.block_types].count("instantclone") == 1


def test_rejects_a_provider_and_names_all_missing_arguments() -> None:
    without = {"": [name for name in ARGUMENTS[""] if name != "imported"], "disk": ["label"]}

    (diagnostic,) = _diagnostics(_schemas(without))

    assert diagnostic == (
        "Unsupported stock vSphere provider",
        "The resource vsphere_virtual_machine of the stock vSphere provider lacks arguments that instant clones need: "
        "imported, disk.controller_type, disk.keep_on_remove, disk.size, disk.unit_number, disk.uuid, "
        "network_interface.key, network_interface.mac_address, network_interface.network_id, "
        f"network_interface.use_static_mac. {OTHER}",
    )

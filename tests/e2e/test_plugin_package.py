# SPDX-License-Identifier: MPL-2.0
"""The provider package that Terraform installs, and its lock file."""

from __future__ import annotations

import re
from pathlib import Path

from instant_clone.plugin.install.lock_file import write_lock_file
from instant_clone.plugin.install.package import package_hash
from testkit.clone_stack import PROVIDER_SOURCE, document
from tests.e2e.conftest import Plugin
from tests.e2e.terraform import Terraform


def test_package_hash_equals_the_hash_that_terraform_computes(plugin: Plugin) -> None:
    lock = (plugin.initialised / ".terraform.lock.hcl").read_text()

    assert re.findall(r'"(h1:[^"]+)"', lock) == [package_hash(plugin.release)]


def test_terraform_accepts_and_keeps_a_lock_file_from_write_lock_file(plugin: Plugin, tmp_path: Path) -> None:
    terraform = Terraform(tmp_path, plugin.environment)
    terraform.write(document(plugin.release, {}))
    write_lock_file(tmp_path, source=PROVIDER_SOURCE, version=plugin.release)
    written = (tmp_path / ".terraform.lock.hcl").read_text()

    terraform.init("-lockfile=readonly")

    assert (tmp_path / ".terraform.lock.hcl").read_text() == written


def test_terraform_refuses_a_lock_file_with_another_hash(plugin: Plugin, tmp_path: Path) -> None:
    terraform = Terraform(tmp_path, plugin.environment)
    terraform.write(document(plugin.release, {}))
    write_lock_file(tmp_path, source=PROVIDER_SOURCE, version=plugin.release)
    lock = tmp_path / ".terraform.lock.hcl"
    lock.write_text(
        lock.read_text().replace(package_hash(plugin.release), package_hash(plugin.release)[:-6] + "AAAAA=")
    )

    refused = terraform.run("init", "-no-color", "-input=false", "-lockfile=readonly")

    assert refused.code == 1
    assert "checksum" in refused.stderr


def test_schema_contains_the_instantclone_block(plugin: Plugin) -> None:
    import json

    shown = Terraform(plugin.initialised, plugin.environment).run("providers", "schema", "-json").require()

    schema = json.loads(shown.stdout)["provider_schemas"][PROVIDER_SOURCE]
    block = schema["resource_schemas"]["vsphere_virtual_machine"]["block"]["block_types"]["instantclone"]
    assert (block["nesting_mode"], block["max_items"], block.get("min_items")) == ("list", 1, None)
    assert {
        name: (each["type"], each.get("required", False)) for name, each in block["block"]["attributes"].items()
    } == {
        "on_reboot": ("string", False),
        "source_uuid": ("string", True),
        "timeout": ("number", False),
    }

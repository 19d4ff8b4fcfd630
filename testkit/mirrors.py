# SPDX-License-Identifier: MPL-2.0
"""Folders in which Terraform finds the plugin, and the stock provider as it is under an address of its own."""

from __future__ import annotations

from pathlib import Path

from instant_clone.plugin.install.installation import Installation, install
from instant_clone.plugin.install.package import platform_name
from testkit.clone_stack import PROVIDER_SOURCE
from tests.e2e.terraform import clean_environment

__all__ = ["STOCK_SOURCE", "mirrored"]

STOCK_SOURCE = "stock.internal/vmware/vsphere"
"""the address under which Terraform finds the stock provider as it is"""
_CLI_CONFIGURATION = """\
provider_installation {{
  filesystem_mirror {{
    path    = "{plugins}"
    include = ["instantclone.internal/*/*"]
  }}
  filesystem_mirror {{
    path    = "{mirror}"
    include = ["stock.internal/*/*"]
  }}
}}
"""


def mirrored(root: Path, stock: Path) -> tuple[Installation, Path, dict[str, str]]:
    """Both installed below `root`: the plugin around the binary `stock`, its folder, and Terraform's environment."""
    plugins, mirror, home = root / "plugins", root / "mirror", root / "home"
    home.mkdir(parents=True)
    installation = install(stock, plugin_folder=plugins, source=PROVIDER_SOURCE)
    package = mirror / STOCK_SOURCE / str(installation.version) / platform_name()
    package.mkdir(parents=True)
    (package / stock.name).symlink_to(stock)
    configuration = root / "cli.tfrc"
    configuration.write_text(_CLI_CONFIGURATION.format(plugins=plugins, mirror=mirror))
    return installation, plugins, clean_environment(home, configuration)

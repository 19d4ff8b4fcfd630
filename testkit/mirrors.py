# SPDX-License-Identifier: MPL-2.0
"""Filesystem mirrors from which Terraform installs the plugin and the unmodified stock provider."""

from __future__ import annotations

from pathlib import Path

from instant_clone.plugin.install.installation import Installation, install
from instant_clone.plugin.install.package import platform_name
from testkit.clone_stack import PROVIDER_SOURCE
from tests.e2e.terraform import clean_environment

__all__ = ["STOCK_SOURCE", "mirrored"]

STOCK_SOURCE = "stock.internal/vmware/vsphere"
"""provider source address of the unmodified stock provider"""
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
    """Install the plugin and the unmodified stock provider below `root`.

    Returns:
        The installation of the plugin around the binary `stock`, the plugin folder, and the environment for Terraform.
    """
    plugins, mirror, home = root / "plugins", root / "mirror", root / "home"
    home.mkdir(parents=True)
    installation = install(stock, plugin_folder=plugins, source=PROVIDER_SOURCE)
    package = mirror / STOCK_SOURCE / str(installation.version) / platform_name()
    package.mkdir(parents=True)
    (package / stock.name).symlink_to(stock)
    configuration = root / "cli.tfrc"
    configuration.write_text(_CLI_CONFIGURATION.format(plugins=plugins, mirror=mirror))
    return installation, plugins, clean_environment(home, configuration)

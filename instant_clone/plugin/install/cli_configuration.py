# SPDX-License-Identifier: MPL-2.0
"""The settings in the CLI configuration of Terraform and OpenTofu that control where they search for providers."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

__all__ = ["configuration_file", "implied_plugin_folder", "included_addresses", "plugin_folder_advice"]


def implied_plugin_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder in which Terraform and OpenTofu search for providers by default."""
    return Path(environ.get("HOME") or Path.home()) / ".terraform.d" / "plugins"


def included_addresses(source: str) -> str:
    """Return the pattern that matches the plugin's address in `include` and `exclude` of the CLI configuration.

    The plugin's default host has no other providers. Another host can have other providers.
    """
    return "instantclone.internal/*/*" if source.startswith("instantclone.internal/") else source


def configuration_file(environ: Mapping[str, str]) -> Path:
    """Return the existing CLI configuration file, or the file that Terraform reads by default."""
    files = _configuration_files(environ)
    return next((file for file in files if os.path.lexists(file)), files[0])


def plugin_folder_advice(plugin_folder: Path, environ: Mapping[str, str], *, source: str) -> str | None:
    """Return the change to the CLI configuration that makes Terraform search `plugin_folder` for the address `source`.

    The result is None if Terraform already searches the folder. A `provider_installation` block disables the default
    folders. The function searches the configuration as text and does not parse it. The advice can therefore be
    unnecessary, but it is never missing.
    """
    names_folder = False
    addresses = included_addresses(source)
    for file in _configuration_files(environ):
        try:
            content = file.read_bytes()
        except OSError:
            continue
        text = content.decode(errors="replace")
        if not re.search(r"^\s*\"?provider_installation\b", text, re.MULTILINE):
            continue
        if os.fsencode(plugin_folder) in content:
            names_folder = True
            continue
        return (
            f"{file} has a provider_installation block, so Terraform does not search {plugin_folder}. "
            "Add to that block:\n\n"
            "  filesystem_mirror {\n"
            f'    path    = "{plugin_folder}"\n'
            f'    include = ["{addresses}"]\n'
            "  }\n\n"
            f'Add to its direct and network_mirror blocks: exclude = ["{addresses}"]'
        )
    if not names_folder and plugin_folder != implied_plugin_folder(environ):
        return (
            f"Terraform does not search {plugin_folder} by default. "
            "Set TF_CLI_CONFIG_FILE to a file with this content:\n\n"
            "provider_installation {\n"
            "  filesystem_mirror {\n"
            f'    path    = "{plugin_folder}"\n'
            f'    include = ["{addresses}"]\n'
            "  }\n"
            "  direct {\n"
            f'    exclude = ["{addresses}"]\n'
            "  }\n"
            "}"
        )
    return None


def _configuration_files(environ: Mapping[str, str]) -> list[Path]:
    """Return the configuration files of both Terraform and OpenTofu, because either may run.

    Source: OpenTofu 1.12.6, internal/command/cliconfig/config_unix.go, configFile.
    """
    named = environ.get("TF_CLI_CONFIG_FILE")
    if named:
        return [Path(named)]
    home = Path(environ.get("HOME") or Path.home())
    files = [home / ".terraformrc", home / ".tofurc"]
    xdg = environ.get("XDG_CONFIG_HOME")
    if xdg and not any(file.exists() for file in files):
        files.append(Path(xdg) / "opentofu" / "tofurc")
    return files

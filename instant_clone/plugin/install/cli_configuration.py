# SPDX-License-Identifier: MPL-2.0
"""The settings in the CLI configuration of Terraform and OpenTofu that control where they search for providers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

__all__ = ["implied_plugin_folder", "plugin_folder_advice"]


def implied_plugin_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder in which Terraform and OpenTofu search for providers by default."""
    return Path(environ.get("HOME") or Path.home()) / ".terraform.d" / "plugins"


def plugin_folder_advice(plugin_folder: Path, environ: Mapping[str, str]) -> str | None:
    """Return the change to the CLI configuration that makes Terraform search `plugin_folder`.

    The result is None if Terraform already searches the folder. A `provider_installation` block disables the default
    folders. The configuration is searched as text and not parsed. The advice can therefore be unnecessary, but it is
    never missing.
    """
    names_folder = False
    for file in _configuration_files(environ):
        try:
            text = file.read_text()
        except (OSError, UnicodeDecodeError):
            continue
        if not re.search(r"^\s*\"?provider_installation\b", text, re.MULTILINE):
            continue
        if str(plugin_folder) in text:
            names_folder = True
            continue
        return (
            f"{file} has a provider_installation block, so Terraform does not search {plugin_folder}. "
            "Add to that block:\n\n"
            "  filesystem_mirror {\n"
            f'    path    = "{plugin_folder}"\n'
            '    include = ["instantclone.internal/*/*"]\n'
            "  }\n\n"
            'Add to its direct and network_mirror blocks: exclude = ["instantclone.internal/*/*"]'
        )
    if not names_folder and plugin_folder != implied_plugin_folder(environ):
        return (
            f"Terraform does not search {plugin_folder} by default. "
            "Set TF_CLI_CONFIG_FILE to a file with this content:\n\n"
            "provider_installation {\n"
            "  filesystem_mirror {\n"
            f'    path    = "{plugin_folder}"\n'
            '    include = ["instantclone.internal/*/*"]\n'
            "  }\n"
            "  direct {\n"
            '    exclude = ["instantclone.internal/*/*"]\n'
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

# SPDX-License-Identifier: MPL-2.0
"""The CLI configuration of Terraform and OpenTofu, as far as it decides where providers are looked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

__all__ = ["hides_plugin_folder", "implied_plugin_folder"]


def implied_plugin_folder(environ: Mapping[str, str]) -> Path:
    """The folder in which Terraform and OpenTofu look for providers unless their configuration says otherwise."""
    return Path(environ.get("HOME") or Path.home()) / ".terraform.d" / "plugins"


def hides_plugin_folder(plugin_folder: Path, environ: Mapping[str, str]) -> str | None:
    """What to add to the user's CLI configuration so that Terraform looks into `plugin_folder`; None if it does.

    A `provider_installation` block switches the implied folders off. The configuration is looked through as text: the
    advice may be given once too often, but it is not left out.
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
            f"{file} has a provider_installation block, so Terraform does not look into {plugin_folder} by itself. "
            "Add to that block:\n\n"
            "  filesystem_mirror {\n"
            f'    path    = "{plugin_folder}"\n'
            '    include = ["instantclone.internal/*/*"]\n'
            "  }\n\n"
            'and to its direct and network_mirror blocks: exclude = ["instantclone.internal/*/*"]'
        )
    if not names_folder and plugin_folder != implied_plugin_folder(environ):
        return (
            f"Terraform does not look into {plugin_folder} by itself. Name in TF_CLI_CONFIG_FILE a file with:\n\n"
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
    """Return the files that Terraform or OpenTofu would read: which of both is used is not known here.

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

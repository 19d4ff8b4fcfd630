# SPDX-License-Identifier: MPL-2.0
"""An isolated project folder for synth and deploy. It uses no files and no settings of the user.

The folder has its own fleet file, records, state, home folder, Terraform configuration and plugin folder. This module
imports only the standard library and this project, so that programs other than tests can use it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from instant_clone.plugin.install.installation import install, stock_version

__all__ = ["PROJECT", "Finished", "Workspace"]

PROJECT = Path(__file__).resolve().parents[1]
SOURCE = "instantclone.internal/fleet/vsphere"
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")

_CLI_CONFIGURATION = """\
provider_installation {{
  filesystem_mirror {{
    path    = "{plugins}"
    include = ["instantclone.internal/*/*"]
  }}
}}
"""


@dataclass(frozen=True)
class Finished:
    """A finished command."""

    command: tuple[str, ...]
    code: int
    output: str
    """standard output and standard error in the order of writing, without ANSI colors"""


class Workspace:
    """A project folder, and methods that run commands in it."""

    def __init__(self, folder: Path, *, stock_binary: Path, vcenter: Mapping[str, str]) -> None:
        """Create the files of the project in an empty `folder`.

        Args:
            folder: an empty or missing folder.
            stock_binary: binary of the stock provider that the plugin wraps.
            vcenter: the VSPHERE_* variables of the commands.

        Raises:
            InstallError: the plugin cannot be installed.
        """
        self.folder = folder
        self.version = stock_version(stock_binary)
        plugins, home = folder / "plugins", folder / "home"
        home.mkdir(parents=True)
        install(stock_binary, plugin_folder=plugins, source=SOURCE)
        configuration = folder / "terraform.rc"
        configuration.write_text(_CLI_CONFIGURATION.format(plugins=plugins))
        for name in ("cdktf.json", "main.py"):
            (folder / name).symlink_to(os.path.relpath(PROJECT / name, folder))
        tools = [Path(sys.executable).parent, PROJECT / "node_modules" / ".bin", PROJECT / ".tools" / "bin"]
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("VSPHERE_", "TF_"))}
        self.environment = {
            **inherited,
            **vcenter,
            "PATH": os.pathsep.join([*map(str, tools), os.environ["PATH"]]),
            "HOME": str(home),
            "CI": "true",
            "CHECKPOINT_DISABLE": "1",
            "CDKTF_DISABLE_PLUGIN_CACHE_ENV": "1",
            "TF_CLI_CONFIG_FILE": str(configuration),
            "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(PROJECT / ".cache" / "jsii"),
            "INSTANT_CLONE_PROVIDER_VERSION": str(self.version),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def copy(self, *paths: Path) -> None:
        """Copy files and folders into the workspace, under the same names."""
        for path in paths:
            if path.is_dir():
                shutil.copytree(path, self.folder / path.name)
            else:
                shutil.copyfile(path, self.folder / path.name)

    def set_count(self, count: int) -> None:
        """Change the `count` in the fleet file, which must occur once.

        Raises:
            ValueError: the fleet file has no `count` or several.
        """
        file = self.folder / "fleets.toml"
        text, changed = re.subn(r"(?m)^(count\s*=\s*)\d+", rf"\g<1>{count}", file.read_text())
        if changed != 1:
            raise ValueError(f"{file}: {changed} lines set count, expected 1. Keep one of them.")
        file.write_text(text)

    def run(
        self, *command: str, each_line: Callable[[str], None] = lambda line: None, folder: Path | None = None
    ) -> Finished:
        """Run a command until it exits, and return its exit code and output."""
        lines = []
        # The end of the block waits for the command, even after Ctrl-C. The command also receives the Ctrl-C, so
        # Terraform can shut down cleanly.
        with subprocess.Popen(
            command,
            cwd=folder or self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout is not None
            for raw in process.stdout:
                line = _ESCAPE.sub("", raw)
                lines.append(line)
                each_line(line.rstrip("\n"))
        return Finished(command, process.returncode, "".join(lines))

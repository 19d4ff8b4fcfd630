# SPDX-License-Identifier: MPL-2.0
"""Update the help texts in docs/commands.md.

`python -m testkit.commands_page` replaces the output below each line `$ instant-clone … --help` with the current output
of that command in a terminal with 80 columns. `tests/instant_clone/cli/test_commands_page.py` fails if the page is
outdated.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from typer.testing import CliRunner

from instant_clone.cli import app

__all__ = ["PAGE", "main", "updated"]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "commands.md"
_BLOCK = re.compile(r"(```console\n\$ instant-clone (?P<arguments>[^\n]*--help)\n).*?(?=```)", re.DOTALL)
_TERMINAL = {"COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"}


def updated(page: str) -> str:
    """Return the text of the page with the current help texts."""

    def present(block: re.Match[str]) -> str:
        return block[1] + _help_of(block["arguments"])

    return _BLOCK.sub(present, page)


def _help_of(arguments: str) -> str:
    result = CliRunner().invoke(app, shlex.split(arguments), prog_name="instant-clone", env=_TERMINAL)
    return "\n".join(line.rstrip() for line in result.output.strip().splitlines()) + "\n"


def main() -> None:
    """Write the current help texts to the page."""
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()

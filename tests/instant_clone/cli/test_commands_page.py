# SPDX-License-Identifier: MPL-2.0
"""docs/commands.md shows the help of every command."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from instant_clone.cli import app
from testkit.commands_page import PAGE, updated


def commands(command: Any, name: str = "instant-clone") -> Iterator[str]:
    """Yield the full name of each command that is not a group."""
    sub_commands = getattr(command, "commands", None)
    if sub_commands is None:
        yield name
    for sub_name, sub_command in (sub_commands or {}).items():
        yield from commands(sub_command, f"{name} {sub_name}")


def test_help_texts_are_up_to_date() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert updated(page) == page, "Run python -m testkit.commands_page."


def test_each_command_has_help_and_exit_codes() -> None:
    page = PAGE.read_text(encoding="utf-8")

    for command in commands(get_command(app)):
        section = page.partition(f"\n## {command}\n")[2].partition("\n## ")[0]
        assert f"$ {command} --help" in section, command
        assert "| exit code |" in section, command

# SPDX-License-Identifier: MPL-2.0
"""The group of subcommands, which reports missing optional dependencies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typer.core import TyperGroup

from instant_clone.errors import InstantCloneError
from instant_clone.extras import missing_package

if TYPE_CHECKING:
    from typer import Context

__all__ = ["CommandGroup", "MissingExtraError"]


class MissingExtraError(InstantCloneError):
    """A command needs a package of an extra that is not installed. The message starts with the full command."""


class CommandGroup(TyperGroup):
    """A group whose commands may need packages of an extra."""

    def invoke(self, ctx: Context) -> Any:  # type: ignore[override]  # typer uses its own context type
        """Run the chosen command.

        Raises:
            MissingExtraError: the command needs a package of an extra that is not installed.
        """
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            missing = missing_package(error)
            if missing is None:
                raise
            command = f"{ctx.command_path} {ctx.invoked_subcommand or ''}".rstrip()
            raise MissingExtraError(f"{command}: {missing}") from None

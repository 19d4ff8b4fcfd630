"""The `instant-clone` command: one module for each sub-command.

The modules import what they need within their functions, so that `--help` starts neither pyvmomi nor gRPC.
"""

from __future__ import annotations

import sys

import typer

from instant_clone.cli import provider
from instant_clone.cli.guard import guard
from instant_clone.cli.record import record
from instant_clone.errors import InstantCloneError

__all__ = ["app", "main"]

app = typer.Typer(
    name="instant-clone",
    help="Fleets of vSphere instant clones as code.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("record")(record)
app.command("guard")(guard)
app.add_typer(provider.app, name="provider")


def main() -> None:
    """Runs the command. What a user can mend is told in sentences on standard error, with exit code 1."""
    try:
        app()
    except InstantCloneError as failure:
        for finding in failure.findings:
            print(f"instant-clone: {finding}", file=sys.stderr)
        sys.exit(1)

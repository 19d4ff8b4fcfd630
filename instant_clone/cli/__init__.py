# SPDX-License-Identifier: MPL-2.0
"""The `instant-clone` command, with one module for each subcommand.

The modules import their dependencies inside functions, so that `--help` loads neither pyvmomi nor gRPC.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from instant_clone.cli import provider
from instant_clone.cli.groups import CommandGroup, MissingExtraError
from instant_clone.cli.guard import guard
from instant_clone.cli.record import record
from instant_clone.errors import InstantCloneError
from instant_clone.text_encoding import use_any_locale

__all__ = ["app", "main"]

app = typer.Typer(
    name="instant-clone",
    cls=CommandGroup,
    help="Manage fleets of vSphere instant clones as code.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("record")(record)
app.command("guard")(guard)
app.add_typer(provider.app, name="provider")


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer passes the option's value
    if wanted:
        from importlib.metadata import version

        typer.echo(f"instant-clone-fleet {version('instant-clone-fleet')}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    _version: Annotated[  # _print_version handles it
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the name and the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command. Print an InstantCloneError to standard error, and exit with code 1."""
    use_any_locale()
    try:
        app(prog_name="instant-clone")
    except MissingExtraError as missing:
        sys.exit(str(missing))
    except InstantCloneError as failure:
        for finding in failure.findings:
            print(f"instant-clone: {finding}", file=sys.stderr)
        sys.exit(1)

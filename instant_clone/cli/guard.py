# SPDX-License-Identifier: MPL-2.0
"""`instant-clone guard`: whether a plan leaves the clones what they are."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from instant_clone.stock_provider.releases import ProviderVersion

__all__ = ["guard"]

STACKS = Path("cdktf.out") / "stacks"


class ErrorKind(StrEnum):
    """The kinds of findings that are errors; the package that has them takes too long to import for --help."""

    REBOOT = "reboot"
    REPLACE = "replace"
    MOVE = "move"
    DISK = "disk"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Format(StrEnum):
    """How the findings are written."""

    TEXT = "text"
    JSON = "json"


def guard(
    plan: Annotated[
        str | None,
        typer.Argument(metavar="PLAN.json", help="What `terraform show -json PLANFILE` wrote; - for standard input."),
    ] = None,
    *,
    stack: Annotated[
        str | None,
        typer.Option("--stack", metavar="NAME", help="Make the plan of this synthesized stack, and judge that."),
    ] = None,
    allow: Annotated[
        list[ErrorKind] | None,
        typer.Option("--allow", help="A kind of finding that is no error; can be given several times."),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Look at every vsphere_virtual_machine, not at instant clones only.")
    ] = False,
    provider_version: Annotated[
        str | None,
        typer.Option(
            "--provider-version",
            help="Release of the stock provider that applies the plan. Unless given: what the plan's configuration "
            "requires, or the fleet file says.",
        ),
    ] = None,
    output: Annotated[Format, typer.Option("--format", help="How to write the findings.")] = Format.TEXT,
) -> None:
    """Tell what a plan would do to instant clones: exit code 1 if it reboots, replaces or moves one, or takes a disk.

    Takes plans of the plugin and of the stock provider. Exit code 0 if there is nothing of that, or warnings only;
    2 if there is no plan that can be read.
    """
    # Imported here, so that --help of any command starts at once.
    from instant_clone.errors import InstantCloneError
    from instant_clone.guard import Kind, as_json, as_text, examine, read_plan

    try:
        release = _release(provider_version)
        content, where = _content(plan, stack)
        report = examine(
            read_plan(content, where),
            release=release,
            otherwise=_release_of_fleet_file,
            every_machine=every,
            allowed=[Kind(kind) for kind in allow or ()],
        )
    except InstantCloneError as failure:
        for finding in failure.findings:
            typer.echo(f"instant-clone: {finding}", err=True)
        raise typer.Exit(2) from None
    typer.echo(as_json(report) if output is Format.JSON else as_text(report))
    raise typer.Exit(0 if report.passed else 1)


def _release(given: str | None) -> ProviderVersion | None:
    from instant_clone.guard import PlanError
    from instant_clone.stock_provider.releases import ProviderVersion

    try:
        return None if given is None else ProviderVersion(given)
    except ValueError as problem:
        raise PlanError(f"--provider-version: {problem}.") from None


def _release_of_fleet_file() -> ProviderVersion:
    from instant_clone.fleet import FLEETS_VARIABLE, load_from
    from instant_clone.stock_provider.releases import NEWEST_CHECKED

    if not Path(os.environ.get(FLEETS_VARIABLE) or "fleets.toml").exists():
        return NEWEST_CHECKED
    return load_from(os.environ, folder=Path()).provider.version


def _content(plan: str | None, stack: str | None) -> tuple[bytes, str]:
    """The plan's JSON, and what to call it."""
    from instant_clone.guard import PlanError

    if (plan is None) == (stack is None):
        raise PlanError("Name one of both: the JSON of a plan, or a stack with --stack.")
    if stack is not None:
        return _planned(stack), f"the plan of {stack}"
    if plan == "-":
        return sys.stdin.buffer.read(), "standard input"
    path = Path(str(plan))
    try:
        return path.read_bytes(), str(path)
    except (OSError, ValueError) as failure:
        said = failure.strerror if isinstance(failure, OSError) else failure
        raise PlanError(f"{path} cannot be read: {said}.") from None


def _planned(stack: str) -> bytes:
    """The JSON of a new plan of a synthesized stack. Raises PlanError with Terraform's words if there is none."""
    import tempfile

    from instant_clone.guard import PlanError
    from instant_clone.terraform import TerraformError, terraform_binary, terraform_name

    folder = STACKS / stack
    if not (folder / "cdk.tf.json").is_file():
        found = ", ".join(sorted(each.parent.name for each in STACKS.glob("*/cdk.tf.json")))
        there = f"There are: {found}." if found else "Run `npx cdktf synth` first."
        raise PlanError(f"There is no synthesized stack {stack!r} in {STACKS}. {there}")
    try:
        terraform = terraform_binary(os.environ)
    except TerraformError as failure:
        raise PlanError(str(failure)) from None
    # Only its owner can look into the folder: a plan holds every value in the clear.
    with tempfile.TemporaryDirectory(prefix="instant-clone-") as private:
        saved = str(Path(private) / "plan")
        for command in (("init", "-input=false", "-no-color"), ("plan", "-input=false", "-no-color", f"-out={saved}")):
            typer.echo(f"{terraform_name(os.environ)} {command[0]} in {folder} …", err=True)
            _run(terraform, *command, folder=folder)
        return _run(terraform, "show", "-json", saved, folder=folder)


def _run(terraform: str, *command: str, folder: Path) -> bytes:
    """What a Terraform command wrote."""
    from instant_clone.guard import PlanError
    from instant_clone.terraform import TerraformError, run_terraform

    try:
        done = run_terraform(terraform, *command, folder=folder, environ=os.environ)
    except TerraformError as failure:
        raise PlanError(str(failure)) from None
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()
        ended = f"`{Path(terraform).name} {command[0]}` of {folder} failed with exit code {done.returncode}"
        raise PlanError(f"{ended}:\n{said}")
    return done.stdout

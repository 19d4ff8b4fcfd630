# SPDX-License-Identifier: MPL-2.0
"""`instant-clone guard`: check a Terraform plan for changes that reboot, replace or move instant clones."""

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
    """The kinds of findings that can be errors.

    The values are those of `instant_clone.guard.Kind`. An import of that class would make --help slow.
    """

    REBOOT = "reboot"
    REPLACE = "replace"
    MOVE = "move"
    DISK = "disk"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Format(StrEnum):
    """The output format of the findings."""

    TEXT = "text"
    JSON = "json"


def guard(
    plan: Annotated[
        str | None,
        typer.Argument(
            metavar="PLAN.json",
            help="Check this output of `terraform show -json PLANFILE`. Use - for standard input.",
        ),
    ] = None,
    *,
    stack: Annotated[
        str | None,
        typer.Option("--stack", metavar="NAME", help="Create a plan of this synthesized stack and check it."),
    ] = None,
    allow: Annotated[
        list[ErrorKind] | None,
        typer.Option("--allow", help="Accept this kind of finding. Repeat the option for several kinds."),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Check every vsphere_virtual_machine, not only instant clones.")
    ] = False,
    provider_version: Annotated[
        str | None,
        typer.Option(
            "--provider-version",
            help="Check for this release of the stock provider. The default is the release in the plan's "
            "configuration, or else in the fleet file.",
        ),
    ] = None,
    output: Annotated[Format, typer.Option("--format", help="Print the findings in this format.")] = Format.TEXT,
) -> None:
    """Check a Terraform plan for changes that reboot, replace or move instant clones, or remove their disks.

    The command accepts plans of the plugin and of the stock provider. The exit code is 0 if the check finds
    no error. It is 1 for an error, and 2 if the plan cannot be read or created. Warnings do not change the exit code.
    """
    # Imported here to keep --help of all commands fast.
    from instant_clone.errors import InstantCloneError
    from instant_clone.guard import Kind, as_json, as_text, examine, read_plan

    try:
        release = _release(provider_version)
        content, where = _content(plan, stack)
        report = examine(
            read_plan(content, where),
            release=release,
            fallback=_release_of_fleet_file,
            every_machine=every,
            allowed=[Kind(kind) for kind in allow or ()],
        )
    except InstantCloneError as failure:
        for finding in failure.findings:
            typer.echo(f"instant-clone: {finding}", err=True)
        raise typer.Exit(2) from None
    # JSON is UTF-8 on each terminal (RFC 8259). UTF-8 cannot encode a lone surrogate. Its escape is valid JSON.
    typer.echo(as_json(report).encode(errors="backslashreplace") if output is Format.JSON else as_text(report))
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
    from instant_clone.stock_provider.releases import DEFAULT_RELEASE

    if not Path(os.environ.get(FLEETS_VARIABLE) or "fleets.toml").exists():
        return DEFAULT_RELEASE
    return load_from(os.environ, folder=Path()).provider.version


def _content(plan: str | None, stack: str | None) -> tuple[bytes, str]:
    """Return the plan's JSON, and its name for messages."""
    from instant_clone.guard import PlanError

    if (plan is None) == (stack is None):
        raise PlanError("Pass either PLAN.json or --stack.")
    if stack is not None:
        return _planned(stack), f"the plan of {stack}"
    if plan == "-":
        return sys.stdin.buffer.read(), "standard input"
    path = Path(str(plan))
    try:
        return path.read_bytes(), str(path)
    except (OSError, ValueError) as failure:
        reason = failure.strerror if isinstance(failure, OSError) else failure
        raise PlanError(f"{path}: cannot read the file: {reason}.") from None


def _planned(stack: str) -> bytes:
    """Create a plan of a synthesized stack, and return its JSON.

    Raises:
        PlanError: the stack does not exist, or Terraform fails. The message includes Terraform's output.
        TerraformError: Terraform is not in PATH or cannot be started.
    """
    import tempfile

    from instant_clone.guard import PlanError
    from instant_clone.terraform import terraform_binary, terraform_name

    folder = STACKS / stack
    if not (folder / "cdk.tf.json").is_file():
        found = ", ".join(sorted(each.parent.name for each in STACKS.glob("*/cdk.tf.json")))
        cure = f"Existing stacks: {found}." if found else "Run `npx cdktf synth` first."
        raise PlanError(f"{STACKS}: synthesized stack {stack!r} not found. {cure}")
    terraform = terraform_binary(os.environ)
    # Only the user can read the folder, because a plan holds every value in plain text.
    with tempfile.TemporaryDirectory(prefix="instant-clone-") as private:
        saved = str(Path(private) / "plan")
        for command in (("init", "-input=false", "-no-color"), ("plan", "-input=false", "-no-color", f"-out={saved}")):
            typer.echo(f"{terraform_name(os.environ)} {command[0]} in {folder} …", err=True)
            _run(terraform, *command, folder=folder)
        return _run(terraform, "show", "-json", saved, folder=folder)


def _run(terraform: str, *command: str, folder: Path) -> bytes:
    """Run a Terraform command, and return its standard output."""
    from instant_clone.guard import PlanError
    from instant_clone.terraform import run_terraform

    done = run_terraform(terraform, *command, folder=folder, environ=os.environ)
    if done.returncode:
        output = (done.stderr or done.stdout).decode(errors="replace").strip()
        what = f"`{Path(terraform).name} {command[0]}` in {folder} failed with exit code {done.returncode}"
        raise PlanError(f"{what}:\n{output}")
    return done.stdout

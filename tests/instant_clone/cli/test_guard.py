# SPDX-License-Identifier: MPL-2.0
"""The command `instant-clone guard`."""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from instant_clone.cli.guard import ErrorKind, guard
from instant_clone.guard import Kind, Severity, examine, read_plan
from tests.instant_clone.guard.plans import change, document, pin, text

DOCS = Path(__file__).parents[3] / "docs" / "guard.md"

REBOOT = document(change(memory=2048))
CLEAN = document(change("no-op"), change("create", before=None))
REPLACED = document(change("delete create"))
EXTRA_CONFIG = change(extra_config={"guestinfo.instantclone.owner": "o/web/web-0/s/2"})

FLEETS = """\
[provider]
version = "{version}"
[fleets.web]
datacenter = "DC0"
datastore = "LocalDS_0"
resource_pool = "DC0_C0/Resources"
[[fleets.web.sources]]
vm = "golden-web"
count = 2
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("INSTANT_CLONE_FLEETS", "INSTANT_CLONE_PROVIDER_VERSION", "TERRAFORM_BINARY_NAME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def run(*arguments: str, content: bytes | None = None) -> Result:
    app = typer.Typer()
    app.command()(guard)
    return CliRunner().invoke(app, list(arguments), input=content)


def judged(plan: Any, *arguments: str) -> Result:
    return run("-", *arguments, content=text(plan))


def errors_of(result: Result) -> list[str]:
    assert result.exit_code == 2
    assert result.stdout == ""
    return result.stderr.splitlines()


def test_accepts_a_plan_without_findings(project: Path) -> None:
    result = judged(CLEAN)
    assert (result.exit_code, result.stdout) == (
        0,
        "2 clones: 1 unchanged, 1 created.\nNo clone is rebooted, replaced or moved, and no clone loses a disk.\n",
    )


def test_rejects_a_plan_that_reboots_a_clone(project: Path) -> None:
    (project / "plan.json").write_bytes(text(REBOOT))
    result = run("plan.json")
    assert (result.exit_code, result.stdout) == (
        1,
        "error: reboot: memory 4096 → 2048\n"
        "  Memory cannot be taken from a running VM.\n"
        '    vsphere_virtual_machine.web["web-0"]\n'
        "1 clone: 1 updated.\n",
    )


def test_accepts_a_plan_with_a_warning(project: Path) -> None:
    result = judged(document(change("no-op"), pin("delete")))
    assert result.exit_code == 0
    assert result.stdout.startswith("warning: sharing\n")


def test_json_format_prints_only_json(project: Path) -> None:
    result = judged(REBOOT, "--format", "json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["findings"][0]["argument"] == "memory"


@pytest.mark.parametrize(("kinds", "code"), [([], 1), (["reboot"], 1), (["replace"], 0), (["reboot", "replace"], 0)])
def test_allow_option_accepts_kinds_of_findings(project: Path, kinds: list[str], code: int) -> None:
    assert judged(REPLACED, *(part for kind in kinds for part in ("--allow", kind))).exit_code == code


def test_allow_option_has_all_kinds_that_can_be_errors() -> None:
    assert {kind.value for kind in Kind} - {kind.value for kind in ErrorKind} == {"sharing"}
    assert {kind.value for kind in ErrorKind} < {kind.value for kind in Kind}


def test_rejects_an_unknown_kind(project: Path) -> None:
    assert judged(REPLACED, "--allow", "everything").exit_code == 2


def test_all_option_checks_every_virtual_machine(project: Path) -> None:
    other = document(change(before={"name": "db", "memory": 4096}, memory=2048))
    assert (judged(other).exit_code, judged(other, "--all").exit_code) == (0, 1)


@pytest.mark.parametrize(
    ("required", "given", "fleets", "code"),
    [
        ("2.16.1", None, None, 0),
        ("2.0.2", None, None, 1),
        ("2.16.1", "2.0.2", None, 1),
        ("2.0.2", "2.16.1", "2.0.2", 0),
        ("", None, "2.0.2", 1),
        ("", None, "2.16.1", 0),
        ("2.16.1", None, "2.0.2", 0),
        ("", None, None, 0),
    ],
)
def test_selects_the_release_of_the_stock_provider(
    project: Path, required: str, given: str | None, fleets: str | None, code: int
) -> None:
    if fleets is not None:
        (project / "fleets.toml").write_text(FLEETS.format(version=fleets))
    options = () if given is None else ("--provider-version", given)
    assert judged(document(EXTRA_CONFIG, release=required), *options).exit_code == code


def test_reports_an_invalid_fleet_file_only_if_it_is_needed(project: Path) -> None:
    (project / "fleets.toml").write_text("[provider]\nversion = 2\n")
    version, fleets = errors_of(judged(document(EXTRA_CONFIG, release="")))
    assert version.startswith("instant-clone: fleets.toml, [provider] version: ")
    assert fleets.startswith("instant-clone: fleets.toml, fleets: the file contains no fleet.")
    assert judged(document(EXTRA_CONFIG)).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.json"], "absent.json: cannot read the file: No such file or directory."),
        (["."], ".: cannot read the file: Is a directory."),
        (["\0"], "cannot read the file: "),
        ([], "Pass either PLAN.json or --stack."),
        (["plan.json", "--stack", "web"], "Pass either PLAN.json or --stack."),
        (["-"], "standard input: found no JSON, expected a plan."),
        (["-", "--provider-version", "new"], "--provider-version: 'new' is not a release such as 2.16.1."),
        (
            ["--stack", "web"],
            f"{Path('cdktf.out/stacks')}: synthesized stack 'web' not found. Run `npx cdktf synth` first.",
        ),
    ],
)
def test_rejects_arguments_without_a_readable_plan(project: Path, arguments: list[str], message: str) -> None:
    (line,) = errors_of(run(*arguments, content=b""))
    assert line.startswith("instant-clone: ")
    assert message in line


TERRAFORM = """\
#!{python}
import json, os, pathlib, stat, sys
command = sys.argv[1]
with open(os.environ["LOG"], "a") as log:
    print(json.dumps([os.getcwd(), *sys.argv[1:]]), file=log)
if command == os.environ.get("FAILS"):
    sys.exit("Error: " + command + " says why")
if command == "plan":
    saved = pathlib.Path(next(each for each in sys.argv if each.startswith("-out="))[5:])
    saved.write_text("saved")
    with open(os.environ["LOG"], "a") as log:
        print(json.dumps(stat.S_IMODE(saved.parent.stat().st_mode)), file=log)
if command == "show":
    assert pathlib.Path(sys.argv[3]).read_text() == "saved"
    print(os.environ["SHOWN"])
"""


@pytest.fixture
def stack(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create a stack "web" and a `terraform` in PATH that logs its calls, and return the folder of the stack."""
    folder = project / "cdktf.out" / "stacks" / "web"
    folder.mkdir(parents=True)
    (folder / "cdk.tf.json").write_text("{}")
    programs = project / "bin"
    programs.mkdir()
    terraform = programs / "terraform"
    terraform.write_text(TERRAFORM.format(python=sys.executable))
    terraform.chmod(terraform.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("LOG", str(project / "log"))
    monkeypatch.setenv("SHOWN", text(CLEAN).decode())
    return folder


def test_stack_option_plans_and_checks_a_stack(stack: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run("--stack", "web")
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "2 clones: 1 unchanged, 1 created.")
    init, plan, mode, show = map(json.loads, (project / "log").read_text().splitlines())
    assert init == [str(stack), "init", "-input=false", "-no-color"]
    assert plan[:4] == [str(stack), "plan", "-input=false", "-no-color"]
    assert show == [str(stack), "show", "-json", plan[4].removeprefix("-out=")]
    assert mode == stat.S_IRWXU
    assert not Path(show[3]).parent.exists()
    monkeypatch.setenv("SHOWN", text(REBOOT).decode())
    assert run("--stack", "web").exit_code == 1


@pytest.mark.parametrize("command", ["init", "plan", "show"])
def test_reports_terraforms_error(stack: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("FAILS", command)
    lines = errors_of(run("--stack", "web"))
    assert lines[-2:] == [
        f"instant-clone: `terraform {command}` in {Path('cdktf.out/stacks/web')} failed with exit code 1:",
        f"Error: {command} says why",
    ]


def test_uses_the_terraform_binary_of_cdktf(stack: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "bin" / "terraform").rename(project / "bin" / "tofu")
    monkeypatch.setenv("TERRAFORM_BINARY_NAME", "tofu")
    assert run("--stack", "web").exit_code == 0
    monkeypatch.setenv("FAILS", "plan")
    assert errors_of(run("--stack", "web"))[-2].startswith("instant-clone: `tofu plan` in ")
    monkeypatch.setenv("TERRAFORM_BINARY_NAME", "absent")
    assert errors_of(run("--stack", "web")) == [
        "instant-clone: absent is not in PATH. Install Terraform 1.5 or newer, or set TERRAFORM_BINARY_NAME "
        "to another binary."
    ]


def test_names_existing_stacks_for_an_unknown_stack(stack: Path) -> None:
    (line,) = errors_of(run("--stack", "lab"))
    assert line.endswith("Existing stacks: web.")


def test_help_does_not_import_dependencies() -> None:
    program = (
        "import sys; sys.argv = ['instant-clone', 'guard', '--help']\n"
        "from instant_clone.cli import main\n"
        "try: main()\n"
        "except SystemExit: print({'instant_clone.guard', 'pyVmomi', 'grpc', 'jsii'} & sys.modules.keys())"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "set()"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCS.read_text(), flags=re.DOTALL)


def test_documented_commands_have_the_documented_exit_codes(
    stack: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = [line for block in blocks("sh") for line in block.splitlines()]
    options = [line.partition("instant-clone guard ")[2] for line in commands if "instant-clone guard" in line]
    assert len(options) == len(set(options)) == 6
    for plan, codes in (
        (REBOOT, {"--allow": 1, "": 1}),
        (REPLACED, {"--allow": 0, "": 1}),
        (CLEAN, {"--allow": 0, "": 0}),
    ):
        (project / "plan.json").write_bytes(text(plan))
        monkeypatch.setenv("SHOWN", text(plan).decode())
        for line in options:
            expected = codes["--allow" if "--allow" in line else ""]
            assert run(*shlex.split(line), content=text(plan)).exit_code == expected, line


def test_documentation_shows_the_json_output(project: Path) -> None:
    (shown,) = blocks("json")
    assert judged(REBOOT, "--format", "json").stdout == shown


def test_documentation_has_every_kind_and_severity() -> None:
    written = DOCS.read_text()
    assert {word for word in (*Kind, *Severity) if f"`{word}`" not in written and f"| {word} |" not in written} == set()


def test_documented_example_is_a_rejected_plan() -> None:
    assert not examine(read_plan(text(REBOOT), "plan.json")).passed

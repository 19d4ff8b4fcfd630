# SPDX-License-Identifier: MPL-2.0
"""What `cdktf synth` starts: the app as a program, from fleets.toml and records to files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from instant_clone.vm import record
from tests.instant_clone.replica.replica_layouts import default

PROJECT = Path(__file__).resolve().parents[1]
FLEETS = ("lab", "web")
SENTINEL = "s3ntinel-password"

EXAMPLES = {
    "dynamic": {"sources/dynamic.json": "golden-dynamic"},
    "static": {"sources/static.json": "golden-static"},
    "frozen": {
        "sources/frozen-frozen.json": "golden-frozen",
        "sources/frozen-running.json": "golden-running",
    },
}
MEMBERS = {
    "dynamic": {"vm_members": range(4)},
    "static": {"vm_members": range(4)},
    "frozen": {"frozen_members": range(20), "running_members": range(20, 24)},
}
UUIDS = ("0eb40835-47d3-46b7-b7f4-7eb496c06c96", "1fc50946-58e4-57c8-88a5-8fc5a7d17da7")


def project(folder: Path) -> Path:
    """A user's folder with the committed fleet file and records."""
    folder.mkdir(parents=True)
    shutil.copy(PROJECT / "fleets.toml", folder)
    shutil.copytree(PROJECT / "sources", folder / "sources")
    return folder


def run(folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """`python main.py` in `folder`, with nothing of this process's environment but what programs are found by."""
    # The environment's Node goes before one that the machine may have.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        [sys.executable, PROJECT / "main.py"],
        cwd=folder,
        env={"PATH": path, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = project(tmp_path_factory.mktemp("synth") / "project")
    environ = {"HOME": str(folder.parent), "VSPHERE_USER": "somebody", "VSPHERE_PASSWORD": SENTINEL}
    process = run(folder, **environ)
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")
    return folder


@pytest.mark.parametrize("name", FLEETS)
def test_the_committed_fleets_become_this_json(name: str, synthesized: Path) -> None:
    """To renew what is expected: `python main.py`, and copy cdktf.out/stacks/NAME/cdk.tf.json here."""
    made = json.loads((synthesized / "cdktf.out" / "stacks" / name / "cdk.tf.json").read_text())
    assert made == json.loads(Path(__file__).with_name(f"test_synth.{name}.json").read_text())


def test_each_stack_has_its_lock_file(synthesized: Path) -> None:
    assert sorted(files(synthesized / "cdktf.out")) == [
        "manifest.json",
        *(f"stacks/{name}/{file}" for name in FLEETS for file in (".terraform.lock.hcl", "cdk.tf.json")),
    ]


def test_a_workspace_keeps_its_states_beside_the_fleets_states(synthesized: Path, tmp_path: Path) -> None:
    folder = project(tmp_path / "project")
    assert run(folder, TF_WORKSPACE="blue").returncode == 0
    for name in FLEETS:
        file = Path("cdktf.out", "stacks", name, "cdk.tf.json")
        made, expected = (json.loads((each / file).read_text()) for each in (folder, synthesized))
        expected["terraform"]["backend"]["local"]["workspace_dir"] = f"../../../state/{name}.tfstate.d"
        # cdktf lists in its own metadata what a stack overrides.
        assert made | {"//": None} == expected | {"//": None}


def test_the_default_workspace_gives_the_same_bytes(synthesized: Path, tmp_path: Path) -> None:
    folder = project(tmp_path / "project")
    assert run(folder, TF_WORKSPACE="default").returncode == 0
    assert files(folder / "cdktf.out") == files(synthesized / "cdktf.out")


def test_nothing_but_the_result_is_left(synthesized: Path) -> None:
    assert sorted(path.name for path in synthesized.iterdir()) == ["cdktf.out", "fleets.toml", "sources"]


def test_the_cdktf_command_names_the_folder(tmp_path: Path) -> None:
    folder = project(tmp_path / "project")
    assert run(folder, CDKTF_OUTDIR="elsewhere").returncode == 0
    assert (folder / "elsewhere" / "manifest.json").is_file()
    assert not (folder / "cdktf.out").exists()


def test_no_credential_and_no_path_of_the_machine_is_in_any_file(synthesized: Path) -> None:
    for content in files(synthesized / "cdktf.out").values():
        text = content.decode()
        assert SENTINEL not in text
        assert "somebody" not in text
        assert str(synthesized.parent) not in text
        assert str(PROJECT) not in text


def test_another_folder_and_another_environment_give_the_same_bytes(synthesized: Path, tmp_path: Path) -> None:
    folder = project(tmp_path / "deeper" / "and with a blank" / "project")
    process = run(folder, HOME=str(tmp_path), TZ="Asia/Tokyo", LANG="C", PYTHONHASHSEED="7", USER="other")
    assert (process.returncode, process.stderr) == (0, "")
    assert files(folder / "cdktf.out") == files(synthesized / "cdktf.out")


def test_the_environment_names_the_release(tmp_path: Path) -> None:
    folder = project(tmp_path / "project")
    assert run(folder, INSTANT_CLONE_PROVIDER_VERSION="2.0.2").returncode == 0
    stack = folder / "cdktf.out" / "stacks" / "web"
    terraform = json.loads((stack / "cdk.tf.json").read_text())["terraform"]
    assert terraform["required_providers"]["vsphere"] == {
        "source": "instantclone.internal/fleet/vsphere",
        "version": "2.0.2",
    }
    assert '  version     = "2.0.2"\n' in (stack / ".terraform.lock.hcl").read_text()


def test_an_error_is_said_without_a_traceback_and_leaves_the_old_files(synthesized: Path, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    shutil.copytree(synthesized, folder)
    (folder / "fleets.toml").write_text('[provider]\nverson = "2.16.1"\n')
    process = run(folder)
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr == (
        'fleets.toml, [provider] verson: is not a key that is known here. Did you mean "version"?\n'
        "fleets.toml, fleets: there is no fleet. Begin one with [fleets.NAME].\n"
    )
    assert files(folder / "cdktf.out") == files(synthesized / "cdktf.out")


def test_a_source_that_cannot_be_repeated_leaves_the_old_files(synthesized: Path, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    shutil.copytree(synthesized, folder)
    path = folder / "sources" / "web.json"
    record.save(record.load(path).model_copy(update={"template": True}), path)
    process = run(folder)
    assert process.returncode == 1
    assert process.stderr == (
        "/DC0/vm/golden-web: It is a template, which never runs. Convert it to a virtual machine.\n"
    )
    assert files(folder / "cdktf.out") == files(synthesized / "cdktf.out")


def test_what_a_source_cannot_have_leaves_the_old_files(synthesized: Path, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    shutil.copytree(synthesized, folder)
    text = (folder / "fleets.toml").read_text()
    (folder / "fleets.toml").write_text(f"{text}\n[fleets.lab.changes]\nmemory = 1024\n")
    process = run(folder)
    assert process.returncode == 1
    assert process.stderr.startswith("[fleets.lab.changes] memory: /DC0/vm/golden-lab has 4096 MB;")
    assert files(folder / "cdktf.out") == files(synthesized / "cdktf.out")


@pytest.mark.parametrize("example", ["dynamic", "static", "frozen"])
def test_each_example_becomes_a_stack(example: str, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    file = shutil.copytree(PROJECT / "examples" / example, folder) / "fleets.toml"
    for number, (key, machine) in enumerate(EXAMPLES[example].items()):
        record.save(default(name=machine, inventory_path=f"/DC0/vm/{machine}", uuid=UUIDS[number]), folder / key)
    assert file.is_file()
    process = run(folder)
    assert (process.returncode, process.stderr) == (0, "")
    stack = json.loads((folder / "cdktf.out" / "stacks" / example / "cdk.tf.json").read_text())
    tables = {name: rows for name, rows in stack["locals"].items() if name.endswith("_members")}
    assert {name: rows.keys() for name, rows in tables.items()} == {
        name: {f"terraform-ic-{index}" for index in indexes} for name, indexes in MEMBERS[example].items()
    }

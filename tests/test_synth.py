"""What `cdktf synth` starts: the app as a program, from fleets.toml and records to files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from instant_clone import record
from tests.instant_clone.replica_layouts import default

PROJECT = Path(__file__).resolve().parents[1]
EXPECTED = Path(__file__).with_name("test_synth.web.json")
SENTINEL = "s3ntinel-password"


def project(folder: Path) -> Path:
    """A user's folder with the committed fleet file and a record of its source."""
    folder.mkdir(parents=True)
    shutil.copy(PROJECT / "fleets.toml", folder)
    record.save(default(name="golden-web", inventory_path="/DC0/vm/golden-web"), folder / "sources" / "web.json")
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


def test_the_committed_fleet_becomes_this_json(synthesized: Path) -> None:
    stack = json.loads((synthesized / "cdktf.out" / "stacks" / "web" / "cdk.tf.json").read_text())
    assert stack == json.loads(EXPECTED.read_text())


def test_a_stack_has_its_lock_file(synthesized: Path) -> None:
    assert sorted(files(synthesized / "cdktf.out")) == [
        "manifest.json",
        "stacks/web/.terraform.lock.hcl",
        "stacks/web/cdk.tf.json",
    ]


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
    template = default(name="golden-web", inventory_path="/DC0/vm/golden-web", template=True)
    record.save(template, folder / "sources" / "web.json")
    process = run(folder)
    assert process.returncode == 1
    assert process.stderr == (
        "/DC0/vm/golden-web: It is a template, which never runs. Convert it to a virtual machine.\n"
    )
    assert files(folder / "cdktf.out") == files(synthesized / "cdktf.out")

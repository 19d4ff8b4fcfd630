# SPDX-License-Identifier: MPL-2.0
"""Passwords, vCenter sessions, and the contents of Terraform's logs."""

from __future__ import annotations

from pathlib import Path

import pytest

from testkit.clone_stack import clones
from testkit.sessions import sessions_of_ours
from tests.e2e.conftest import SENTINEL, Bench


def _texts(folder: Path) -> dict[str, str]:
    """Return the texts of all files in a Terraform folder except the providers, by file name."""
    return {
        path.name: path.read_bytes().decode(errors="replace")
        for path in folder.rglob("*")
        if path.is_file() and ".terraform" not in path.parts[:-1]
    }


@pytest.mark.parametrize("configured", [False, True], ids=["environment", "configuration"])
def test_password_is_in_no_output_and_in_no_file(bench: Bench, configured: bool) -> None:
    name = "quiet-1" if configured else "quiet-0"
    terraform, environment = bench.terraform, {"TF_LOG": "TRACE", "TF_LOG_PATH": "trace.log"}
    whole = clones(bench.source, bench.release, [name])
    if configured:
        whole["variable"] = {"password": {"type": "string", "sensitive": True}}
        whole["provider"]["vsphere"] = {
            "vsphere_server": bench.simulator.address,
            "user": bench.simulator.user,
            "password": "${var.password}",
            "allow_unverified_ssl": True,
        }
        environment["TF_VAR_password"] = SENTINEL
        for variable in ("SERVER", "USER", "PASSWORD", "ALLOW_UNVERIFIED_SSL"):
            del terraform.environment[f"VSPHERE_{variable}"]
    terraform.write(whole)

    outcomes = [
        terraform.run("plan", **({} if configured else {"TF_CLI_ARGS_plan": "-out=saved"}), **environment).require(),
        terraform.run("apply", **environment).require(),
        terraform.run("show", "-json", **environment).require(),
        *([] if configured else [terraform.run("show", "-json", "saved", **environment).require()]),
        terraform.run("destroy", **environment).require(),
    ]

    texts = _texts(terraform.folder) | {
        f"{stream} {index}": getattr(outcome, stream)
        for index, outcome in enumerate(outcomes)
        for stream in ("stdout", "stderr")
    }
    assert {"trace.log", "terraform.tfstate", "terraform.tfstate.backup"} <= texts.keys()
    assert [name for name, text in texts.items() if SENTINEL in text] == []
    trace = texts["trace.log"]
    assert ": serving after" in trace
    assert "Plugin error" not in trace
    assert "Traceback" not in trace
    assert '"@level"' not in trace  # Terraform has parsed every log line of the plugin


def test_reports_a_wrong_password_without_the_password_itself(bench: Bench) -> None:
    bench.terraform.write(clones(bench.source, bench.release, ["refused"]))

    refused = bench.terraform.run("plan", VSPHERE_PASSWORD="wrong-pw-77c1")

    assert refused.code == 1
    assert all("login" in error.summary.lower() for error in refused.errors)
    assert refused.errors
    assert "wrong-pw-77c1" not in refused.stdout + refused.stderr
    assert "Traceback" not in refused.stdout + refused.stderr


def test_closes_all_sessions(bench: Bench) -> None:
    bench.terraform.write(clones(bench.source, bench.release, ["logged-out"]))
    bench.simulator.requests(reset=True)

    bench.terraform.plan()
    bench.terraform.apply()

    # `plan` opens one session. `apply` also makes a plan, so it opens two sessions.
    assert bench.simulator.requests()["Logout"] == 3
    assert sessions_of_ours(bench.simulator) == 0

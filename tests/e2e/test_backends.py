# SPDX-License-Identifier: MPL-2.0
"""Remote states: each fleet has its own state, two users share it, and Terraform locks it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from testkit.processes import marked, until
from testkit.simulator import Simulator
from testkit.state_servers import HttpServer, S3Server, StateServer
from testkit.stock import StockProvider
from testkit.workspace import Finished, Workspace
from tests.vcsim.client import Client

FLEETS = """
[state]
{state}
[fleets.web]
datacenter    = "DC0"
datastore     = "LocalDS_0"
resource_pool = "DC0_C0/Resources"

[[fleets.web.sources]]
vm    = "golden"
count = {count}

[fleets.lab]
datacenter    = "DC0"
datastore     = "LocalDS_0"
resource_pool = "DC0_C0/Resources"

[[fleets.lab.sources]]
vm      = "golden"
members = "0"

[fleets.cut]
datacenter    = "DC0"
datastore     = "LocalDS_0"
resource_pool = "DC0_C0/Resources"

[[fleets.cut.sources]]
vm    = "golden"
count = 3
"""
TERRAFORM = os.environ.get("TERRAFORM_BINARY_NAME") or "terraform"
REFUSED = "Error acquiring the state lock"


def terraform_version() -> tuple[int, int]:
    output = subprocess.run([TERRAFORM, "version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"v(\d+)\.(\d+)", output)
    assert found, output
    return int(found[1]), int(found[2])


LOCKFILE = terraform_version() >= (1, 10)


# The build of the S3 server from source takes minutes.
@pytest.fixture(params=[pytest.param("s3", marks=pytest.mark.long), "http"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StateServer]:
    """Start a state server that stores no states yet, and yield it."""
    if request.param == "http":
        with HttpServer.running() as running:
            yield running
    else:
        with S3Server.running(tmp_path / "s3", lockfile=LOCKFILE) as gateway:
            yield gateway


@pytest.fixture
def requires_locks(server: StateServer) -> None:
    """Skip the test if this Terraform cannot lock a state on the server."""
    if isinstance(server, S3Server) and not LOCKFILE:
        pytest.skip("Terraform before 1.10 locks S3 states with DynamoDB, and the tests have no DynamoDB server")


class User:
    """A user with a separate project folder."""

    def __init__(self, folder: Path, stock: StockProvider, simulator: Simulator, server: StateServer) -> None:
        self.workspace = Workspace(folder, stock_binary=stock.path, vcenter=simulator.environment(base={}))
        self.server = server
        environment = self.workspace.environment
        for name in [name for name in environment if name.startswith("AWS_")]:
            del environment[name]
        self.write(count=1)

    def write(self, *, count: int, state: str | None = None) -> None:
        """Write a fleet file with `count` clones in the fleet web.

        `state` is the content of the table [state]. By default, the table configures the server.
        """
        state = self.server.settings if state is None else state
        (self.workspace.folder / "fleets.toml").write_text(FLEETS.format(state=state, count=count))

    def stack(self, fleet: str) -> Path:
        return self.workspace.folder / "cdktf.out" / "stacks" / fleet

    def terraform(self, fleet: str, *command: str) -> Finished:
        return self.workspace.run(TERRAFORM, *command, folder=self.stack(fleet))

    @contextmanager
    def apply_that_holds_the_lock(self, fleet: str) -> Iterator[subprocess.Popen[str]]:
        """Start an apply that has locked the state and waits for the answer "yes"."""
        with subprocess.Popen(
            [TERRAFORM, "apply", "-no-color"],
            cwd=self.stack(fleet),
            env=self.workspace.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                until(lambda: self.server.locks() or process.poll() is not None, "the lock")
                assert process.poll() is None, process.communicate()[0]
                yield process
            finally:
                process.kill()


@pytest.fixture
def simulator(server: StateServer) -> Iterator[Simulator]:
    """Start a vCenter for each server, because the clones have the same names with every server."""
    assert server.states() == {}
    with Simulator("-source", "golden", password="sentinel-vcenter-31f0") as running:
        yield running


@pytest.fixture
def first_user(server: StateServer, stock: StockProvider, simulator: Simulator, tmp_path: Path) -> User:
    """Return a user who has recorded the sources and has no credentials for the server."""
    user = User(tmp_path / "us", stock, simulator, server)
    recorded = user.workspace.run("instant-clone", "record")
    assert recorded.code == 0, recorded.output
    return user


@pytest.fixture
def second_user(first_user: User, stock: StockProvider, simulator: Simulator, tmp_path: Path) -> User:
    """Return a user who has only the committed files and the credentials for the server."""
    user = User(tmp_path / "colleague", stock, simulator, first_user.server)
    user.workspace.copy(first_user.workspace.folder / "sources")
    user.workspace.environment.update(first_user.server.credentials)
    return user


def deploy(user: User) -> Finished:
    """Deploy the fleets web and lab."""
    user.workspace.environment.update(user.server.credentials)
    finished = user.workspace.run("cdktf", "deploy", "web", "lab", "--auto-approve")
    assert finished.code == 0, finished.output
    return finished


def machines(server: StateServer, fleet: str) -> list[str]:
    """Return the names of the VMs in the state of a fleet."""
    state = server.states()[server.place.format(fleet=fleet)]
    return [
        instance["attributes"]["name"]
        for resource in state["resources"]
        if resource["type"] == "vsphere_virtual_machine"
        for instance in resource["instances"]
    ]


def clone_moids(simulator: Simulator, fleet: str) -> dict[str, str]:
    """Return the MoRefs of the clones of a fleet in vCenter, by name."""
    with Client(simulator) as client:
        return {vm.name: vm._moId for vm in client.find("vm").childEntity if vm.name.startswith(f"{fleet}-")}


def test_two_users_share_the_states_of_their_fleets(first_user: User, second_user: User) -> None:
    server = first_user.server

    # Without credentials, Terraform cannot initialize the backend.
    synthesized = first_user.workspace.run("python", "main.py")
    assert synthesized.code == 0, synthesized.output
    refused = first_user.terraform("web", "init", "-no-color", "-input=false")
    assert refused.code == 1
    assert re.search("(?i)no valid credential sources|HTTP remote state endpoint requires auth", refused.output)

    # The server has a separate state for each fleet.
    deployed = deploy(first_user)
    assert server.states().keys() == {server.place.format(fleet="web"), server.place.format(fleet="lab")}
    assert (machines(server, "web"), machines(server, "lab")) == (["web-0"], ["lab-0"])
    assert server.locks() == {}

    # The folder contains only Terraform's configuration of the backend.
    states = {
        path.relative_to(first_user.workspace.folder).as_posix()
        for path in first_user.workspace.folder.rglob("*.tfstate*")
    }
    assert states == {f"cdktf.out/stacks/{fleet}/.terraform/terraform.tfstate" for fleet in ("web", "lab")}

    # The next plan of the second user is empty.
    planned = second_user.workspace.run("cdktf", "diff", "web")
    assert "No changes. Your infrastructure matches the configuration." in planned.output

    _assert_no_credential_is_written(first_user, second_user, deployed)

    # The destroy of a fleet does not change the state of the other fleet.
    before = server.states()[server.place.format(fleet="web")]
    destroyed = second_user.workspace.run("cdktf", "destroy", "lab", "--auto-approve")
    assert destroyed.code == 0, destroyed.output
    assert machines(server, "lab") == []
    assert server.states()[server.place.format(fleet="web")] == before


def _assert_no_credential_is_written(first_user: User, second_user: User, deployed: Finished) -> None:
    """Check the configurations, the output, the saved plan and the states for credentials."""
    first_user.write(count=4)
    assert first_user.workspace.run("python", "main.py").code == 0
    planned = first_user.terraform("web", "plan", "-out", "saved", "-no-color")
    assert planned.code == 0, planned.output
    texts = {"deploy": deployed.output.encode(), "plan": planned.output.encode()}
    for user in (first_user, second_user):
        for path in user.workspace.folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                texts[str(path)] = path.read_bytes()
    with zipfile.ZipFile(first_user.stack("web") / "saved") as saved:
        texts |= {f"saved plan: {name}": saved.read(name) for name in saved.namelist()}
    assert "saved plan: tfplan" in texts
    texts["states"] = json.dumps(first_user.server.states()).encode()
    credentials = [value.encode() for value in first_user.server.credentials.values()]
    assert [name for name, text in texts.items() if any(each in text for each in credentials)] == []


@pytest.mark.usefixtures("requires_locks")
def test_second_apply_fails_and_names_the_lock_holder_until_the_first_apply_ends(
    first_user: User, second_user: User
) -> None:
    deploy(first_user)
    place = first_user.server.place.format(fleet="web")
    for user in (first_user, second_user):
        user.write(count=2)
    assert first_user.workspace.run("python", "main.py").code == 0
    with first_user.apply_that_holds_the_lock("web") as first:
        holder = first_user.server.locks()
        refused = second_user.workspace.run("cdktf", "deploy", "web", "--auto-approve")
        other = first_user.terraform("lab", "plan", "-detailed-exitcode", "-no-color")
        output, _ = first.communicate("yes\n")

    assert holder.keys() == {place}
    assert refused.code == 1
    assert REFUSED in refused.output
    assert holder[place]["ID"] in refused.output
    assert holder[place]["Who"] in refused.output
    assert other.code == 0, other.output
    assert "Apply complete! Resources: 2 added, 0 changed, 0 destroyed." in output
    assert first_user.server.locks() == {}
    released = second_user.terraform("web", "apply", "-auto-approve", "-no-color")
    assert released.code == 0, released.output
    assert "No changes. Your infrastructure matches the configuration." in released.output
    assert sorted(machines(first_user.server, "web")) == ["web-0", "web-1"]


@pytest.mark.usefixtures("requires_locks")
def test_lock_of_a_killed_apply_stays_until_force_unlock(first_user: User) -> None:
    first_user.workspace.environment.update(first_user.server.credentials)
    assert first_user.workspace.run("python", "main.py").code == 0
    assert first_user.terraform("web", "init", "-no-color", "-input=false").code == 0
    with first_user.apply_that_holds_the_lock("web") as first:
        first.kill()
    [holder] = first_user.server.locks().values()
    refused = first_user.terraform("web", "plan", "-no-color")
    unlocked = first_user.terraform("web", "force-unlock", "-force", holder["ID"])
    planned = first_user.terraform("web", "plan", "-detailed-exitcode", "-no-color")

    assert refused.code == 1
    assert REFUSED in refused.output
    assert unlocked.code == 0, unlocked.output
    assert planned.code == 2, planned.output
    assert first_user.server.locks() == {}


def test_adopts_the_clones_of_a_killed_first_apply_after_the_owner_is_imported(
    first_user: User, simulator: Simulator
) -> None:
    """Terraform writes a remote state every 20 seconds. A kill within the first 20 seconds loses the owner id."""
    first_user.workspace.environment.update(first_user.server.credentials)
    assert first_user.workspace.run("python", "main.py").code == 0
    assert first_user.terraform("cut", "init", "-no-color", "-input=false").code == 0
    place = first_user.server.place.format(fleet="cut")
    mark = ("BACKENDS_TEST_RUN", "cut")
    # While the simulator holds the tasks, Terraform adds no clone to its state.
    simulator.hold("InstantClone_Task", at="end")
    with subprocess.Popen(
        [TERRAFORM, "apply", "-no-color", "-auto-approve"],
        cwd=first_user.stack("cut"),
        env=first_user.workspace.environment | dict([mark]),
        stdout=subprocess.DEVNULL,
    ) as process:
        until(lambda: len(simulator.held()) == 3, "the clones")
        process.kill()
    until(lambda: not marked(*mark), "all processes to end")
    simulator.release()
    for lock in first_user.server.locks().values():
        assert first_user.terraform("cut", "force-unlock", "-force", lock["ID"]).code == 0
    assert not (first_user.server.states().get(place) or {}).get("resources")
    clones = clone_moids(simulator, "cut")

    refused = first_user.terraform("cut", "plan", "-no-color")

    text = re.sub(r"\s*\n[\s│]*", " ", refused.output)
    assert "Name already in use" in text
    found = re.search(r"ownership to this state: terraform (import terraform_data\.owner [0-9a-f-]{36})\.", text)
    assert found, refused.output
    imported = first_user.terraform("cut", *found[1].split())
    assert imported.code == 0, imported.output
    applied = first_user.terraform("cut", "apply", "-no-color", "-auto-approve")
    assert applied.code == 0, applied.output
    assert applied.output.count("Existing clone adopted") > 0
    assert sorted(machines(first_user.server, "cut")) == ["cut-0", "cut-1", "cut-2"]
    assert clone_moids(simulator, "cut").items() >= clones.items()
    assert first_user.terraform("cut", "plan", "-detailed-exitcode", "-no-color").code == 0
    assert first_user.terraform("cut", "destroy", "-auto-approve", "-no-color").code == 0


def test_local_state_migrates_to_the_server(first_user: User, simulator: Simulator) -> None:
    first_user.workspace.environment.update(first_user.server.credentials)
    first_user.write(count=3, state="")
    assert first_user.workspace.run("python", "main.py").code == 0
    assert first_user.terraform("cut", "init", "-no-color", "-input=false").code == 0
    local = first_user.terraform("cut", "apply", "-no-color", "-auto-approve")
    assert local.code == 0, local.output
    clones = clone_moids(simulator, "cut")
    first_user.write(count=3)
    assert first_user.workspace.run("python", "main.py").code == 0

    refused = first_user.terraform("cut", "plan", "-no-color")
    migrated = first_user.terraform("cut", "init", "-no-color", "-migrate-state", "-force-copy")

    assert refused.code == 1
    assert "Backend configuration changed" in refused.output or "Backend initialization required" in refused.output
    assert migrated.code == 0, migrated.output
    assert sorted(machines(first_user.server, "cut")) == sorted(clones)
    assert first_user.terraform("cut", "plan", "-detailed-exitcode", "-no-color").code == 0
    assert clone_moids(simulator, "cut") == clones

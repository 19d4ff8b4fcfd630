# SPDX-License-Identifier: MPL-2.0
"""States that servers keep: one for each fleet, shared by two people who have no more in common, and locked."""

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
    told = subprocess.run([TERRAFORM, "version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"v(\d+)\.(\d+)", told)
    assert found, told
    return int(found[1]), int(found[2])


LOCKFILE = terraform_version() >= (1, 10)


# The S3 server is built from source, which takes minutes.
@pytest.fixture(params=[pytest.param("s3", marks=pytest.mark.long), "http"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StateServer]:
    """A server without a state."""
    if request.param == "http":
        with HttpServer.running() as running:
            yield running
    else:
        with S3Server.running(tmp_path / "s3", lockfile=LOCKFILE) as gateway:
            yield gateway


@pytest.fixture
def locks(server: StateServer) -> None:
    """For tests of locks."""
    if isinstance(server, S3Server) and not LOCKFILE:
        pytest.skip("Terraform before 1.10 locks with DynamoDB, which is not here")


class Person:
    """Somebody with the repository, the credentials and a folder of their own."""

    def __init__(self, folder: Path, stock: StockProvider, simulator: Simulator, server: StateServer) -> None:
        self.workspace = Workspace(folder, stock_binary=stock.path, vcenter=simulator.environment(base={}))
        self.server = server
        environment = self.workspace.environment
        for name in [name for name in environment if name.startswith("AWS_")]:
            del environment[name]
        self.write(count=1)

    def write(self, *, count: int, state: str | None = None) -> None:
        """Makes `count` the size of the fleet web, and `state` the place of states, by default the server."""
        state = self.server.settings if state is None else state
        (self.workspace.folder / "fleets.toml").write_text(FLEETS.format(state=state, count=count))

    def stack(self, fleet: str) -> Path:
        return self.workspace.folder / "cdktf.out" / "stacks" / fleet

    def terraform(self, fleet: str, *command: str) -> Finished:
        return self.workspace.run(TERRAFORM, *command, folder=self.stack(fleet))

    @contextmanager
    def asked(self, fleet: str) -> Iterator[subprocess.Popen[str]]:
        """An apply that has the lock, and waits for a yes."""
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
    """A vCenter for each server: the fleets of another server have clones of the same names."""
    assert server.states() == {}
    with Simulator("-source", "golden", password="sentinel-vcenter-31f0") as running:
        yield running


@pytest.fixture
def us(server: StateServer, stock: StockProvider, simulator: Simulator, tmp_path: Path) -> Person:
    """Somebody who has recorded the sources, and has no credentials of the server yet."""
    person = Person(tmp_path / "us", stock, simulator, server)
    recorded = person.workspace.run("instant-clone", "record")
    assert recorded.code == 0, recorded.output
    return person


@pytest.fixture
def colleague(us: Person, stock: StockProvider, simulator: Simulator, tmp_path: Path) -> Person:
    """Somebody with what is committed and the credentials, and no more."""
    person = Person(tmp_path / "colleague", stock, simulator, us.server)
    person.workspace.copy(us.workspace.folder / "sources")
    person.workspace.environment.update(us.server.credentials)
    return person


def deploy(person: Person) -> Finished:
    """Make the fleets web and lab."""
    person.workspace.environment.update(person.server.credentials)
    finished = person.workspace.run("cdktf", "deploy", "web", "lab", "--auto-approve")
    assert finished.code == 0, finished.output
    return finished


def machines(server: StateServer, fleet: str) -> list[str]:
    """The names of the VMs in a fleet's state."""
    state = server.states()[server.place.format(fleet=fleet)]
    return [
        instance["attributes"]["name"]
        for resource in state["resources"]
        if resource["type"] == "vsphere_virtual_machine"
        for instance in resource["instances"]
    ]


def made(simulator: Simulator, fleet: str) -> dict[str, str]:
    """The managed object ids of a fleet's clones in vCenter, by name."""
    with Client(simulator) as client:
        return {vm.name: vm._moId for vm in client.find("vm").childEntity if vm.name.startswith(f"{fleet}-")}


def test_two_people_share_the_states_of_their_fleets(us: Person, colleague: Person) -> None:
    server = us.server

    # Without credentials nobody gets in.
    synthesized = us.workspace.run("python", "main.py")
    assert synthesized.code == 0, synthesized.output
    refused = us.terraform("web", "init", "-no-color", "-input=false")
    assert refused.code == 1
    assert re.search("(?i)no valid credential sources|HTTP remote state endpoint requires auth", refused.output)

    # Each fleet has a state of its own on the server.
    deployed = deploy(us)
    assert server.states().keys() == {server.place.format(fleet="web"), server.place.format(fleet="lab")}
    assert (machines(server, "web"), machines(server, "lab")) == (["web-0"], ["lab-0"])
    assert server.locks() == {}

    # Nothing is kept in the folder but Terraform's note of the backend.
    states = {path.relative_to(us.workspace.folder).as_posix() for path in us.workspace.folder.rglob("*.tfstate*")}
    assert states == {f"cdktf.out/stacks/{fleet}/.terraform/terraform.tfstate" for fleet in ("web", "lab")}

    # The next plan of somebody else is empty.
    planned = colleague.workspace.run("cdktf", "diff", "web")
    assert "No changes. Your infrastructure matches the configuration." in planned.output

    _assert_no_credential_is_written(us, colleague, deployed)

    # The end of a fleet leaves the other's state.
    before = server.states()[server.place.format(fleet="web")]
    destroyed = colleague.workspace.run("cdktf", "destroy", "lab", "--auto-approve")
    assert destroyed.code == 0, destroyed.output
    assert machines(server, "lab") == []
    assert server.states()[server.place.format(fleet="web")] == before


def _assert_no_credential_is_written(us: Person, colleague: Person, deployed: Finished) -> None:
    """Neither into the configuration nor into the plan, the log or a state."""
    us.write(count=4)
    assert us.workspace.run("python", "main.py").code == 0
    planned = us.terraform("web", "plan", "-out", "saved", "-no-color")
    assert planned.code == 0, planned.output
    texts = {"deploy": deployed.output.encode(), "plan": planned.output.encode()}
    for person in (us, colleague):
        for path in person.workspace.folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                texts[str(path)] = path.read_bytes()
    with zipfile.ZipFile(us.stack("web") / "saved") as saved:
        texts |= {f"saved plan: {name}": saved.read(name) for name in saved.namelist()}
    assert "saved plan: tfplan" in texts
    texts["states"] = json.dumps(us.server.states()).encode()
    credentials = [value.encode() for value in us.server.credentials.values()]
    assert [name for name, text in texts.items() if any(each in text for each in credentials)] == []


@pytest.mark.usefixtures("locks")
def test_a_second_apply_is_refused_and_told_by_whom_until_the_first_has_ended(us: Person, colleague: Person) -> None:
    deploy(us)
    place = us.server.place.format(fleet="web")
    for person in (us, colleague):
        person.write(count=2)
    assert us.workspace.run("python", "main.py").code == 0
    with us.asked("web") as first:
        holder = us.server.locks()
        refused = colleague.workspace.run("cdktf", "deploy", "web", "--auto-approve")
        other = us.terraform("lab", "plan", "-detailed-exitcode", "-no-color")
        said, _ = first.communicate("yes\n")

    assert holder.keys() == {place}
    assert refused.code == 1
    assert REFUSED in refused.output
    assert holder[place]["ID"] in refused.output
    assert holder[place]["Who"] in refused.output
    assert other.code == 0, other.output
    assert "Apply complete! Resources: 2 added, 0 changed, 0 destroyed." in said
    assert us.server.locks() == {}
    released = colleague.terraform("web", "apply", "-auto-approve", "-no-color")
    assert released.code == 0, released.output
    assert "No changes. Your infrastructure matches the configuration." in released.output
    assert sorted(machines(us.server, "web")) == ["web-0", "web-1"]


@pytest.mark.usefixtures("locks")
def test_a_lock_whose_holder_is_gone_stays_until_it_is_taken_away(us: Person) -> None:
    us.workspace.environment.update(us.server.credentials)
    assert us.workspace.run("python", "main.py").code == 0
    assert us.terraform("web", "init", "-no-color", "-input=false").code == 0
    with us.asked("web") as first:
        first.kill()
    [holder] = us.server.locks().values()
    refused = us.terraform("web", "plan", "-no-color")
    unlocked = us.terraform("web", "force-unlock", "-force", holder["ID"])
    planned = us.terraform("web", "plan", "-detailed-exitcode", "-no-color")

    assert refused.code == 1
    assert REFUSED in refused.output
    assert unlocked.code == 0, unlocked.output
    assert planned.code == 2, planned.output
    assert us.server.locks() == {}


def test_a_first_apply_that_was_killed_before_its_state_was_written_is_inherited(
    us: Person, simulator: Simulator
) -> None:
    """Terraform writes a remote state every 20 seconds: the owner of the first clones is lost with it."""
    us.workspace.environment.update(us.server.credentials)
    assert us.workspace.run("python", "main.py").code == 0
    assert us.terraform("cut", "init", "-no-color", "-input=false").code == 0
    place = us.server.place.format(fleet="cut")
    mark = ("BACKENDS_TEST_RUN", "cut")
    # No clone is answered to Terraform: its state changes no more.
    simulator.hold("InstantClone_Task", at="end")
    with subprocess.Popen(
        [TERRAFORM, "apply", "-no-color", "-auto-approve"],
        cwd=us.stack("cut"),
        env=us.workspace.environment | dict([mark]),
        stdout=subprocess.DEVNULL,
    ) as process:
        until(lambda: len(simulator.held()) == 3, "the clones")
        process.kill()
    until(lambda: not marked(*mark), "all processes to end")
    simulator.release()
    for lock in us.server.locks().values():
        assert us.terraform("cut", "force-unlock", "-force", lock["ID"]).code == 0
    assert not (us.server.states().get(place) or {}).get("resources")
    left = made(simulator, "cut")

    refused = us.terraform("cut", "plan", "-no-color")

    text = re.sub(r"\s*\n[\s│]*", " ", refused.output)
    assert "Name is taken" in text
    found = re.search(r"apply again: terraform (import terraform_data\.owner [0-9a-f-]{36})\.", text)
    assert found, refused.output
    inherited = us.terraform("cut", *found[1].split())
    assert inherited.code == 0, inherited.output
    applied = us.terraform("cut", "apply", "-no-color", "-auto-approve")
    assert applied.code == 0, applied.output
    assert applied.output.count("Clone taken over") > 0
    assert sorted(machines(us.server, "cut")) == ["cut-0", "cut-1", "cut-2"]
    assert made(simulator, "cut").items() >= left.items()
    assert us.terraform("cut", "plan", "-detailed-exitcode", "-no-color").code == 0
    assert us.terraform("cut", "destroy", "-auto-approve", "-no-color").code == 0


def test_a_state_goes_from_the_folder_to_the_server(us: Person, simulator: Simulator) -> None:
    us.workspace.environment.update(us.server.credentials)
    us.write(count=3, state="")
    assert us.workspace.run("python", "main.py").code == 0
    assert us.terraform("cut", "init", "-no-color", "-input=false").code == 0
    local = us.terraform("cut", "apply", "-no-color", "-auto-approve")
    assert local.code == 0, local.output
    clones = made(simulator, "cut")
    us.write(count=3)
    assert us.workspace.run("python", "main.py").code == 0

    refused = us.terraform("cut", "plan", "-no-color")
    migrated = us.terraform("cut", "init", "-no-color", "-migrate-state", "-force-copy")

    assert refused.code == 1
    assert "Backend configuration changed" in refused.output or "Backend initialization required" in refused.output
    assert migrated.code == 0, migrated.output
    assert sorted(machines(us.server, "cut")) == sorted(clones)
    assert us.terraform("cut", "plan", "-detailed-exitcode", "-no-color").code == 0
    assert made(simulator, "cut") == clones

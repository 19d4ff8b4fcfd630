# SPDX-License-Identifier: MPL-2.0
"""Run real Terraform in a folder, and return its output as data."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from testkit.processes import Process, marked, until

__all__ = ["LOGGED", "MARK", "Diagnostic", "Outcome", "Terraform", "clean_environment"]

MARK = "INSTANT_CLONE_TEST_RUN"
"""The environment variable that identifies the processes of one Terraform command."""

LOGGED = {"TF_LOG_PROVIDER": "DEBUG"}
"""The environment variables with which the plugins of a command write to Terraform's log."""
_DEADLINE_SECONDS = 300
_UI_COMMANDS = ("apply", "destroy", "plan", "refresh")


def clean_environment(home: Path, cli_configuration: Path) -> dict[str, str]:
    """Return this process's environment without the variables of Terraform, vSphere and other plugins."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("TF_", "VSPHERE_", "PLUGIN_"))}
    return inherited | {
        "CHECKPOINT_DISABLE": "1",
        "HOME": str(home),
        "TF_CLI_CONFIG_FILE": str(cli_configuration),
        "TF_IN_AUTOMATION": "1",
    }


@dataclass(frozen=True)
class Diagnostic:
    """A warning or an error from Terraform's JSON output."""

    severity: str
    summary: str
    detail: str
    address: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.summary}: {self.detail} [{self.address}]"


@dataclass(frozen=True)
class Outcome:
    """The result of one Terraform command."""

    code: int
    stdout: str
    stderr: str
    mark: str = field(repr=False)

    @cached_property
    def messages(self) -> list[dict[str, Any]]:
        """Return the messages of the machine-readable UI, or the only JSON document of `validate`."""
        found = []
        for line in self.stdout.splitlines():
            try:
                message = json.loads(line)
            except ValueError:
                continue
            if isinstance(message, dict):
                found.append(message)
        return found

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """Return all warnings and errors."""
        raw = [message["diagnostic"] for message in self.messages if message.get("type") == "diagnostic"]
        if not self.messages and self.stdout.lstrip().startswith("{"):
            raw = json.loads(self.stdout).get("diagnostics", [])
        return [
            Diagnostic(each["severity"], each["summary"], each.get("detail", ""), each.get("address", ""))
            for each in raw
        ]

    @property
    def errors(self) -> list[Diagnostic]:
        """Return the errors among the diagnostics."""
        return [each for each in self.diagnostics if each.severity == "error"]

    @property
    def changes(self) -> dict[str, str]:
        """Return the planned or executed changes: address → "create", "update", "replace" or "delete"."""
        return {
            message["change"]["resource"]["addr"]: message["change"]["action"]
            for message in self.messages
            if message.get("type") == "planned_change" and message["change"]["action"] not in ("noop", "read")
        }

    def require(self) -> Outcome:
        """Return this outcome if the command succeeded.

        Raises:
            AssertionError: the command failed. The message contains its diagnostics and the end of its output.
        """
        assert self.code == 0, "\n".join([*map(str, self.diagnostics), self.stderr[-4000:]]) or self.stdout[-4000:]
        return self


@dataclass
class Running:
    """A Terraform command that has been started."""

    process: subprocess.Popen[str]
    mark: str
    stdout: IO[str]
    stderr: IO[str]
    log: Path

    @property
    def plugins(self) -> tuple[Process | None, Process | None]:
        """Return the processes of the plugin and of the stock provider, or None for a process that does not run."""
        found = marked(MARK, self.mark)
        wrapper = next((each for each in found if "instant_clone.plugin" in each.command), None)
        stock = next((each for each in found if each.program.startswith("terraform-provider-vsphere_v")), None)
        return wrapper, stock

    def interrupt(self) -> None:
        """Send Terraform the signal of Ctrl-C, and wait until the plugin has received the interrupt.

        The command must be started with LOGGED, because the plugin's log shows that the interrupt has arrived.
        """
        self.process.send_signal(signal.SIGINT)
        until(lambda: "Terraform was interrupted" in self.log.read_text(), "the interrupt to reach the plugin")

    def kill(self) -> None:
        """Send SIGKILL to the Terraform process, and to no other process."""
        self.process.kill()

    def finish(self, *, seconds: float = _DEADLINE_SECONDS) -> Outcome:
        """Wait until the command ends, and return its outcome.

        Raises:
            subprocess.TimeoutExpired: the command runs for more than `seconds`.
        """
        code = self.process.wait(timeout=seconds)
        self.stdout.seek(0)
        self.stderr.seek(0)
        return Outcome(code, self.stdout.read(), self.stderr.read(), self.mark)


class Terraform:
    """The terraform command in one folder.

    At the end of a `with` block, wait until the processes of all commands have ended. After an exception, kill them.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        *,
        initialised: Path | None = None,
        attached: Mapping[str, str] | None = None,
    ) -> None:
        """Create the folder, and copy the results of `terraform init` from the folder `initialised`.

        `initialised` must have been initialised for the same providers. `attached` contains the environment variables
        with which commands find a running plugin. A command with additional environment variables ignores `attached`.
        It starts a new plugin process, because the plugin process must have these variables too.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.environment = dict(environment)
        self._attached = dict(attached or {})
        self._marks: list[str] = []
        if initialised is not None:
            shutil.copytree(initialised / ".terraform", folder / ".terraform", symlinks=True)
            shutil.copy2(initialised / ".terraform.lock.hcl", folder / ".terraform.lock.hcl")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        left = [process for mark in self._marks for process in marked(MARK, mark)]
        if kind is not None:
            for process in left:
                process.kill()
        else:
            until(lambda: not any(process.runs() for process in left), f"{left} to be gone")

    def write(self, document: Mapping[str, Any]) -> None:
        """Write `document`, in Terraform's JSON syntax, as the whole configuration."""
        (self.folder / "main.tf.json").write_text(json.dumps(document, indent=1))

    def run(self, command: str, *arguments: str, **environment: str) -> Outcome:
        """Run a command, and return its outcome. A failed command raises no exception."""
        with self.start(command, *arguments, **environment) as running:
            return running.finish()

    @contextmanager
    def start(self, command: str, *arguments: str, **environment: str) -> Iterator[Running]:
        """Start a command. Kill it at the end of the block if it still runs."""
        given = [command, *arguments]
        if command in _UI_COMMANDS:
            given = [command, "-json", "-input=false", *arguments]
        elif command == "validate":
            given = [command, "-json"]
        if command in ("apply", "destroy"):
            given.insert(1, "-auto-approve")
        mark = str(uuid.uuid4())
        self._marks.append(mark)
        log = self.folder / "terraform.log"
        attached = {} if environment else self._attached
        # Use files, because a pipe holds only 64 KiB. A full pipe blocks the writing process until a test reads it.
        with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
            process = subprocess.Popen(
                [self.environment.get("TERRAFORM_BINARY_NAME") or "terraform", *given],
                cwd=self.folder,
                env=self.environment | attached | {"TF_LOG_PATH": str(log)} | environment | {MARK: mark},
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                text=True,
                # The process must not receive the signals of the tests' terminal.
                start_new_session=True,
            )
            with process:
                try:
                    yield Running(process, mark, stdout, stderr, log)
                finally:
                    if process.poll() is None:
                        process.kill()

    def init(self, *arguments: str) -> Outcome:
        """Run `terraform init`, which must succeed."""
        return self.run("init", "-no-color", "-input=false", *arguments).require()

    def apply(self, *arguments: str) -> Outcome:
        """Run `terraform apply`, which must succeed."""
        return self.run("apply", *arguments).require()

    def plan(self, *arguments: str) -> dict[str, str]:
        """Run `terraform plan`, which must succeed. Return the planned changes: address → action."""
        return self.run("plan", *arguments).require().changes

    def destroy(self) -> Outcome:
        """Run `terraform destroy`, which must succeed."""
        return self.run("destroy").require()

    @property
    def state_text(self) -> str:
        """Return the text of the state file."""
        return (self.folder / "terraform.tfstate").read_text()

    def state_is_lost(self) -> bool:
        """Return whether the state file exists and is not valid JSON.

        Terraform empties the file before it writes the state. A kill at that moment loses the state.
        """
        file = self.folder / "terraform.tfstate"
        if not file.exists():
            return False
        try:
            json.loads(file.read_text())
        except ValueError:
            return True
        return False

    def instances(self, kind: str = "vsphere_virtual_machine") -> dict[str, dict[str, Any]]:
        """Return the instances of a managed resource type, by index key, or by resource name if there is no key."""
        return {
            str(instance.get("index_key", resource["name"])): instance
            for resource in json.loads(self.state_text)["resources"]
            if resource["mode"] == "managed" and resource["type"] == kind
            for instance in resource["instances"]
        }

    def attributes(self, name: str) -> dict[str, Any]:
        """Return the attributes of one VM in the state."""
        found: dict[str, Any] = self.instances()[name]["attributes"]
        return found

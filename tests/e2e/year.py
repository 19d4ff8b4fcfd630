# SPDX-License-Identifier: MPL-2.0
"""A simulated year of a fleet. Random steps grow, shrink, replace, move, interrupt and manually change the fleet.

After each step, the configuration, Terraform's state and vCenter are compared. If they differ, a plan must report each
difference, and one more apply must remove all of them. A step must not call methods on clones that it does not change.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pyVmomi import vim

from instant_clone.stock_provider.releases import ProviderVersion
from instant_clone.vm.source_vm import SourceVm
from testkit.fleets import VIRTUAL_MACHINE, Wish, address, fleet_document
from testkit.processes import marked, until
from testkit.simulator import HoldPoint, Simulator
from tests.e2e.agreement import disagreements, in_state, members
from tests.e2e.terraform import MARK, Outcome, Terraform
from tests.vcsim.client import Client, result

__all__ = ["Year"]

_ANNOTATION = "as configured"
_MOST_MEMBERS = 12
_FAULTS = (
    *("TaskInProgress", "InvalidState", "InvalidPowerState", "InvalidDatastore", "InsufficientResourcesFault"),
    *("DisallowedMigrationDeviceAttached", "FileFault", "NoPermission", "DuplicateName"),
)


@dataclass
class Year:
    """The steps of a simulated year. The seed alone determines the steps."""

    terraform: Terraform
    simulator: Simulator
    client: Client
    release: ProviderVersion
    sources: Mapping[str, SourceVm]
    """The sources by the keys that the fleet may use for them."""
    seed: int
    desired: dict[str, Wish] = field(default_factory=dict)
    """The configured members and generation of each source, by the key of the source."""
    counts: Counter[str] = field(default_factory=Counter)
    """The number of steps, changes and results, by name."""
    log: list[str] = field(default_factory=list)
    """A description of each executed step."""

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._next = 0
        self._calls = 0
        self._others = {vm.name for vm in self.client.find("vm").childEntity}

    def run(self, steps: int) -> None:
        """Create the first fleet, and execute `steps` steps.

        Raises:
            AssertionError: a step failed. The message contains the seed and the last twelve steps.
        """
        every: list[Callable[[], None]] = [
            *(self.grow, self.grow, self.shrink, self.add_source, self.remove_source, self.move, self.next_generation),
            *(self.kill, self.kill, self.fault, self.fault, self.annotate, self.delete, self.power_off, self.refresh),
        ]
        # Each kind of step occurs once before any is repeated, so that a short year contains all kinds.
        deck: list[Callable[[], None]] = []
        try:
            self.step(self.begin)
            for _ in range(steps):
                if not deck:
                    deck = self._random.sample(every, k=len(every))
                self.step(deck.pop())
            assert self.terraform.plan() == {}
        except Exception as failure:
            recent = "\n".join(self.log[-12:])
            raise AssertionError(f"seed {self.seed}, step {len(self.log)}: {failure}\n{recent}") from failure

    def step(self, does: Callable[[], None]) -> None:
        """Execute one step, and check the fleet after it."""
        self.counts[does.__name__] += 1
        self.log.append(f"{len(self.log)} {does.__name__}")
        does()
        self._check_agreement()

    def begin(self) -> None:
        """Create a fleet of two sources with three clones each."""
        for key in sorted(self.sources)[:2]:
            self.desired[key] = Wish(self.sources[key], frozenset(self._new_name() for _ in range(3)))
        self._apply()

    def grow(self) -> None:
        """Add one to three clones of a source."""
        self._add_members()
        self._apply()

    def shrink(self) -> None:
        """Remove one or two clones, independent of their index."""
        for key, name in self._random.sample(self._members(), k=min(len(self._members()), self._random.randint(1, 2))):
            self._change(key, remove=[name])
        self._apply()

    def add_source(self) -> None:
        """Add a source with two clones. If all sources are in use, add one to three clones."""
        free = sorted(self.sources.keys() - self.desired.keys())
        if free:
            key = self._random.choice(free)
            self.desired[key] = Wish(self.sources[key])
            self._change(key, add=[self._new_name(), self._new_name()])
        else:
            self._add_members()
        self._apply()

    def remove_source(self) -> None:
        """Remove a source with all its clones. Keep the last source of the fleet."""
        if len(self.desired) > 1:
            del self.desired[self._random.choice(sorted(self.desired))]
        self._apply()

    def move(self) -> None:
        """Move a name from one source to another."""
        if len(self.desired) > 1 and self._members():
            key, name = self._random.choice(self._members())
            other = self._random.choice(sorted(self.desired.keys() - {key}))
            self._change(key, remove=[name])
            self._change(other, add=[name])
            self._note(f"{name} from {key} to {other}")
        self._apply()

    def next_generation(self) -> None:
        """Replace all clones of a source."""
        key = self._random.choice(sorted(self.desired))
        entry = self.desired[key]
        self.desired[key] = replace(entry, generation=entry.generation + 1)
        self._apply()

    def kill(self) -> None:
        """Kill one of the processes of an apply while vCenter makes a clone.

        The apply adds clones, and may also remove or replace clones.
        """
        self._add_members()
        if self._random.random() < 0.5:
            key, name = self._random.choice(self._members())
            self._change(key, remove=[name])
        if self._random.random() < 0.3:
            key = self._random.choice(sorted(self.desired))
            self.desired[key] = replace(self.desired[key], generation=self.desired[key].generation + 1)
        self._write()
        victim = self._random.choice(["plugin", "stock provider", "terraform"])
        made = sum(action != "delete" for action in self._expected().values())
        # If the removal above removed the only new clone, the apply creates nothing.
        tasks = self._random.randint(1, max(made, 1))
        at: HoldPoint = self._random.choice(("call", "task", "end"))
        self.simulator.hold("InstantClone_Task", at=at, after=tasks - 1)
        with self.terraform.start("apply") as running:
            until(lambda: self.simulator.held() or running.process.poll() is not None, "a clone task", seconds=300)
            plugin, stock = running.plugins
            if victim == "terraform":
                running.kill()
            elif (process := plugin if victim == "plugin" else stock) is not None:
                process.kill()
            ended = running.finish()
        until(lambda: not marked(MARK, running.mark), "all processes to end")
        self._release()
        if self.terraform.state_is_lost():
            state = self.terraform.folder / "terraform.tfstate"
            shutil.copy(state.with_suffix(".tfstate.backup"), state)
            self.counts["state restored"] += 1
        assert (ended.code != 0) == (made > 0)
        self.counts[f"killed: {victim}" if made else "nothing to create"] += 1
        self._note(f"{victim} at the {at} of task {tasks}, code {ended.code}")

    def _release(self) -> None:
        """Release the calls and tasks that vCenter holds for a killed apply.

        vCenter completes each task that has started, and the task makes its clone.
        """
        # vCenter drops the held calls, because their connections have ended.
        until(lambda: all(each.at in ("task", "end") for each in self.simulator.held()), "the calls to be dropped")
        names = {each.clone for each in self.simulator.held()}
        self.simulator.release()
        until(lambda: all(self.client.vm(name) for name in names), f"{names} to be made")

    def fault(self) -> None:
        """Add a clone, and make its clone task end with a fault."""
        fault, (name, *_) = self._random.choice(_FAULTS), self._add_members()
        self.simulator.fault("InstantClone_Task", fault, vm=name)
        self._write()
        ended = self.terraform.run("apply")
        self.counts[f"fault: {'apply failed' if ended.code else 'apply succeeded'}"] += 1
        self._note(f"{fault} for {name}, code {ended.code}")
        if ended.code:
            assert all(each.summary and each.detail for each in ended.errors), ended.errors
            assert any(name in str(each) for each in ended.errors), ended.errors

    def annotate(self) -> None:
        """Change the annotation of a clone in vCenter."""
        if vm := self._any_clone():
            result(vm.ReconfigVM_Task(vim.vm.ConfigSpec(annotation="by hand")))

    def delete(self) -> None:
        """Delete a clone in vCenter."""
        if vm := self._any_clone():
            result(vm.PowerOffVM_Task())
            result(vm.Destroy_Task())

    def power_off(self) -> None:
        """Power off a clone in vCenter. A plan warns of such a clone and does not change it (docs/life.md)."""
        if vm := self._any_clone():
            result(vm.PowerOffVM_Task())

    def refresh(self) -> None:
        """Refresh the state, and change nothing."""
        self.terraform.run("refresh").require()

    def disagreements(self) -> dict[str, str]:
        """Return the differences between configuration, state and vCenter, by address or name."""
        return disagreements(self.desired, self.terraform, self.client, others=self._others, annotation=_ANNOTATION)

    def _check_agreement(self) -> None:
        """Check that configuration, state and vCenter agree.

        If they differ, check that the plan of one more apply reports each difference and that the apply removes it.
        """
        differing = self.disagreements()
        if not differing:
            self.counts["agreed without another apply"] += 1
            self._skip_calls()
            return
        self._note(f"differing: {differing}")
        self._write()
        self._skip_calls()
        # A plan only warns of a clone that is powered off. The option -replace makes the apply replace it.
        off = [at for at, what in differing.items() if what == "powered off"]
        applied = self.terraform.run("apply", *(f"-replace={at}" for at in off)).require()
        unreported = [at for at in differing if at not in applied.changes and at not in str(applied.diagnostics)]
        warned = [each.detail for each in applied.diagnostics if each.summary == "Clone is not running"]
        unreported += [at for at in off if not any(detail.startswith(at.split('"')[1] + " ") for detail in warned)]
        assert unreported == [], f"the plan does not report {unreported}: {differing}"
        self.counts["reported by a plan" if not off else "replaced by request"] += 1
        self.counts["adopted"] += sum(each.summary == "Existing clone adopted" for each in applied.diagnostics)
        remaining = self.disagreements()
        assert remaining == {}, f"after another apply: {remaining}\n" + "\n".join(map(str, applied.diagnostics))
        self._check_untouched(differing)

    def _apply(self) -> Outcome:
        """Apply the configuration, and check that the plan contains exactly the differences from the state."""
        expected = self._expected()
        self._write()
        applied = self.terraform.apply()
        assert {at: action for at, action in applied.changes.items() if at.startswith(VIRTUAL_MACHINE)} == expected
        self.counts.update(expected.values())
        self._check_untouched(expected)
        return applied

    def _expected(self) -> dict[str, str]:
        """Return the changes that an apply must make, by address, if vCenter and the state agree."""
        state = in_state(self.terraform)
        configured = {address(key, name): self.desired[key] for key, name in self._members()}
        changes = {at: "create" for at in configured if at not in state} | {
            at: "delete" for at in state if at not in configured
        }
        for at, entry in configured.items():
            trigger = str(entry.generation) if entry.generation > 1 else None
            if at in state and (state[at]["attributes"].get("replace_trigger") or None) != trigger:
                changes[at] = "replace"
        return changes

    def _check_untouched(self, changed: Iterable[str]) -> None:
        """Check that vCenter received calls only for the addresses in `changed` since the last check."""
        names = {at.split('"')[1] if '"' in at else at for at in changed}
        touched = {call.vm for call in self.simulator.calls()[self._calls :]} - self._others - names
        assert touched == set(), f"unexpected calls on: {sorted(touched)}"
        self._skip_calls()

    def _skip_calls(self) -> None:
        self._calls = len(self.simulator.calls())

    def _members(self) -> list[tuple[str, str]]:
        return members(self.desired)

    def _any_clone(self) -> Any:
        if not self._members():
            return None
        _, name = self._random.choice(self._members())
        self._note(name)
        return self.client.vm(name)

    def _add_members(self) -> list[str]:
        """Add one to three members to a source, and return their names.

        Remove random members first if the fleet would have more than _MOST_MEMBERS members.
        """
        count = self._random.randint(1, 3)
        while len(self._members()) + count > _MOST_MEMBERS:
            key, name = self._random.choice(self._members())
            self._change(key, remove=[name])
        names = [self._new_name() for _ in range(count)]
        self._change(self._random.choice(sorted(self.desired)), add=names)
        return names

    def _change(self, key: str, *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
        entry = self.desired[key]
        self.desired[key] = replace(entry, members=(entry.members | frozenset(add)) - frozenset(remove))

    def _new_name(self) -> str:
        self._next += 1
        return f"clone-{self._next:04d}"

    def _write(self) -> None:
        self.terraform.write(fleet_document(self.release, self.desired, pinned=True, annotation=_ANNOTATION))

    def _note(self, text: str) -> None:
        self.log[-1] += f": {text}"

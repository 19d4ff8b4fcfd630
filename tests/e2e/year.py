# SPDX-License-Identifier: MPL-2.0
"""A simulated year: a fleet is grown, shrunk, replaced, moved, interrupted and tampered with at random.

After each step, what is wished for, Terraform's state and vCenter are compared. They agree, or a plan says where they
do not, and one apply more makes them agree. What a step has nothing to do with must not have been touched by it.
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

_ANNOTATION = "as wished for"
_MOST_MEMBERS = 12
_FAULTS = (
    *("TaskInProgress", "InvalidState", "InvalidPowerState", "InvalidDatastore", "InsufficientResourcesFault"),
    *("DisallowedMigrationDeviceAttached", "FileFault", "NoPermission", "DuplicateName"),
)


@dataclass
class Year:
    """A fleet's life, in steps that follow from the seed alone."""

    terraform: Terraform
    simulator: Simulator
    client: Client
    release: ProviderVersion
    sources: Mapping[str, SourceVm]
    """by the keys that a fleet may have for them"""
    seed: int
    wishes: dict[str, Wish] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    """what was done, and what came of it"""
    log: list[str] = field(default_factory=list)
    """the steps, in words"""

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._next = 0
        self._calls = 0
        self._others = {vm.name for vm in self.client.find("vm").childEntity}

    def run(self, steps: int) -> None:
        """That many steps, beginning with a first fleet. AssertionError, with the steps until then, if one fails."""
        every: list[Callable[[], None]] = [
            *(self.grow, self.grow, self.shrink, self.add_source, self.remove_source, self.move, self.next_generation),
            *(self.kill, self.kill, self.fault, self.fault, self.annotate, self.delete, self.power_off, self.refresh),
        ]
        # Each kind once before any comes again, so that a short year has of everything.
        deck: list[Callable[[], None]] = []
        try:
            self.step(self.begin)
            for _ in range(steps):
                if not deck:
                    deck = self._random.sample(every, k=len(every))
                self.step(deck.pop())
            assert self.terraform.plan() == {}
        except Exception as failure:
            told = "\n".join(self.log[-12:])
            raise AssertionError(f"seed {self.seed}, step {len(self.log)}: {failure}\n{told}") from failure

    def step(self, does: Callable[[], None]) -> None:
        """One step, and what has to hold after it."""
        self.counts[does.__name__] += 1
        self.log.append(f"{len(self.log)} {does.__name__}")
        does()
        self._settle()

    # The steps.

    def begin(self) -> None:
        """Two sources with three clones each."""
        for key in sorted(self.sources)[:2]:
            self.wishes[key] = Wish(self.sources[key], frozenset(self._new_name() for _ in range(3)))
        self._apply()

    def grow(self) -> None:
        """One to three more clones of a source."""
        self._wish_for_more()
        self._apply()

    def shrink(self) -> None:
        """One or two clones less, of any index."""
        for key, name in self._random.sample(self._members(), k=min(len(self._members()), self._random.randint(1, 2))):
            self._change(key, remove=[name])
        self._apply()

    def add_source(self) -> None:
        """A source more, with two clones; or two more clones if all sources are in use."""
        free = sorted(self.sources.keys() - self.wishes.keys())
        if free:
            key = self._random.choice(free)
            self.wishes[key] = Wish(self.sources[key])
            self._change(key, add=[self._new_name(), self._new_name()])
        else:
            self._wish_for_more()
        self._apply()

    def remove_source(self) -> None:
        """A source less, with all its clones, but never the last one."""
        if len(self.wishes) > 1:
            del self.wishes[self._random.choice(sorted(self.wishes))]
        self._apply()

    def move(self) -> None:
        """A name goes from one source to another."""
        if len(self.wishes) > 1 and self._members():
            key, name = self._random.choice(self._members())
            other = self._random.choice(sorted(self.wishes.keys() - {key}))
            self._change(key, remove=[name])
            self._change(other, add=[name])
            self._note(f"{name} from {key} to {other}")
        self._apply()

    def next_generation(self) -> None:
        """All clones of a source are made anew."""
        key = self._random.choice(sorted(self.wishes))
        wish = self.wishes[key]
        self.wishes[key] = replace(wish, generation=wish.generation + 1)
        self._apply()

    def kill(self) -> None:
        """An apply of more, fewer or newer clones, in which one of the processes dies while vCenter makes one."""
        self._wish_for_more()
        if self._random.random() < 0.5:
            key, name = self._random.choice(self._members())
            self._change(key, remove=[name])
        if self._random.random() < 0.3:
            key = self._random.choice(sorted(self.wishes))
            self.wishes[key] = replace(self.wishes[key], generation=self.wishes[key].generation + 1)
        self._write()
        victim = self._random.choice(["plugin", "stock provider", "terraform"])
        made = sum(action != "delete" for action in self._expected().values())
        # At times, what was just wished for is given up again, and nothing is to be made.
        tasks = self._random.randint(1, max(made, 1))
        at: HoldPoint = self._random.choice(("call", "task", "end"))
        self.simulator.hold("InstantClone_Task", at=at, after=tasks - 1)
        with self.terraform.start("apply") as running:
            until(lambda: self.simulator.held() or running.process.poll() is not None, "a clone task", seconds=300)
            ours, stock = running.plugins
            if victim == "terraform":
                running.kill()
            elif (process := ours if victim == "plugin" else stock) is not None:
                process.kill()
            ended = running.finish()
        until(lambda: not marked(MARK, running.mark), "all processes to end")
        self._release()
        if self.terraform.state_is_lost():
            state = self.terraform.folder / "terraform.tfstate"
            shutil.copy(state.with_suffix(".tfstate.backup"), state)
            self.counts["state restored"] += 1
        assert (ended.code != 0) == (made > 0)
        self.counts[f"killed: {victim}" if made else "nothing to be made"] += 1
        self._note(f"{victim} at the {at} of task {tasks}, code {ended.code}")

    def _release(self) -> None:
        """End what vCenter holds for an apply whose processes are gone. A task that it has begun makes its clone."""
        # It notices that connections have ended, and drops the calls.
        until(lambda: all(each.at in ("task", "end") for each in self.simulator.held()), "the calls to be dropped")
        names = {each.clone for each in self.simulator.held()}
        self.simulator.release()
        until(lambda: all(self.client.vm(name) for name in names), f"{names} to be made")

    def fault(self) -> None:
        """A clone is to be made, and vCenter ends the task with a fault."""
        fault, (name, *_) = self._random.choice(_FAULTS), self._wish_for_more()
        self.simulator.fault("InstantClone_Task", fault, vm=name)
        self._write()
        ended = self.terraform.run("apply")
        self.counts[f"fault: {'told' if ended.code else 'overcome'}"] += 1
        self._note(f"{fault} for {name}, code {ended.code}")
        if ended.code:
            assert all(each.summary and each.detail for each in ended.errors), ended.errors
            assert any(name in str(each) for each in ended.errors), ended.errors

    def annotate(self) -> None:
        """Somebody writes another annotation by hand."""
        if vm := self._any_clone():
            result(vm.ReconfigVM_Task(vim.vm.ConfigSpec(annotation="by hand")))

    def delete(self) -> None:
        """Somebody deletes a clone by hand."""
        if vm := self._any_clone():
            result(vm.PowerOffVM_Task())
            result(vm.Destroy_Task())

    def power_off(self) -> None:
        """Somebody powers a clone off by hand, which a plan warns of and does not change (docs/life.md)."""
        if vm := self._any_clone():
            result(vm.PowerOffVM_Task())

    def refresh(self) -> None:
        """Nothing but a refresh."""
        self.terraform.run("refresh").require()

    # What has to hold.

    def disagreements(self) -> dict[str, str]:
        """Where wishes, state and vCenter differ, and what about it."""
        return disagreements(self.wishes, self.terraform, self.client, others=self._others, annotation=_ANNOTATION)

    def _settle(self) -> None:
        """Compares; another apply has to tell in its plan what differs, and to mend it."""
        differing = self.disagreements()
        if not differing:
            self.counts["agreed at once"] += 1
            self._untouched()
            return
        self._note(f"differing: {differing}")
        self._write()
        self._untouched()
        # What a plan only warns of is made anew by request.
        off = [at for at, what in differing.items() if what == "powered off"]
        applied = self.terraform.run("apply", *(f"-replace={at}" for at in off)).require()
        unsaid = [at for at in differing if at not in applied.changes and at not in str(applied.diagnostics)]
        warned = [each.detail for each in applied.diagnostics if each.summary == "Clone does not run"]
        unsaid += [at for at in off if not any(detail.startswith(at.split('"')[1] + " ") for detail in warned)]
        assert unsaid == [], f"the plan does not tell of {unsaid}: {differing}"
        self.counts["told by a plan" if not off else "made anew by request"] += 1
        self.counts["taken over"] += sum(each.summary == "Clone taken over" for each in applied.diagnostics)
        left = self.disagreements()
        assert left == {}, f"after another apply: {left}\n" + "\n".join(map(str, applied.diagnostics))
        self._left_alone(differing)

    def _apply(self) -> Outcome:
        """An apply of the wishes, in which exactly what differs from the state is planned."""
        expected = self._expected()
        self._write()
        applied = self.terraform.apply()
        assert {at: action for at, action in applied.changes.items() if at.startswith(VIRTUAL_MACHINE)} == expected
        self.counts.update(expected.values())
        self._left_alone(expected)
        return applied

    def _expected(self) -> dict[str, str]:
        """What an apply has to change, by address, if vCenter and the state agree."""
        state = in_state(self.terraform)
        wished = {address(key, name): self.wishes[key] for key, name in self._members()}
        changes = {at: "create" for at in wished if at not in state} | {
            at: "delete" for at in state if at not in wished
        }
        for at, wish in wished.items():
            trigger = str(wish.generation) if wish.generation > 1 else None
            if at in state and (state[at]["attributes"].get("replace_trigger") or None) != trigger:
                changes[at] = "replace"
        return changes

    def _left_alone(self, changed: Iterable[str]) -> None:
        """Nothing was done to clones that `changed` does not have, and to new ones nothing but making them."""
        names = {at.split('"')[1] if '"' in at else at for at in changed}
        touched = {call.vm for call in self.simulator.calls()[self._calls :]} - self._others - names
        assert touched == set(), f"touched without need: {sorted(touched)}"
        self._untouched()

    def _untouched(self) -> None:
        self._calls = len(self.simulator.calls())

    def _members(self) -> list[tuple[str, str]]:
        return members(self.wishes)

    def _any_clone(self) -> Any:
        if not self._members():
            return None
        _, name = self._random.choice(self._members())
        self._note(name)
        return self.client.vm(name)

    # Wishes.

    def _wish_for_more(self) -> list[str]:
        """Wishes for one to three clones of a source, after as many others were given up as make room; their names."""
        count = self._random.randint(1, 3)
        while len(self._members()) + count > _MOST_MEMBERS:
            key, name = self._random.choice(self._members())
            self._change(key, remove=[name])
        names = [self._new_name() for _ in range(count)]
        self._change(self._random.choice(sorted(self.wishes)), add=names)
        return names

    def _change(self, key: str, *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
        wish = self.wishes[key]
        self.wishes[key] = replace(wish, members=(wish.members | frozenset(add)) - frozenset(remove))

    def _new_name(self) -> str:
        self._next += 1
        return f"clone-{self._next:04d}"

    def _write(self) -> None:
        self.terraform.write(fleet_document(self.release, self.wishes, pinned=True, annotation=_ANNOTATION))

    def _note(self, text: str) -> None:
        self.log[-1] += f": {text}"

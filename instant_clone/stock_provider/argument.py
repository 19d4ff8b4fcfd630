# SPDX-License-Identifier: MPL-2.0
"""What is known of an argument of `vsphere_virtual_machine`: the columns of the table in `arguments`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from instant_clone.stock_provider.releases import OLDEST_SUPPORTED, ProviderVersion

__all__ = ["Argument", "Effect", "Role", "Scalar"]

Scalar = str | int | bool


class Role(Enum):
    """What an argument is about."""

    HARDWARE = "hardware"
    """a property of the VM that its source has too"""
    PLACEMENT = "placement"
    """the VM's name, and where it is in the inventory"""
    OWN = "own"
    """a property of the VM that it does not have from its source, such as tags"""
    STEERING = "steering"
    """how the provider works; the state repeats the configuration"""
    CREATION = "creation"
    """how the VM is created"""
    OUTPUT = "output"
    """computed by the provider; no configuration sets it"""


class Effect(Enum):
    """What a change of an argument does to a running VM."""

    NONE = "none"
    """nothing: only the state changes"""
    HOT = "hot"
    """the VM takes the change while it runs"""
    REBOOT = "reboot"
    """every change powers the VM off"""
    RULE = "rule"
    """a rule of `instant_clone.impact` decides, by the values, other devices or the release"""
    MOVE = "move"
    """the provider moves the VM or the disk"""
    REPLACE = "replace"
    """the provider destroys the VM and creates another one"""
    REFUSED = "refused"
    """the provider refuses the change"""


@dataclass(frozen=True)
class Argument:
    """An argument of vsphere_virtual_machine or of one of its blocks, or such a block."""

    path: str
    """such as "num_cpus" or "disk.unit_number" """
    type: str
    """string, number, bool, list, set, map or block"""
    role: Role
    effect: Effect
    default: Scalar | None = None
    """the schema's, in the newest release"""
    earlier_default: Callable[[ProviderVersion], Scalar | None] | None = None
    """the default by release, if it has changed"""
    since: ProviderVersion = OLDEST_SUPPORTED
    """the first release that has the argument"""
    computed_since: ProviderVersion | None = None
    """the first release that keeps the VM's value if the argument is left out (Optional and Computed)"""
    values: tuple[str, ...] = ()
    """the words that the schema allows, the default first where there is one"""
    takes_zero: bool = True
    """whether 0 can be configured"""
    unset_is_default: bool = False
    """whether vSphere takes an unset setting for the default; the provider reads no value and plans to set it"""
    reconfigures: bool = False
    """whether a change by itself makes the provider call ReconfigVM_Task; devices have rules of their own"""
    flagged_early: bool = False
    """whether expandVirtualMachineConfigSpec flags the reboot before it looks at extra_config"""
    planned_unknown: bool = False
    """whether the provider plans an unknown value if the argument is left out, and then keeps the VM's value"""

    def default_in(self, release: ProviderVersion) -> Scalar | None:
        """Return the schema's default in `release`, None if it has none."""
        return self.earlier_default(release) if self.earlier_default else self.default

    @property
    def block(self) -> str:
        """The path of the block that the argument is in, such as "disk"; "" for the resource itself."""
        return self.path.rpartition(".")[0]

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]

# SPDX-License-Identifier: MPL-2.0
"""The properties of an argument of `vsphere_virtual_machine`: the columns of the table in `arguments`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from instant_clone.stock_provider.releases import OLDEST_SUPPORTED, ProviderVersion

__all__ = ["Argument", "Effect", "Role", "Scalar"]

Scalar = str | int | bool


class Role(Enum):
    """The purpose of an argument."""

    HARDWARE = "hardware"
    """a property that the clone inherits from its source"""
    PLACEMENT = "placement"
    """the VM's name or its location in the inventory"""
    OWN = "own"
    """a property that the clone does not inherit from its source, such as tags"""
    STEERING = "steering"
    """an option of the provider; the state repeats the configuration"""
    CREATION = "creation"
    """an option for the creation of the VM"""
    OUTPUT = "output"
    """a value that the provider computes; a configuration cannot set it"""


class Effect(Enum):
    """The effect of a change of an argument on a running VM."""

    NONE = "none"
    """only the state changes"""
    HOT = "hot"
    """vSphere changes the running VM"""
    REBOOT = "reboot"
    """every change powers the VM off"""
    RULE = "rule"
    """a rule of `instant_clone.impact` decides from the values, other devices or the release"""
    MOVE = "move"
    """the provider moves the VM or the disk"""
    REPLACE = "replace"
    """the provider destroys the VM and creates another one"""
    REFUSED = "refused"
    """the provider refuses the change"""


@dataclass(frozen=True)
class Argument:
    """An argument of vsphere_virtual_machine, a nested block, or an argument of a nested block."""

    path: str
    """the argument's path, such as "num_cpus" or "disk.unit_number" """
    type: str
    """string, number, bool, list, set, map or block"""
    role: Role
    effect: Effect
    default: Scalar | None = None
    """the default in the schema of the newest release"""
    earlier_default: Callable[[ProviderVersion], Scalar | None] | None = None
    """returns the default of a release, if releases have different defaults"""
    since: ProviderVersion = OLDEST_SUPPORTED
    """the first release that has the argument"""
    computed_since: ProviderVersion | None = None
    """the first release that keeps the VM's value if the argument is not configured (Optional and Computed)"""
    values: tuple[str, ...] = ()
    """the values that the schema allows; the first one is the default, if the argument has a default"""
    takes_zero: bool = True
    """whether the schema allows 0"""
    unset_is_default: bool = False
    """whether vSphere treats an unset setting as the default; the provider reads no value, and plans the default"""
    reconfigures: bool = False
    """whether a change of only this argument causes ReconfigVM_Task; `impact` has the rules of devices"""
    flagged_early: bool = False
    """whether expandVirtualMachineConfigSpec sets the reboot flag before it compares extra_config"""
    planned_unknown: bool = False
    """whether the provider plans an unknown value if the argument is not configured, and then keeps the VM's value"""

    def default_in(self, release: ProviderVersion) -> Scalar | None:
        """Return the schema's default in `release`, or None for an argument without a default."""
        return self.earlier_default(release) if self.earlier_default else self.default

    @property
    def block(self) -> str:
        """Return the path of the block that contains the argument, such as "disk". It is "" for the resource itself."""
        return self.path.rpartition(".")[0]

    @property
    def name(self) -> str:
        """Return the last part of the path."""
        return self.path.rpartition(".")[2]

# SPDX-License-Identifier: MPL-2.0
"""The three objects that Terraform hands to a provider, told apart by type: what is, what will be, what is wanted.

All have the shape of the resource's schema, as `codec.unpack` reads them. A configuration has null where the user wrote
nothing, a plan may have unknown values, a state has neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NewType

__all__ = ["Config", "Plan", "State"]

State = NewType("State", Mapping[str, Any])
"""what a VM was when it was read"""
Plan = NewType("Plan", Mapping[str, Any])
"""what an apply will make of it"""
Config = NewType("Config", Mapping[str, Any])
"""what the configuration says"""

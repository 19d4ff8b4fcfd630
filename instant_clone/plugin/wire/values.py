# SPDX-License-Identifier: MPL-2.0
"""The three kinds of objects that Terraform sends to a provider, as separate types: state, plan and configuration.

All have the attributes of the resource's schema, in the form that `codec.unpack` returns. A configuration has
null for each argument that the user did not set. A plan may have unknown values. A state has no unknown values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NewType

__all__ = ["Config", "Plan", "State"]

State = NewType("State", Mapping[str, Any])
"""The values of a VM at the time of the last read."""
Plan = NewType("Plan", Mapping[str, Any])
"""The values of a VM after the apply."""
Config = NewType("Config", Mapping[str, Any])
"""The values in the configuration."""

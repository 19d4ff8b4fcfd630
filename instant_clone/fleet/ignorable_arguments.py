# SPDX-License-Identifier: MPL-2.0
"""The arguments of vsphere_virtual_machine that a plan can leave alone."""

from __future__ import annotations

from instant_clone.stock_provider.argument import Role
from instant_clone.stock_provider.arguments import top_level
from instant_clone.stock_provider.names import INSTANTCLONE

__all__ = ["IGNORABLE"]

IGNORABLE = tuple(sorted({INSTANTCLONE, *top_level(lambda argument: argument.role is not Role.OUTPUT)}))
"""attributes and blocks of the resource's schema that are not computed alone, and the plugin's own block"""

# SPDX-License-Identifier: MPL-2.0
"""Terraform resource names derived from names in vCenter."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["resource_names"]


def resource_names(texts: Iterable[str]) -> dict[str, str]:
    """Return a unique Terraform resource name for each of `texts`, such as "VM_Network" for "VM Network"."""
    names: dict[str, str] = {}
    for text in dict.fromkeys(texts):
        name = re.sub(r"[^A-Za-z0-9_-]", "_", text)
        if not re.match(r"[A-Za-z_]", name):
            name = f"_{name}"
        taken, number, base = set(names.values()), 2, name
        while name in taken:
            name, number = f"{base}_{number}", number + 1
        names[text] = name
    return names

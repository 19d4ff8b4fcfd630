# SPDX-License-Identifier: MPL-2.0
"""Skip tests that a release of the stock provider cannot run.

The decision depends only on the rules of the product and is made before a command runs.
`instant_clone.stock_provider.arguments` lists the arguments of each release. `instant_clone.replica` raises an error
for a VM that a release cannot express. A failed command is never a reason to skip a test.
"""

from __future__ import annotations

import pytest

from instant_clone.errors import ReplicaError
from instant_clone.replica import replicate
from instant_clone.stock_provider.releases import ProviderVersion
from instant_clone.vm.source_vm import SourceVm

__all__ = ["skip_unless_repeatable"]


def skip_unless_repeatable(source: SourceVm, release: ProviderVersion) -> None:
    """Skip the test with the ReplicaError as the reason if `release` cannot express the hardware of `source`."""
    try:
        replicate(source, release)
    except ReplicaError as refused:
        pytest.skip(" ".join(str(refused).splitlines()))

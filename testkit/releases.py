# SPDX-License-Identifier: MPL-2.0
"""What a release of the stock provider cannot express, by the rules of the project itself.

A test that needs such a thing is skipped before anything is run: whether a release knows an argument is a question for
`instant_clone.stock_provider.arguments`, and whether it can repeat a VM is one for the replica. That a command fails is
never a reason.
"""

from __future__ import annotations

import pytest

from instant_clone.errors import ReplicaError
from instant_clone.replica import replicate
from instant_clone.stock_provider.releases import ProviderVersion
from instant_clone.vm.source_vm import SourceVm

__all__ = ["skip_unless_repeatable"]


def skip_unless_repeatable(source: SourceVm, release: ProviderVersion) -> None:
    """Skips the test, with the replica's reason, if no configuration for `release` can repeat `source`."""
    try:
        replicate(source, release)
    except ReplicaError as refused:
        pytest.skip(" ".join(str(refused).splitlines()))

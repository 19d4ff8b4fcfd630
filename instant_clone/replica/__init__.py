# SPDX-License-Identifier: MPL-2.0
"""The provider arguments that repeat a source VM, so that an instant clone of it needs no reconfiguration."""

from instant_clone.replica.model import Replica, replicate
from instant_clone.stock_provider.argument import Scalar

__all__ = ["Replica", "Scalar", "replicate"]

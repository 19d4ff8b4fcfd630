# SPDX-License-Identifier: MPL-2.0
"""The simulated vCenter and its tests."""

# SPDX-License-Identifier: MPL-2.0
"""Fakes of vCenter and of the stock provider, for tests of the plugin without a simulator or a provider binary."""

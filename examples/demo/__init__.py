# SPDX-License-Identifier: MPL-2.0
"""A fleet of instant clones made, grown and removed in a simulated vCenter: what `make demo` runs."""

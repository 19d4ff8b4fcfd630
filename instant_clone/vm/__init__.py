# SPDX-License-Identifier: MPL-2.0
"""The hardware of a source VM, its record, and the differences between two records."""

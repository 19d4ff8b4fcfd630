# SPDX-License-Identifier: MPL-2.0
"""A virtual machine's hardware, its record, and differences between two of them."""

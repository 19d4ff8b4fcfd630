# SPDX-License-Identifier: MPL-2.0
"""Finding VMs, and reading the hardware of a source."""

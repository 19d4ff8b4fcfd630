# SPDX-License-Identifier: MPL-2.0
"""Look-up of VMs and of the hardware of a source."""

# SPDX-License-Identifier: MPL-2.0
"""Facts about the stock vSphere provider: its releases, the arguments of its VM resource, its rules for devices."""

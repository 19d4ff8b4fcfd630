# SPDX-License-Identifier: MPL-2.0
"""What is known of the stock vSphere provider: its releases, the arguments of its VM resource, its rules of devices."""

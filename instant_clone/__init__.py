# SPDX-License-Identifier: MPL-2.0
"""Infrastructure as code for fleets of vSphere instant clones."""

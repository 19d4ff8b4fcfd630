# SPDX-License-Identifier: MPL-2.0
"""Fleets of vSphere instant clones as code."""

# SPDX-License-Identifier: MPL-2.0
"""Hosts and their networks and datastores, read from vCenter."""

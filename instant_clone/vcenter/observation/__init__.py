# SPDX-License-Identifier: MPL-2.0
"""Hosts and datastores as vCenter reports them."""

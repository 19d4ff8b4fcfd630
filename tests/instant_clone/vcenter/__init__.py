# SPDX-License-Identifier: MPL-2.0
"""Tests of the client for vCenter."""

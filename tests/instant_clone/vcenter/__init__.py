# SPDX-License-Identifier: MPL-2.0
"""Tests of what talks to vCenter."""

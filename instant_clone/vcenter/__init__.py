# SPDX-License-Identifier: MPL-2.0
"""The client for vCenter: sessions, look-ups, cloning. No other package imports pyvmomi."""

# SPDX-License-Identifier: MPL-2.0
"""The demo of `make demo`: create, extend and destroy fleets of instant clones in a simulated vCenter."""

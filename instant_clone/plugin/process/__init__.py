# SPDX-License-Identifier: MPL-2.0
"""The running plugin: its process, its gRPC service in front of the stock provider, and its debug mode."""

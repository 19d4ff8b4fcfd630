# SPDX-License-Identifier: MPL-2.0
"""The running plugin: its server, the stock provider as a child process and as a client, credentials, the log."""

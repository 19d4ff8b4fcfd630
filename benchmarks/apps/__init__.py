# SPDX-License-Identifier: MPL-2.0
"""The apps that are synthesized beside a fleet's."""

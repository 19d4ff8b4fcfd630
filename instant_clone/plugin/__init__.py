# SPDX-License-Identifier: MPL-2.0
"""The Terraform plugin that wraps the stock vSphere provider and adds the block `instantclone`."""

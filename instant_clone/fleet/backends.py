# SPDX-License-Identifier: MPL-2.0
"""Terraform's backends: the arguments that separate the states of fleets, and the arguments that are secrets.

BACKENDS follows the documentation of each backend. Arguments that are not in BACKENDS are passed to Terraform, which
knows the arguments of its release. A dot separates the name of a block from the name of an argument in the block.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

__all__ = ["BACKENDS", "Backend"]


@dataclass(frozen=True)
class Backend:
    """The arguments of a Terraform backend that the fleet file checks."""

    distinguishing: tuple[str, ...]
    """The arguments that can separate the states of fleets. At least one of them must contain {fleet}."""
    example: str
    """A TOML line with the first argument in `distinguishing`, for messages."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """The arguments that the fleet file must not contain, each with the environment variable that Terraform reads.

    The variable is "" if Terraform reads no environment variable for the argument.
    """
    distinguishing_if_set: tuple[str, ...] = ()
    """The arguments that must contain {fleet} if they are set."""


_LOGIN = "TF_TOKEN_app_terraform_io (use the name of your host, with _ for each dot)"

BACKENDS: Mapping[str, Backend] = MappingProxyType(
    {
        "local": Backend(
            distinguishing=("path",),
            example='path = "state/{fleet}.tfstate"',
        ),
        "azurerm": Backend(
            distinguishing=("key",),
            example='key = "{fleet}.tfstate"',
            secrets={
                "access_key": "ARM_ACCESS_KEY",
                "client_certificate": "ARM_CLIENT_CERTIFICATE",
                "client_certificate_password": "ARM_CLIENT_CERTIFICATE_PASSWORD",
                "client_secret": "ARM_CLIENT_SECRET",
                "oidc_request_token": "ARM_OIDC_REQUEST_TOKEN",
                "oidc_token": "ARM_OIDC_TOKEN",
                "sas_token": "ARM_SAS_TOKEN",
            },
        ),
        "cloud": Backend(
            distinguishing=("workspaces.name",),
            example='workspaces = { name = "{fleet}" }',
            secrets={"token": _LOGIN},
        ),
        "consul": Backend(
            distinguishing=("path",),
            example='path = "instant-clone/{fleet}"',
            secrets={"access_token": "CONSUL_HTTP_TOKEN", "http_auth": "CONSUL_HTTP_AUTH"},
        ),
        "cos": Backend(
            distinguishing=("prefix", "key"),
            example='prefix = "{fleet}"',
            secrets={
                "secret_id": "TENCENTCLOUD_SECRET_ID",
                "secret_key": "TENCENTCLOUD_SECRET_KEY",
                "security_token": "TENCENTCLOUD_SECURITY_TOKEN",
            },
        ),
        "gcs": Backend(
            distinguishing=("prefix",),
            example='prefix = "{fleet}"',
            secrets={"access_token": "GOOGLE_OAUTH_ACCESS_TOKEN", "encryption_key": "GOOGLE_ENCRYPTION_KEY"},
        ),
        "http": Backend(
            distinguishing=("address",),
            example='address = "https://state.example.com/{fleet}"',
            secrets={
                "client_private_key_pem": "TF_HTTP_CLIENT_PRIVATE_KEY_PEM",
                "password": "TF_HTTP_PASSWORD",
            },
            distinguishing_if_set=("lock_address", "unlock_address"),
        ),
        "kubernetes": Backend(
            distinguishing=("secret_suffix",),
            example='secret_suffix = "{fleet}"',
            secrets={"client_key": "KUBE_CLIENT_KEY_DATA", "password": "KUBE_PASSWORD", "token": "KUBE_TOKEN"},
        ),
        "oci": Backend(
            distinguishing=("key",),
            example='key = "{fleet}.tfstate"',
            secrets={"private_key": "", "private_key_password": "", "sse_customer_key": ""},
        ),
        "oss": Backend(
            distinguishing=("prefix", "key"),
            example='prefix = "{fleet}"',
            secrets={
                "access_key": "ALICLOUD_ACCESS_KEY",
                "secret_key": "ALICLOUD_SECRET_KEY",
                "security_token": "ALICLOUD_SECURITY_TOKEN",
            },
        ),
        "pg": Backend(
            distinguishing=("schema_name",),
            example='schema_name = "{fleet}"',
        ),
        "remote": Backend(
            distinguishing=("workspaces.name", "workspaces.prefix"),
            example='workspaces = { name = "{fleet}" }',
            secrets={"token": _LOGIN},
        ),
        "s3": Backend(
            distinguishing=("key",),
            example='key = "{fleet}.tfstate"',
            secrets={
                "access_key": "AWS_ACCESS_KEY_ID",
                "secret_key": "AWS_SECRET_ACCESS_KEY",
                "sse_customer_key": "AWS_SSE_CUSTOMER_KEY",
                "token": "AWS_SESSION_TOKEN",
            },
        ),
    }
)

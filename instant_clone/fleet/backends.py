# SPDX-License-Identifier: MPL-2.0
"""Terraform's backends: which argument tells states apart, and which argument is a secret.

After the backends' documentation; not tried against each of them, so what is unknown here passes on to Terraform.
Arguments inside a block are written with a dot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

__all__ = ["BACKENDS", "Backend"]


@dataclass(frozen=True)
class Backend:
    """`distinguishing`: arguments of which one has to hold {fleet}; `likewise`: those that must, if they are given.

    `known` are its arguments, parted by blanks; `secrets` those that are refused, each with the
    environment variable that Terraform reads instead ("" if there is none).
    """

    distinguishing: tuple[str, ...]
    example: str
    known: str
    secrets: Mapping[str, str] = field(default_factory=dict)
    likewise: tuple[str, ...] = ()
    complete: bool = False
    """whether `known` are all arguments there will ever be"""

    @property
    def arguments(self) -> tuple[str, ...]:
        """The arguments that a misspelt one is compared with."""
        return ("backend", *self.known.split(), *self.secrets)


_LOGIN = "TF_TOKEN_app_terraform_io (with the host's name, dots as underscores)"

BACKENDS: Mapping[str, Backend] = MappingProxyType(
    {
        "local": Backend(
            distinguishing=("path",),
            example='path = "state/{fleet}.tfstate"',
            known="path workspace_dir",
            complete=True,
        ),
        "azurerm": Backend(
            distinguishing=("key",),
            example='key = "{fleet}.tfstate"',
            known="""ado_pipeline_service_connection_id client_certificate_path client_id client_id_file_path
                client_secret_file_path container_name endpoint environment key lookup_blob_endpoint metadata_host
                msi_endpoint oidc_request_url oidc_token_file_path resource_group_name snapshot storage_account_name
                subscription_id tenant_id use_aks_workload_identity use_azuread_auth use_cli use_msi use_oidc""",
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
            known="hostname organization workspaces workspaces.name workspaces.project",
            secrets={"token": _LOGIN},
        ),
        "consul": Backend(
            distinguishing=("path",),
            example='path = "instant-clone/{fleet}"',
            known="address ca_file cert_file datacenter gzip key_file lock path scheme",
            secrets={"access_token": "CONSUL_HTTP_TOKEN", "http_auth": "CONSUL_HTTP_AUTH"},
        ),
        "cos": Backend(
            distinguishing=("prefix", "key"),
            example='prefix = "{fleet}"',
            known="accelerate acl assume_role bucket domain encrypt endpoint key prefix region",
            secrets={
                "secret_id": "TENCENTCLOUD_SECRET_ID",
                "secret_key": "TENCENTCLOUD_SECRET_KEY",
                "security_token": "TENCENTCLOUD_SECURITY_TOKEN",
            },
        ),
        "gcs": Backend(
            distinguishing=("prefix",),
            example='prefix = "{fleet}"',
            known="""bucket credentials impersonate_service_account impersonate_service_account_delegates
                kms_encryption_key prefix storage_custom_endpoint""",
            secrets={"access_token": "GOOGLE_OAUTH_ACCESS_TOKEN", "encryption_key": "GOOGLE_ENCRYPTION_KEY"},
        ),
        "http": Backend(
            distinguishing=("address",),
            example='address = "https://state.example.com/{fleet}"',
            known="""address client_ca_certificate_pem client_certificate_pem lock_address lock_method retry_max
                retry_wait_max retry_wait_min skip_cert_verification unlock_address unlock_method update_method
                username""",
            secrets={
                "client_private_key_pem": "TF_HTTP_CLIENT_PRIVATE_KEY_PEM",
                "password": "TF_HTTP_PASSWORD",
            },
            likewise=("lock_address", "unlock_address"),
        ),
        "kubernetes": Backend(
            distinguishing=("secret_suffix",),
            example='secret_suffix = "{fleet}"',
            known="""client_certificate cluster_ca_certificate config_context config_context_auth_info
                config_context_cluster config_path config_paths exec host in_cluster_config insecure labels namespace
                proxy_url secret_suffix tls_server_name username""",
            secrets={"client_key": "KUBE_CLIENT_KEY_DATA", "password": "KUBE_PASSWORD", "token": "KUBE_TOKEN"},
        ),
        "oci": Backend(
            distinguishing=("key",),
            example='key = "{fleet}.tfstate"',
            known="""auth bucket config_file_profile fingerprint key kms_key_id namespace private_key_path region
                tenancy_ocid user_ocid workspace_key_prefix""",
            secrets={"private_key": "", "private_key_password": "", "sse_customer_key": ""},
        ),
        "oss": Backend(
            distinguishing=("prefix", "key"),
            example='prefix = "{fleet}"',
            known="""acl assume_role assume_role_with_oidc bucket ecs_role_name encrypt endpoint key prefix profile
                region shared_credentials_file sts_endpoint tablestore_endpoint tablestore_instance_name
                tablestore_table""",
            secrets={
                "access_key": "ALICLOUD_ACCESS_KEY",
                "secret_key": "ALICLOUD_SECRET_KEY",
                "security_token": "ALICLOUD_SECURITY_TOKEN",
            },
        ),
        "pg": Backend(
            distinguishing=("schema_name",),
            example='schema_name = "{fleet}"',
            known="conn_str schema_name skip_index_creation skip_schema_creation skip_table_creation",
        ),
        "remote": Backend(
            distinguishing=("workspaces.name", "workspaces.prefix"),
            example='workspaces = { name = "{fleet}" }',
            known="hostname organization workspaces workspaces.name workspaces.prefix",
            secrets={"token": _LOGIN},
        ),
        "s3": Backend(
            distinguishing=("key",),
            example='key = "{fleet}.tfstate"',
            known="""acl allowed_account_ids assume_role assume_role_with_web_identity bucket custom_ca_bundle
                dynamodb_endpoint dynamodb_table ec2_metadata_service_endpoint ec2_metadata_service_endpoint_mode
                encrypt endpoint endpoints forbidden_account_ids force_path_style http_proxy https_proxy iam_endpoint
                insecure key kms_key_id max_retries no_proxy profile region retry_mode role_arn session_name
                shared_config_files shared_credentials_file shared_credentials_files skip_credentials_validation
                skip_metadata_api_check skip_region_validation skip_requesting_account_id skip_s3_checksum
                sts_endpoint sts_region use_dualstack_endpoint use_fips_endpoint use_legacy_workflow use_lockfile
                use_path_style workspace_key_prefix""",
            secrets={
                "access_key": "AWS_ACCESS_KEY_ID",
                "secret_key": "AWS_SECRET_ACCESS_KEY",
                "sse_customer_key": "AWS_SSE_CUSTOMER_KEY",
                "token": "AWS_SESSION_TOKEN",
            },
        ),
    }
)

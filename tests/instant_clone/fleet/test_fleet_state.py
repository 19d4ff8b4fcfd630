# SPDX-License-Identifier: MPL-2.0
"""The [state] table of fleets.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from instant_clone.errors import FleetFileError
from instant_clone.fleet import StateSettings, with_environment
from tests.instant_clone.fleet.fleet_files import PLACE, WEB, errors, parse


def test_default_states_are_files_in_the_project_folder(tmp_path: Path) -> None:
    state = parse(tmp_path, WEB).state
    assert state == StateSettings(backend="local", arguments={"path": "state/{fleet}.tfstate"})
    assert state.arguments_for("web") == {"path": "state/web.tfstate"}


def test_keeps_the_default_path_with_another_argument(tmp_path: Path) -> None:
    state = parse(tmp_path, f'[state]\nworkspace_dir = "workspaces"\n{WEB}').state
    assert state.arguments_for("web") == {"path": "state/web.tfstate", "workspace_dir": "workspaces"}


def test_stores_workspace_states_next_to_the_state_of_the_fleet(tmp_path: Path) -> None:
    fleet_file = with_environment(parse(tmp_path, WEB), {"TF_WORKSPACE": "blue"})
    assert fleet_file.state.arguments_for("web") == {
        "path": "state/web.tfstate",
        "workspace_dir": "state/web.tfstate.d",
    }


def test_derives_workspace_dir_from_the_path_in_the_fleet_file(tmp_path: Path) -> None:
    fleet_file = parse(tmp_path, f'[state]\npath = "../states/{{fleet}}/x"\n{WEB}')
    state = with_environment(fleet_file, {"TF_WORKSPACE": "blue"}).state
    assert state.arguments_for("web")["workspace_dir"] == "../states/web/x.d"


@pytest.mark.parametrize("workspace", ["", "default"])
def test_default_workspace_keeps_the_arguments(workspace: str, tmp_path: Path) -> None:
    fleet_file = parse(tmp_path, WEB)
    assert with_environment(fleet_file, {"TF_WORKSPACE": workspace}) == fleet_file


@pytest.mark.parametrize(
    "state",
    ['workspace_dir = "workspaces"', 'workspace_dir = "w/{fleet}"', 'backend = "s3"\nkey = "{fleet}"\nbucket = "b"'],
)
def test_keeps_an_explicit_workspace_dir_and_other_backends(state: str, tmp_path: Path) -> None:
    fleet_file = parse(tmp_path, f"[state]\n{state}\n{WEB}")
    assert with_environment(fleet_file, {"TF_WORKSPACE": "blue"}) == fleet_file


def test_rejects_a_workspace_state_that_fleets_would_share(tmp_path: Path) -> None:
    lab = WEB.replace("fleets.web", "fleets.lab")
    fleet_file = parse(tmp_path, f'[state]\nworkspace_dir = "workspaces"\n{WEB}{lab}')
    with pytest.raises(FleetFileError) as caught:
        with_environment(fleet_file, {"TF_WORKSPACE": "blue"})
    assert str(caught.value).splitlines()[-1].strip(" -") == (
        "[state] workspace_dir: does not contain {fleet}, so the fleets web and lab would share the state of the "
        "workspace blue. "
        "Add {fleet} to workspace_dir."
    )


def test_passes_all_arguments_with_the_fleet_name_to_the_backend(tmp_path: Path) -> None:
    text = (
        '[state]\nbackend = "s3"\nbucket = "states"\nkey = "clones/{fleet}/{fleet}.tfstate"\nencrypt = true\n'
        'max_retries = 3\nallowed_account_ids = ["123456789012"]\nendpoints = { s3 = "https://{fleet}.example.com" }\n'
        f'tomorrows_argument = "x"\n{WEB}'
    )
    state = parse(tmp_path, text).state
    assert state.backend == "s3"
    assert state.arguments_for("web") == {
        "bucket": "states",
        "key": "clones/web/web.tfstate",
        "encrypt": True,
        "max_retries": 3,
        "allowed_account_ids": ["123456789012"],
        "endpoints": {"s3": "https://web.example.com"},
        "tomorrows_argument": "x",
    }


@pytest.mark.parametrize(
    "state",
    [
        'backend = "local"\npath = "../states/{fleet}/x.tfstate"',
        'backend = "azurerm"\nkey = "{fleet}"\ncontainer_name = "states"\nuse_azuread_auth = true',
        'backend = "cloud"\norganization = "us"\nworkspaces = { name = "ic-{fleet}" }',
        'backend = "consul"\npath = "{fleet}"\ngzip = true',
        'backend = "cos"\nprefix = "{fleet}"',
        'backend = "cos"\nkey = "{fleet}"',
        'backend = "gcs"\nprefix = "{fleet}"\nbucket = "b"\ncredentials = "key.json"',
        'backend = "http"\naddress = "https://host/{fleet}"\nlock_address = "https://host/{fleet}/lock"',
        'backend = "kubernetes"\nsecret_suffix = "{fleet}"\n[state.labels]\nteam = "ci"',
        'backend = "oci"\nkey = "{fleet}"',
        'backend = "oss"\nprefix = "{fleet}"',
        'backend = "pg"\nconn_str = "postgres://us@db/states?sslmode=require"\nschema_name = "{fleet}"',
        'backend = "remote"\n[state.workspaces]\nprefix = "{fleet}-"',
        'backend = "s3"\nkey = "{fleet}"\nassume_role = { role_arn = "arn:aws:iam::1:role/x", external_id = "y" }',
    ],
)
def test_accepts_the_fleet_placeholder_in_the_arguments_of_each_backend(state: str, tmp_path: Path) -> None:
    assert parse(tmp_path, f"{WEB}[state]\n{state}").state.backend in state


def secret_finding(argument: str, variable: str) -> str:
    what = "contains a secret, which would be written to files."
    return f"[state] {argument}: {what} Remove it, and set {variable} in the environment."


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (
            'backend = "azure"',
            "[state] backend: 'azure' is not a supported backend. Did you mean \"azurerm\"?",
        ),
        (
            'backend = "floppy"',
            "[state] backend: 'floppy' is not a supported backend. "
            "Supported backends are local, azurerm, cloud, consul, cos, "
            "gcs, http, kubernetes, oci, oss, pg, remote, s3.",
        ),
        ("backend = 3", "[state] backend: 3 has the wrong type. Use a string in quotes."),
        (
            'backned = "s3"',
            '[state] backned: is not an argument of the backend local. Did you mean "backend"?',
        ),
        (
            'bucket = "x"',
            "[state] backend: is missing, and the default backend local has no argument bucket. "
            "Supported backends are local, azurerm, cloud, consul, cos, gcs, http, kubernetes, oci, oss, pg, remote, "
            "s3.",
        ),
        (
            'backend = "s3"\nkey = "{fleet}"\nscret_key = "x"',
            "[state] scret_key: contains a secret, which would be written to files. "
            "Remove it, and set AWS_SECRET_ACCESS_KEY in the environment.",
        ),
        (
            'path = "web.tfstate"',
            "[state] path: does not contain {fleet}, so two fleets would share one state. "
            'Set it, as in path = "state/{fleet}.tfstate".',
        ),
        (
            'backend = "s3"\nbucket = "{fleet}"',
            "[state] key: is missing, but the backend s3 needs it to separate the states of the fleets. "
            'Set it, as in key = "{fleet}.tfstate".',
        ),
        (
            'backend = "remote"\nworkspaces = { name = "x" }',
            "[state] workspaces.name: does not contain {fleet}, so two fleets would share one state. "
            'Set it, as in workspaces = { name = "{fleet}" }.',
        ),
        (
            'backend = "http"\naddress = "https://host/{fleet}"\nlock_address = "https://host/lock"',
            "[state] lock_address: does not contain {fleet}, so the fleets would share it. "
            "Add {fleet} to lock_address.",
        ),
        (
            'path = "/var/{fleet}.tfstate"',
            "[state] path: '/var/{fleet}.tfstate' is not a relative path. "
            "Use a path relative to the project folder, with / between its parts.",
        ),
        (
            "path = 'C:\\{fleet}.tfstate'",
            "[state] path: 'C:\\\\{fleet}.tfstate' is not a relative path. "
            "Use a path relative to the project folder, with / between its parts.",
        ),
        (
            'backend = "s3"\nkey = "{fleet}"\nmax_retries = 1.5',
            "[state] max_retries: has the wrong type. Use a string, an integer, true or false.",
        ),
        (
            'backend = "s3"\nkey = "{fleet}"\nx = [[[[["y"]]]]]',
            "[state] x: is nested more than 4 levels deep. Remove it; no backend has such an argument.",
        ),
        ('backend = "s3"\nkey = "{fleet}"\naccess_key = "AKIA"', secret_finding("access_key", "AWS_ACCESS_KEY_ID")),
        ('backend = "s3"\nkey = "{fleet}"\nsecret_key = "s"', secret_finding("secret_key", "AWS_SECRET_ACCESS_KEY")),
        ('backend = "s3"\nkey = "{fleet}"\ntoken = "s"', secret_finding("token", "AWS_SESSION_TOKEN")),
        ('backend = "azurerm"\nkey = "{fleet}"\naccess_key = "s"', secret_finding("access_key", "ARM_ACCESS_KEY")),
        ('backend = "azurerm"\nkey = "{fleet}"\nsas_token = "s"', secret_finding("sas_token", "ARM_SAS_TOKEN")),
        (
            'backend = "azurerm"\nkey = "{fleet}"\nclient_secret = "s"',
            secret_finding("client_secret", "ARM_CLIENT_SECRET"),
        ),
        (
            'backend = "gcs"\nprefix = "{fleet}"\naccess_token = "s"',
            secret_finding("access_token", "GOOGLE_OAUTH_ACCESS_TOKEN"),
        ),
        (
            'backend = "gcs"\nprefix = "{fleet}"\ncredentials = "{ \\"private_key\\": 1 }"',
            secret_finding("credentials", "GOOGLE_CREDENTIALS"),
        ),
        (
            'backend = "http"\naddress = "https://h/{fleet}"\npassword = "s"',
            secret_finding("password", "TF_HTTP_PASSWORD"),
        ),
        (
            'backend = "http"\naddress = "https://me:hunter2@h/{fleet}"',
            "[state] address: contains a secret, which would be written to files. "
            "Remove it, and pass it to Terraform outside the fleet file.",
        ),
        (
            'backend = "pg"\nschema_name = "{fleet}"\nconn_str = "postgres://me:hunter2@db/states"',
            secret_finding("conn_str", "PG_CONN_STR"),
        ),
        (
            'backend = "pg"\nschema_name = "{fleet}"\nconn_str = "host=db password=hunter2"',
            secret_finding("conn_str", "PG_CONN_STR"),
        ),
        (
            'backend = "consul"\npath = "{fleet}"\naccess_token = "s"',
            secret_finding("access_token", "CONSUL_HTTP_TOKEN"),
        ),
        ('backend = "kubernetes"\nsecret_suffix = "{fleet}"\ntoken = "s"', secret_finding("token", "KUBE_TOKEN")),
        ('backend = "cos"\nprefix = "{fleet}"\nsecret_id = "s"', secret_finding("secret_id", "TENCENTCLOUD_SECRET_ID")),
        ('backend = "oss"\nprefix = "{fleet}"\naccess_key = "s"', secret_finding("access_key", "ALICLOUD_ACCESS_KEY")),
        (
            'backend = "remote"\nworkspaces = { name = "{fleet}" }\ntoken = "s"',
            secret_finding("token", "TF_TOKEN_app_terraform_io (use the name of your host, with _ for each dot)"),
        ),
        (
            'backend = "s3"\nkey = "{fleet}"\nassume_role_with_web_identity = { web_identity_token = "hunter2" }',
            "[state] assume_role_with_web_identity.web_identity_token: contains a secret, which would be written "
            "to files. Remove it, and pass it to Terraform outside the fleet file.",
        ),
    ],
)
def test_rejects_invalid_state_settings(state: str, expected: str, tmp_path: Path) -> None:
    found = errors(tmp_path, f"[state]\n{state}\n{WEB}")
    assert found == [expected]
    assert "hunter2" not in found[0]


def test_rejects_a_state_that_is_not_a_table(tmp_path: Path) -> None:
    assert errors(tmp_path, f'state = "s3"\n{WEB}') == ["state: is not a table. Start the table with [state]."]


def two_fleets(one: str, other: str) -> str:
    return "".join(
        f'[fleets.{name}]\n{PLACE}[[fleets.{name}.sources]]\nvm = "golden"\ncount = 1\nrecord = "sources/golden.json"\n'
        for name in (one, other)
    )


def test_rejects_fleet_names_that_differ_only_in_case(tmp_path: Path) -> None:
    assert errors(tmp_path, two_fleets("web", "WEB")) == [
        "[fleets.WEB]: the name differs from 'web' only in case. Both fleets could share a state file. "
        "Use another name."
    ]


def test_rejects_a_path_that_is_the_same_for_two_fleets_after_normalization(tmp_path: Path) -> None:
    text = f'[state]\npath = "state/{{fleet}}/../x.tfstate"\n{two_fleets("a", "b")}'
    assert errors(tmp_path, text) == [
        "[state] path: the fleets a and b would share the state 'state/x.tfstate'. "
        "Use {fleet} so that each fleet has a different path."
    ]

# SPDX-License-Identifier: MPL-2.0
"""Where fleets.toml keeps the states."""

from __future__ import annotations

from pathlib import Path

import pytest

from instant_clone.errors import FleetFileError
from instant_clone.fleet import StateSettings, with_environment
from tests.instant_clone.fleet.fleet_files import PLACE, WEB, errors, parse


def test_states_are_files_in_the_projects_folder_by_default(tmp_path: Path) -> None:
    state = parse(tmp_path, WEB).state
    assert state == StateSettings(backend="local", arguments={"path": "state/{fleet}.tfstate"})
    assert state.arguments_for("web") == {"path": "state/web.tfstate"}


def test_an_argument_beside_the_default_path_keeps_it(tmp_path: Path) -> None:
    state = parse(tmp_path, f'[state]\nworkspace_dir = "workspaces"\n{WEB}').state
    assert state.arguments_for("web") == {"path": "state/web.tfstate", "workspace_dir": "workspaces"}


def test_states_of_workspaces_are_beside_the_state_of_their_fleet(tmp_path: Path) -> None:
    fleet_file = with_environment(parse(tmp_path, WEB), {"TF_WORKSPACE": "blue"})
    assert fleet_file.state.arguments_for("web") == {
        "path": "state/web.tfstate",
        "workspace_dir": "state/web.tfstate.d",
    }


def test_states_of_workspaces_follow_the_path_of_the_fleet_file(tmp_path: Path) -> None:
    fleet_file = parse(tmp_path, f'[state]\npath = "../states/{{fleet}}/x"\n{WEB}')
    state = with_environment(fleet_file, {"TF_WORKSPACE": "blue"}).state
    assert state.arguments_for("web")["workspace_dir"] == "../states/web/x.d"


@pytest.mark.parametrize("workspace", ["", "default"])
def test_the_default_workspace_changes_no_argument(workspace: str, tmp_path: Path) -> None:
    fleet_file = parse(tmp_path, WEB)
    assert with_environment(fleet_file, {"TF_WORKSPACE": workspace}) == fleet_file


@pytest.mark.parametrize(
    "state",
    ['workspace_dir = "workspaces"', 'workspace_dir = "w/{fleet}"', 'backend = "s3"\nkey = "{fleet}"\nbucket = "b"'],
)
def test_a_workspace_dir_in_the_fleet_file_and_other_backends_stay_as_they_are(state: str, tmp_path: Path) -> None:
    fleet_file = parse(tmp_path, f"[state]\n{state}\n{WEB}")
    assert with_environment(fleet_file, {"TF_WORKSPACE": "blue"}) == fleet_file


def test_fleets_do_not_share_the_state_of_a_workspace(tmp_path: Path) -> None:
    lab = WEB.replace("fleets.web", "fleets.lab")
    fleet_file = parse(tmp_path, f'[state]\nworkspace_dir = "workspaces"\n{WEB}{lab}')
    with pytest.raises(FleetFileError) as caught:
        with_environment(fleet_file, {"TF_WORKSPACE": "blue"})
    assert str(caught.value).splitlines()[-1].strip(" -") == (
        "[state] workspace_dir: has no {fleet}: the fleets web and lab would share the state of the workspace blue. "
        "Put {fleet} into it."
    )


def test_any_backend_has_its_arguments_with_the_fleet_in_them(tmp_path: Path) -> None:
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
def test_each_backend_tells_states_apart_in_its_own_way(state: str, tmp_path: Path) -> None:
    assert parse(tmp_path, f"{WEB}[state]\n{state}").state.backend in state


def cured(argument: str, variable: str) -> str:
    what = "is a secret, or holds one, and would stand in files."
    return f"[state] {argument}: {what} Take it out, and set {variable} instead."


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (
            'backend = "azure"',
            "[state] backend: 'azure' is not a backend that is known. Did you mean \"azurerm\"?",
        ),
        (
            'backend = "floppy"',
            "[state] backend: 'floppy' is not a backend that is known. There are local, azurerm, cloud, consul, cos, "
            "gcs, http, kubernetes, oci, oss, pg, remote, s3.",
        ),
        ("backend = 3", "[state] backend: 3 is of the wrong type. Write a text in quotes."),
        (
            'backned = "s3"',
            '[state] backned: is not an argument of the backend local. Did you mean "backend"?',
        ),
        (
            'bucket = "x"',
            "[state] backend: is missing, and the backend local has no bucket. "
            "There are local, azurerm, cloud, consul, cos, gcs, http, kubernetes, oci, oss, pg, remote, s3.",
        ),
        (
            'backend = "s3"\nkey = "{fleet}"\nscret_key = "x"',
            "[state] scret_key: is a secret, or holds one, and would stand in files. "
            "Take it out, and set AWS_SECRET_ACCESS_KEY instead.",
        ),
        (
            'path = "web.tfstate"',
            "[state] path: has no {fleet}: two states in one place, as soon as there are two fleets. "
            'Write it as in path = "state/{fleet}.tfstate".',
        ),
        (
            'backend = "s3"\nbucket = "{fleet}"',
            "[state] key: is missing; it tells the fleets' states apart in the backend s3. "
            'Write it as in key = "{fleet}.tfstate".',
        ),
        (
            'backend = "remote"\nworkspaces = { name = "x" }',
            "[state] workspaces.name: has no {fleet}: two states in one place, as soon as there are two fleets. "
            'Write it as in workspaces = { name = "{fleet}" }.',
        ),
        (
            'backend = "http"\naddress = "https://host/{fleet}"\nlock_address = "https://host/lock"',
            "[state] lock_address: has no {fleet}: the fleets would share it. Put {fleet} into it.",
        ),
        (
            'path = "/var/{fleet}.tfstate"',
            "[state] path: '/var/{fleet}.tfstate' is not a relative path. "
            "Write a path below the project's folder, with / between its parts.",
        ),
        (
            "path = 'C:\\{fleet}.tfstate'",
            "[state] path: 'C:\\\\{fleet}.tfstate' is not a relative path. "
            "Write a path below the project's folder, with / between its parts.",
        ),
        (
            'backend = "s3"\nkey = "{fleet}"\nmax_retries = 1.5',
            "[state] max_retries: is of the wrong type. Write a text, a whole number, true or false.",
        ),
        (
            'backend = "s3"\nkey = "{fleet}"\nx = [[[[["y"]]]]]',
            "[state] x: is nested too deeply. No backend has such an argument.",
        ),
        ('backend = "s3"\nkey = "{fleet}"\naccess_key = "AKIA"', cured("access_key", "AWS_ACCESS_KEY_ID")),
        ('backend = "s3"\nkey = "{fleet}"\nsecret_key = "s"', cured("secret_key", "AWS_SECRET_ACCESS_KEY")),
        ('backend = "s3"\nkey = "{fleet}"\ntoken = "s"', cured("token", "AWS_SESSION_TOKEN")),
        ('backend = "azurerm"\nkey = "{fleet}"\naccess_key = "s"', cured("access_key", "ARM_ACCESS_KEY")),
        ('backend = "azurerm"\nkey = "{fleet}"\nsas_token = "s"', cured("sas_token", "ARM_SAS_TOKEN")),
        ('backend = "azurerm"\nkey = "{fleet}"\nclient_secret = "s"', cured("client_secret", "ARM_CLIENT_SECRET")),
        (
            'backend = "gcs"\nprefix = "{fleet}"\naccess_token = "s"',
            cured("access_token", "GOOGLE_OAUTH_ACCESS_TOKEN"),
        ),
        (
            'backend = "gcs"\nprefix = "{fleet}"\ncredentials = "{ \\"private_key\\": 1 }"',
            cured("credentials", "GOOGLE_CREDENTIALS"),
        ),
        ('backend = "http"\naddress = "https://h/{fleet}"\npassword = "s"', cured("password", "TF_HTTP_PASSWORD")),
        (
            'backend = "http"\naddress = "https://me:hunter2@h/{fleet}"',
            "[state] address: is a secret, or holds one, and would stand in files. "
            "Take it out; give it to Terraform otherwise.",
        ),
        (
            'backend = "pg"\nschema_name = "{fleet}"\nconn_str = "postgres://me:hunter2@db/states"',
            cured("conn_str", "PG_CONN_STR"),
        ),
        (
            'backend = "pg"\nschema_name = "{fleet}"\nconn_str = "host=db password=hunter2"',
            cured("conn_str", "PG_CONN_STR"),
        ),
        ('backend = "consul"\npath = "{fleet}"\naccess_token = "s"', cured("access_token", "CONSUL_HTTP_TOKEN")),
        ('backend = "kubernetes"\nsecret_suffix = "{fleet}"\ntoken = "s"', cured("token", "KUBE_TOKEN")),
        ('backend = "cos"\nprefix = "{fleet}"\nsecret_id = "s"', cured("secret_id", "TENCENTCLOUD_SECRET_ID")),
        ('backend = "oss"\nprefix = "{fleet}"\naccess_key = "s"', cured("access_key", "ALICLOUD_ACCESS_KEY")),
        (
            'backend = "remote"\nworkspaces = { name = "{fleet}" }\ntoken = "s"',
            cured("token", "TF_TOKEN_app_terraform_io (with the host's name, dots as underscores)"),
        ),
        (
            'backend = "s3"\nkey = "{fleet}"\nassume_role_with_web_identity = { web_identity_token = "hunter2" }',
            "[state] assume_role_with_web_identity.web_identity_token: is a secret, or holds one, and would stand in "
            "files. Take it out; give it to Terraform otherwise.",
        ),
    ],
)
def test_what_cannot_be_is_named_with_the_cure(state: str, expected: str, tmp_path: Path) -> None:
    found = errors(tmp_path, f"[state]\n{state}\n{WEB}")
    assert found == [expected]
    assert "hunter2" not in found[0]


def test_state_is_a_table(tmp_path: Path) -> None:
    assert errors(tmp_path, f'state = "s3"\n{WEB}') == ["state: is not a table. Begin it with [state]."]


def two_fleets(one: str, other: str) -> str:
    return "".join(
        f'[fleets.{name}]\n{PLACE}[[fleets.{name}.sources]]\nvm = "golden"\ncount = 1\nrecord = "sources/golden.json"\n'
        for name in (one, other)
    )


def test_fleets_that_differ_in_capitals_are_two_states_in_one_place(tmp_path: Path) -> None:
    assert errors(tmp_path, two_fleets("web", "WEB")) == [
        "[fleets.WEB]: differs from 'web' in capitals only: two states in one place, where files do likewise. "
        "Choose another name."
    ]


def test_a_path_that_leads_back_out_of_the_fleets_folder_is_two_states_in_one_place(tmp_path: Path) -> None:
    text = f'[state]\npath = "state/{{fleet}}/../x.tfstate"\n{two_fleets("a", "b")}'
    assert errors(tmp_path, text) == [
        "[state] path: two states in one place: 'state/x.tfstate' for the fleets a and b. Let {fleet} tell them apart."
    ]

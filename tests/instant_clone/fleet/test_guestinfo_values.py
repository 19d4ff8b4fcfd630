# SPDX-License-Identifier: MPL-2.0
"""Guestinfo values that are tables: text, file, pattern and their encodings."""

from __future__ import annotations

import gzip
import os
from base64 import b64decode
from pathlib import Path

import pytest

from instant_clone.fleet.members import guestinfo
from tests.another_user import as_another_user, public_folder
from tests.instant_clone.fleet.fleet_files import PLACE, errors, parse
from tests.instant_clone.replica.replica_layouts import default

__all__ = ["public_folder"]

WEB = f'[fleets.web]\n{PLACE}[[fleets.web.sources]]\nvm = "golden"\ncount = 2\n[fleets.web.guestinfo]\n'
WHERE = "[fleets.web.guestinfo] guestinfo.x"


def value(folder: Path, line: str, index: int = 1) -> str:
    """Return the value of guestinfo.x for a member. `line` is the value in TOML."""
    fleet = parse(folder, f'{WEB}"guestinfo.x" = {line}\n').fleets["web"]
    return guestinfo(fleet, fleet.sources[0], default())(index)["guestinfo.x"]


def errors_of(folder: Path, line: str) -> list[str]:
    return errors(folder, f'{WEB}"guestinfo.x" = {line}\n')


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("""{ text = '{"name": "{name}", "x": {{}}}' }""", '{"name": "{name}", "x": {{}}}'),
        ('{ text = "" }', ""),
        ('{ text = "{name}\\n\\t", encoding = "base64" }', "e25hbWV9Cgk="),
        ('{ pattern = "{name}" }', "web-1"),
        ('{ pattern = "{name}: {{}}", encoding = "base64" }', "d2ViLTE6IHt9"),
        # gzip of "a", as in test_gzip_encoding
        ('{ text = "a", encoding = "gzip+base64" }', "H4sIAAAAAAAA/0sEAEO+t+gBAAAA"),
        # Only an encoded value can contain control characters.
        ('{ text = "\\u0000\\r", encoding = "base64" }', "AA0="),
        ('{ pattern = "\\u0001{index}", encoding = "base64" }', "ATE="),
        ('"{name}\\tß\\n"', "web-1\tß\n"),
    ],
)
def test_encodes_the_text_or_the_filled_pattern(tmp_path: Path, line: str, expected: str) -> None:
    assert value(tmp_path, line) == expected


def test_gzip_encoding_is_applied_to_the_values_of_each_member(tmp_path: Path) -> None:
    line = '{ pattern = "host {name}", encoding = "gzip+base64" }'
    texts = [gzip.decompress(b64decode(value(tmp_path, line, index))) for index in (0, 1)]
    assert texts == [b"host web-0", b"host web-1"]


def test_table_can_have_a_heading(tmp_path: Path) -> None:
    text = f'{WEB}[fleets.web.guestinfo."guestinfo.x"]\ntext = "{{}}"\n'
    fleet = parse(tmp_path, text).fleets["web"]
    assert guestinfo(fleet, fleet.sources[0], default())(0) == {"guestinfo.x": "{}"}


def test_reads_a_text_file_without_placeholders(tmp_path: Path) -> None:
    (tmp_path / "guest").mkdir()
    (tmp_path / "guest" / "user data.json").write_bytes('{"ß": "{name}"}\n'.encode())
    assert value(tmp_path, '{ file = "guest/user data.json" }') == '{"ß": "{name}"}\n'


def test_reads_bytes_of_a_file_with_an_encoding(tmp_path: Path) -> None:
    content = b"\xff\x00{name}\r\n" + bytes(range(256))
    (tmp_path / "data.bin").write_bytes(content)
    assert b64decode(value(tmp_path, '{ file = "data.bin", encoding = "base64" }')) == content
    assert gzip.decompress(b64decode(value(tmp_path, '{ file = "data.bin", encoding = "gzip+base64" }'))) == content


def test_file_is_relative_to_the_folder_of_the_fleet_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    project.mkdir()
    elsewhere.mkdir()
    (project / "a.txt").write_text("right")
    (elsewhere / "a.txt").write_text("wrong")
    monkeypatch.chdir(elsewhere)
    assert value(project, '{ file = "a.txt" }') == "right"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("{}", ': exactly one of text, file and pattern is required. Use { text = "…" }, for example.'),
        (
            '{ encoding = "base64" }',
            ': exactly one of text, file and pattern is required. Use { text = "…" }, for example.',
        ),
        (
            '{ text = "a", pattern = "b" }',
            ': exactly one of text, file and pattern is required. Use { text = "…" }, for example.',
        ),
        ('{ txt = "a" }', ', txt: unknown key. Did you mean "text"?'),
        ('{ text = "a", what = 1 }', ", what: unknown key. Valid keys are text, file, pattern, encoding."),
        ("{ text = 3 }", ", text: 3 has the wrong type. Use a string in quotes."),
        (
            '{ text = "a", encoding = "gzip" }',
            ", encoding: 'gzip' is not a valid value. Use 'base64' or 'gzip+base64'.",
        ),
        (
            '{ pattern = "{nam}", encoding = "base64" }',
            ", pattern: {nam} in '{nam}' is not a valid placeholder. Did you mean \"{name}\"?",
        ),
        ('{ pattern = "{ip}", encoding = "base64" }', ": {ip} requires an address plan. Set cidr and first in a "),
        (
            '{ file = "../a" }',
            ", file: '../a' is not a simple relative path. "
            "Do not start or end the path with /, and do not use //, . or .. in the path.",
        ),
        (
            '{ file = "/etc/hostname" }',
            ", file: '/etc/hostname' is not a simple relative path. "
            "Do not start or end the path with /, and do not use //, . or .. in the path.",
        ),
        (
            '{ file = "none" }',
            ", file: 'none' does not exist. Create the file, or correct the path. It is relative to the folder of the "
            "fleet file.",
        ),
        (
            '{ file = "fleets.toml/a" }',
            ", file: 'fleets.toml/a' does not exist. Create the file, or correct the path. It is relative to the "
            "folder of the fleet file.",
        ),
        (
            '{ file = "a\\u0000b" }',
            ", file: 'a\\x00b' cannot be read: embedded null byte. Make the file readable.",
        ),
        ("3", ": 3 has the wrong type. Use a string in quotes."),
        (
            """'{"a": 1}'""",
            """: {"a"} in '{"a": 1}' is not a valid placeholder. Use {{ and }} for literal braces, or """
            'use { text = "…" } for a text without placeholders.',
        ),
        (
            "'{'",
            ": '{' contains a single brace. "
            'Use {{ or }} for a literal brace, or use { text = "…" } for a text without placeholders.',
        ),
        (
            f"'{'-' * 61}{{'",
            f": '{'-' * 60}'… contains a single brace. "
            'Use {{ or }} for a literal brace, or use { text = "…" } for a text without placeholders.',
        ),
    ],
)
def test_reports_invalid_values(tmp_path: Path, line: str, expected: str) -> None:
    (found,) = errors_of(tmp_path, line)
    assert found.startswith(f"{WHERE}{expected}")


def test_reports_a_file_that_is_a_folder_or_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "pipe"):
        expected = f"{WHERE}, file: {name!r} is not a file. Use the path of a file."
        assert errors_of(tmp_path, f'{{ file = "{name}" }}') == [expected]


def test_reports_links_out_of_the_folder_and_loops_of_links(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "secret").write_text("s")
    (project / "link").symlink_to("../secret")
    (project / "circle").symlink_to("circle")
    (project / "inside").symlink_to("real")
    (project / "real").write_text("r")
    assert errors_of(project, '{ file = "link" }') == [
        f"{WHERE}, file: 'link' is a link to a file outside the folder of the fleet file. "
        "Copy the file into that folder."
    ]
    (circle,) = errors_of(project, '{ file = "circle" }')
    assert circle.startswith(f"{WHERE}, file: 'circle' cannot be read: ")
    assert value(project, '{ file = "inside" }') == "r"


def test_reports_a_file_without_permission(public_folder: Path) -> None:
    (public_folder / "closed").write_text("a")
    (public_folder / "closed").chmod(0)
    (public_folder / "fleets.toml").write_text("")
    (public_folder / "fleets.toml").chmod(0o666)

    assert as_another_user(lambda: errors_of(public_folder, '{ file = "closed" }')) == [
        f"{WHERE}, file: 'closed' cannot be read: Permission denied. Make the file readable."
    ]


def test_reports_a_file_that_needs_an_encoding(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"a\nb\xe4\n")
    (tmp_path / "windows").write_bytes(b"a\r\n")
    assert errors_of(tmp_path, '{ file = "latin" }') == [
        f"{WHERE}, file: line 2 of 'latin' is not UTF-8. Save the file as UTF-8, or add encoding = \"base64\"."
    ]
    assert errors_of(tmp_path, '{ file = "windows" }') == [
        f"{WHERE}, file: 'windows' contains a carriage return (U+000D) in line 1, which vCenter cannot receive "
        'unchanged. Remove it, or add encoding = "base64".'
    ]


def test_reports_all_files_together(tmp_path: Path) -> None:
    text = f'{WEB}"guestinfo.a" = {{ file = "a" }}\n"guestinfo.b" = {{ file = "b" }}\n"guestinfo.c" = "{{ip}}"\n'
    found = errors(tmp_path, text)
    assert [each.partition(":")[0] for each in found] == [
        "[fleets.web.guestinfo] guestinfo.a, file",
        "[fleets.web.guestinfo] guestinfo.b, file",
        "[fleets.web.guestinfo] guestinfo.c",
    ]


@pytest.mark.parametrize(
    ("key", "whole"),
    [
        ("guestinfo.userdata", "guestinfo.userdata"),
        ("guestinfo.ic.userdata", "guestinfo.ic.userdata"),
        ('"guestinfo".userdata', "guestinfo.userdata"),
    ],
)
def test_reports_a_table_whose_key_is_not_in_quotes(tmp_path: Path, key: str, whole: str) -> None:
    assert errors(tmp_path, f'{WEB}{key} = {{ text = "a" }}\n') == [
        f"[fleets.web.guestinfo] {whole}: is not in quotes, so TOML splits the key at its dots. "
        f'Write "{whole}", in quotes.'
    ]


@pytest.mark.parametrize("line", ['guestinfo.userdata.encoding = "base64"', '"guestinfo.userdata".extra = "a"'])
def test_split_key_is_not_a_table(tmp_path: Path, line: str) -> None:
    key = line.partition(" = ")[0].replace('"', "")
    assert errors(tmp_path, f"{WEB}{line}\n") == [
        f'[fleets.web.guestinfo] {key}: is not in quotes, so TOML splits the key at its dots. Write "{key}", in quotes.'
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('"a\\u0000"', ": the value contains a control character (U+0000) in line 1"),
        ('"a\\nb\\u001b[0m"', ": the value contains a control character (U+001B) in line 2"),
        ('"a\\r\\n"', ": the value contains a carriage return (U+000D) in line 1"),
        ('"\\u007f"', ": the value contains a control character (U+007F) in line 1"),
        ('"\\u0085"', ": the value contains a control character (U+0085) in line 1"),
        ('"\\ufffe"', ": the value contains a control character (U+FFFE) in line 1"),
        ('"{name}\\uffff"', ": the value contains a control character (U+FFFF) in line 1"),
        ('{ text = "{\\u0001" }', ": the value contains a control character (U+0001) in line 1"),
        ('{ pattern = "{name}\\b" }', ": the value contains a control character (U+0008) in line 1"),
    ],
)
def test_refuses_control_characters_in_values_without_encoding(tmp_path: Path, line: str, expected: str) -> None:
    assert errors_of(tmp_path, line) == [
        f"{WHERE}{expected}, which vCenter cannot receive unchanged. "
        'Remove the character, or use a table with encoding = "base64".'
    ]


def test_accepts_all_other_characters(tmp_path: Path) -> None:
    characters = "\t\n ~\u00a0\u00ad\u200b\u2028\ud7ff\ue000\ufeff\ufffd\U00010000\U0010ffff"
    (tmp_path / "all").write_bytes(characters.encode())
    assert value(tmp_path, '{ file = "all" }') == characters
    assert value(tmp_path, f'"""{characters}"""') == characters


@pytest.mark.parametrize("character", ["\\u0001", "\\u007f", "\\uffff"])
def test_refuses_control_characters_in_keys(tmp_path: Path, character: str) -> None:
    code = character[-4:].upper()
    (found,) = errors(tmp_path, f'{WEB}"guestinfo.{character}" = "a"\n')
    assert found.isprintable()
    assert found.endswith(
        f": the key contains a control character (U+{code}) in line 1, which vCenter cannot receive unchanged. "
        "Remove the character."
    )


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ('annotation = "a\\u0001"', "[fleets.web] annotation"),
        ('custom_attributes = { owner = "a\\u0001" }', "[fleets.web.custom_attributes] owner"),
        ('folder = "a\\u0001"', "[fleets.web] folder"),
    ],
)
def test_refuses_control_characters_in_other_texts_that_vcenter_receives(tmp_path: Path, line: str, where: str) -> None:
    text = f'[fleets.web]\n{PLACE}{line}\n[[fleets.web.sources]]\nvm = "golden"\ncount = 2\n'
    assert errors(tmp_path, text) == [
        f"{where}: the value contains a control character (U+0001) in line 1, which vCenter cannot receive unchanged. "
        "Remove the character."
    ]

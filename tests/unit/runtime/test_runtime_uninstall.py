import sys
from pathlib import Path

import pytest

from toolkit.runtime.uninstall import uninstall


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment with one package, which has a script, a folder and a missing file."""
    site = tmp_path / "lib/python3.11/site-packages"
    record = ["toyling.py", "toyling_more/deep/a.py", "../../../bin/toyling", "never.written"]
    for name in ("toyling.py", "toyling_more/deep/a.py", "../../../bin/toyling", "other.py"):
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    info = site / "toyling-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toyling\nVersion: 1.0\n")
    lines = [*record, f"{info.name}/METADATA", f"{info.name}/RECORD"]
    (info / "RECORD").write_text("".join(f"{line},,\n" for line in lines))
    monkeypatch.setattr(sys, "path", [str(site)])
    return site


def test_a_package_goes_with_all_it_brought(site: Path) -> None:
    uninstall("toyling")
    assert [path.name for path in site.iterdir()] == ["other.py"]
    assert list((site.parents[2] / "bin").iterdir()) == []


def test_a_folder_that_others_use_stays(site: Path) -> None:
    (site / "toyling_more/mine.py").write_text("")
    uninstall("toyling")
    assert (site / "toyling_more/mine.py").exists()
    assert not (site / "toyling_more/deep").exists()


def test_a_package_that_is_not_there_is_no_error(site: Path) -> None:
    uninstall("nobody")
    assert (site / "toyling.py").exists()


def test_a_package_without_a_list_cannot_be_removed(site: Path) -> None:
    (site / "toyling-1.0.dist-info/RECORD").unlink()
    with pytest.raises(SystemExit, match="toyling"):
        uninstall("toyling")
    assert (site / "toyling.py").exists()


def test_what_a_link_leads_to_is_somebody_elses(site: Path, tmp_path: Path) -> None:
    """uv can install by links into its cache."""
    cached = tmp_path / "cached.py"
    cached.write_text("")
    (site / "toyling.py").unlink()
    (site / "toyling.py").symlink_to(cached)
    uninstall("toyling")
    assert cached.exists()
    assert not (site / "toyling.py").is_symlink()

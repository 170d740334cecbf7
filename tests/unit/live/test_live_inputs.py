from __future__ import annotations

from pathlib import Path

from toolkit.live.inputs import data_locator
from toolkit.settings import Settings
from toolkit.workspace.download import Downloads
from toolkit.workspace.workspace import Workspace


def test_downloads_have_a_folder_of_their_own_in_the_cache(tmp_path: Path) -> None:
    """Beside them lie the environments and launches of the process engine."""
    settings = Settings(project=tmp_path, environ={"XDG_CACHE_HOME": str(tmp_path / "cache")})
    with Workspace.open(settings.state_folder) as workspace:
        download = data_locator(workspace, settings, say=lambda _: None).download
    assert isinstance(download, Downloads)
    assert download._folder == tmp_path / "cache/aml-emu/downloads"

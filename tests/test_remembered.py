"""The tests' memory of composed configs gives what the loader gives, and forgets at every change."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

import remembered
from segments.app import load
from segments.config.root import Config
from segments.errors import ConfigError
from small_project import CHECKOUT

REAL = load.load.__wrapped__  # type: ignore[attr-defined]


@pytest.mark.slow
def test_a_config_is_composed_once_for_each_conf_and_overrides(tmp_path: Path) -> None:
    composed: list[list[str]] = []

    def real(overrides: Sequence[str], project: Path) -> Config:
        composed.append(list(overrides))
        return REAL(overrides, project)  # type: ignore[no-any-return]

    for name in ("one", "other"):
        shutil.copytree(CHECKOUT / "conf", tmp_path / name / "conf", symlinks=True)
        shutil.copyfile(CHECKOUT / "data.dvc", tmp_path / name / "data.dvc")
    one, other = tmp_path / "one", tmp_path / "other"
    loaded = remembered.remembering(real, tmp_path)
    first, words = loaded(["k=3"], one), ["k=3"]
    assert first == REAL(["k=3"], one)
    assert loaded(words, other) == REAL(words, other)
    assert composed == [["k=3"]]
    assert loaded(["k=4"], other).k == 4
    path = other / "conf/scaler/standard.yaml"
    path.write_text(path.read_text() + "\n")
    assert loaded(["k=3"], other).k == 3
    (other / "data.dvc").write_text("outs: []\n")  # conf/ holds a link to it
    assert loaded(["k=3"], other).k == 3
    (other / "conf/link").symlink_to(one / "conf")
    for _ in range(2):
        with pytest.raises(ConfigError, match="is a link"):
            loaded(["k=3"], other)
    assert len(composed) == 6

"""What a person sees while a command works: on a terminal a line that comes and goes, elsewhere nothing."""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from segments.app import cli, terminal
from segments.app.commands import fit, summary
from segments.app.jobs.pool import progress
from segments.app.stages import sweep
from segments.io.store import catalog
from segments.io.store.documents import Receipt
from segments.io.store.files import write_text
from small_record import fact


class Screen(io.StringIO):
    """A stream that says whether it is a terminal, and when something was written."""

    def __init__(self, person: bool) -> None:
        super().__init__()
        self.person, self.written = person, threading.Event()

    def isatty(self) -> bool:
        return self.person

    def write(self, text: str) -> int:
        made = super().write(text)
        self.written.set()
        return made


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "PATIENCE", 0.001)
    monkeypatch.setattr(terminal, "LOOK_EVERY", 0.002)


def test_on_a_terminal_a_line_says_what_goes_on_and_is_gone_afterwards(
    hasty: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen(person=True)
    monkeypatch.setattr(sys, "stderr", screen)
    with terminal.working("verify: make it again"):
        assert screen.written.wait(60)
    assert screen.getvalue().startswith(f"{terminal.CLEARED}verify: make it again  0 s")
    assert screen.getvalue().endswith(terminal.CLEARED)


def test_a_result_ends_it(hasty: None, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(person=True)
    monkeypatch.setattr(sys, "stderr", screen)
    with terminal.working("sweep: every candidate"):
        assert screen.written.wait(60)
        terminal.hush()
        before = screen.getvalue()
        assert before.endswith(terminal.CLEARED)
        assert not [one for one in terminal._now if one.thread.is_alive()]
    assert screen.getvalue() == before


def test_the_line_says_how_many_cells_are_done(hasty: None, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(person=True)
    monkeypatch.setattr(sys, "stderr", screen)

    def cells() -> Iterator[int]:
        for cell in range(3):
            screen.written.clear()
            assert screen.written.wait(60), "it goes on while a cell is computed"
            yield cell

    with terminal.working("sweep: every candidate"):
        assert list(progress(cells(), 3, str)) == [0, 1, 2]
        screen.written.clear()
        assert screen.written.wait(60), "and after the last"
    lines = screen.getvalue().split(terminal.CLEARED)
    assert "sweep: every candidate · 0 of 3  0 s" in lines
    assert "sweep: every candidate · 2 of 3, about 0 s to go  0 s" in lines
    assert lines[-2] == "sweep: every candidate  0 s"


def test_who_is_no_terminal_is_told_nothing_meanwhile(hasty: None, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(person=False)
    monkeypatch.setattr(sys, "stderr", screen)
    with terminal.working("verify: make it again"):
        assert [one.thread.is_alive() for one in terminal._now] == [False]
    assert screen.getvalue() == ""


def test_a_stage_ends_with_what_came_out(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import pandas as pd

    from segments.app import declare

    monkeypatch.chdir(root)
    old = catalog.path_of(catalog.FEATURES_REPORT)
    write_text(old, "{}")
    os.utime(old, (1, 1))

    def run(config: Any) -> str:
        catalog.path_of(catalog.FEATURES).parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame({"customer_id": ["a", "b"]}).to_parquet(catalog.path_of(catalog.FEATURES))
        write_text(catalog.path_of(catalog.RFM_CUTS), "{}")
        return "what the stage says"

    monkeypatch.setattr(cli, "import_module", lambda name: type("stage", (), {"run": staticmethod(run)}))
    monkeypatch.setattr(declare.time, "perf_counter", lambda: 7.0)
    begun = []
    monkeypatch.setattr("segments.app.load.load", lambda overrides: begun.extend(terminal._now))
    monkeypatch.setattr("segments.io.store.files.find_project", lambda: root)
    assert cli.main(["features"]) == 0
    assert [one.text.partition(":")[0] for one in begun] == ["features"], "it is said while settings are read"
    last = "✓ features: 2 rows in customers.parquet, 1 more file; 0.0 s"
    assert capsys.readouterr().out.splitlines() == ["what the stage says", last]


def test_the_help_of_a_stage_shows_what_can_be_set(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    assert cli.main(["evidence", "--help"]) == 0
    said = capsys.readouterr().out
    config, seldom = (said.index(f"Settings in conf/{name}") for name in ("config.yaml", "settings/evidence.yaml"))
    assert config < said.index("    bootstraps: 100\n") < seldom < said.index("splits: 50 # in halves")
    assert "metric: excess" not in said, "that is of the next section"
    assert cli.main(["identity", "--help"]) == 0
    assert "conf/config.yaml" not in capsys.readouterr().out, "all of it stands in conf/settings/"


def test_the_help_of_a_stage_needs_no_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["evidence", "--help"]) == 0
    assert "Settings in" not in capsys.readouterr().out


def test_a_sweep_alone_says_that_nothing_is_chosen_from_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    monkeypatch.delenv("DVC_STAGE", raising=False)
    [said] = sweep._alone("s2")
    assert said.startswith("Nothing is chosen from sweep s2 yet. ") and "To go back" in said and "`dvc repro`" in said
    catalog.write(catalog.RECEIPT, Receipt(None, None, None, None, "s1", None))
    assert "yet; what is chosen is still of sweep s1." in sweep._alone("s2")[0]
    assert sweep._alone("s1") == []
    monkeypatch.setenv("DVC_STAGE", "sweep")
    assert sweep._alone("s2") == []


def test_many_fits_end_with_a_ranked_table(root: Path) -> None:
    made = [fact(k, f"c{k}") for k in (3, 4)]
    for one, score in zip(made, (0.1, 0.25), strict=True):
        one["scores"] |= {"silhouette_reference": score, "smallest_share": 0.125}
    _, heads, first, second, said = fit._ranked(made)
    assert heads.split()[:2] == ["rank", "candidate"]
    assert first.split() == ["1", "c4", "xy", "none", "4", "0.2500", "0.5000", "12.5%"]
    assert second.split()[:2] == ["2", "c3"]
    assert "nothing of stability" in said


def test_the_summary_is_wrapped_for_a_person_and_whole_for_others(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    monkeypatch.setenv("COLUMNS", "30")
    text = "Chosen  one of many candidates, by the rule\n\n        S1  regulars  9 customers\n"
    write_text(catalog.path_of(catalog.SUMMARY), text)
    assert summary.run(as_json=False, on_terminal=False) == text.removesuffix("\n")
    shown = summary.run(as_json=False, on_terminal=True)
    assert shown.startswith("\x1b[")
    lines = click.unstyle(shown).splitlines()
    assert lines == ["Chosen  one of many", "        candidates, by the", "        rule", *text.splitlines()[1:]]

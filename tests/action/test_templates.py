"""Texts from templates: what data and people write stays text, a missing word is an error, and the templates go where the code goes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from jinja2 import UndefinedError

from segments.action.playbook import Assignment, playbook_page
from segments.action.templates import _environment, fill
from segments.action.uplift import Effect
from segments.io.records import notes
from segments.io.records.uplift import comparison_note, description_note
from segments.io.store.fingerprints import code_hash, sha256
from segments.io.tracking.sweeps import describe_experiment
from segments.io.tracking.ui_views import Record
from small_project import CHECKOUT
from small_results import book, candidates, profiles

NASTY = "<script>alert(1)</script> a|b `c` [d](javascript:e)\r\n| f |<img src=x onerror=g>&lt;"
TEMPLATES = sorted(path.relative_to(CHECKOUT / "src") for path in (CHECKOUT / "src").rglob("*.j2"))


def sweep_note() -> str:
    table = candidates().assign(feature_set=NASTY, scaler=NASTY)
    elbow = {"feature_set": NASTY, "scaler": NASTY, "k": None}
    choice = {
        "reason": NASTY,
        "details": [NASTY],
        "rule": NASTY,
        "candidate_id": "a",
        "finalists": ["a"],
        "elbows": [elbow],
    }
    return notes.sweep_note(choice, table, profiles().assign(segment=NASTY), NASTY)


def model_card() -> str:
    data = {"source": NASTY, "customers": 5, "hash": "a1", "raw": [NASTY], "as_of": None}
    row = candidates().assign(feature_set=NASTY, scaler=NASTY, algorithm="kmeans").iloc[0].to_dict()
    return notes.model_card({"reason": NASTY}, row, profiles().assign(segment=NASTY), [NASTY], data, NASTY, NASTY)


def page_of_playbooks() -> str:
    one = Assignment(0, NASTY, 5, 0.5, None, "x", 0.0, [], "y", 0.0)
    texts = dict.fromkeys(("title", "goal", "channel", "offer", "kpi"), NASTY)
    books = [replace(book(name), do=[NASTY], avoid=[NASTY], **texts) for name in ("x", "y")]
    return playbook_page([one], [*books, book(NASTY)])


def comparison() -> str:
    row = {"outcome": "spend", "segment_id": "S1", "segment": NASTY, "treatment": 1.0, "n_treatment": 2, "control": 1.0}
    figures = {"n_control": 2, "difference": 0.0, "low": -1.0, "high": 1.0, "narrower": 0.5}
    return comparison_note(NASTY, pd.DataFrame([row | figures]), Effect(True, [NASTY]))


def description() -> str:
    row = {"segment": NASTY, "group": "mailed", "customers": 1, "redeemed": 1, "rate": 1.0, "low": 0.5, "high": 1.0}
    table = pd.DataFrame([row | {"weekly_before": 1.0, "weekly_during": 1.0}])
    return description_note(NASTY, table, datetime(2024, 1, 1), datetime(2024, 1, 8), (1.0, 1.0))


def experiment() -> str:
    class Tracker:
        source, experiment_id, tags = NASTY, "1", {}

        @property
        def client(self) -> Tracker:
            return self

        def set_experiment_tag(self, experiment_id: str, key: str, value: str) -> None:
            self.tags[key] = value

    tracker: Any = Tracker()
    describe_experiment(tracker, Record("mall", "1"), "s1")
    return str(tracker.tags["mlflow.note.content"])


@pytest.mark.parametrize("note", [sweep_note, model_card, page_of_playbooks, comparison, description, experiment])
def test_a_text_from_data_or_people_stays_text(note: Any) -> None:
    """No tag, no code, no link is made of it, and it stays in its cell of its table."""
    text = note()
    assert "&lt;script&gt;alert(1)&lt;/script&gt; a&#124;b &#96;c&#96; &#91;d](javascript:e) &#124; f &#124;" in text
    assert "&#124;&lt;img src=x onerror=g&gt;&amp;lt;" in text
    for raw in ("<script", "<img", "`c`"):
        assert raw not in text
    prose = re.sub("`[^`\n]*`", "", text)  # in code, markdown reads nothing
    for raw in ("[d]", "a|b"):
        assert raw not in prose
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({row.count("|") for row in table.splitlines()}) == 1


def test_no_template_has_to_ask_for_it() -> None:
    """What one writes without saying so is text as well; only what it calls safe is markdown."""
    template = _environment(markdown=True).from_string("{{ name }} {{ name|upper }} {{ 5 }} {{ '[a](#b)'|safe }}")
    assert template.render(name="<b>") == "&lt;b&gt; &lt;B&gt; 5 [a](#b)"
    texts = [(CHECKOUT / "src" / path).read_text() for path in TEMPLATES]
    safe = {name for text in texts for name in re.findall(r"{{ ([^{}]*)\|safe }}", text)}
    assert safe == {
        "draft",
        "note",
        "menu",
        "card",
        "every",
        "shown.whole",
        "shown.preview",
        '("---|" * figures|length)',
    }


def test_what_a_template_names_must_be_given() -> None:
    with pytest.raises(UndefinedError, match="'data' is undefined"):
        fill("segments.io.records", "texts/model.md.j2", reason="", segments=[])


def test_a_template_is_part_of_the_code(tmp_path: Path) -> None:
    """A version's hash of its code follows its texts; that of a version from before there were templates stays what it was."""
    (tmp_path / "a.py").write_text("1\n")
    assert code_hash() == code_hash(CHECKOUT / "src" / "segments")
    before = code_hash(tmp_path)
    assert before == sha256(('{"a.py": "' + sha256(b"1\n") + '"}').encode())
    (tmp_path / "notes.txt").write_text("no code\n")
    assert code_hash(tmp_path) == before
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.md.j2").write_text("one\n")
    one = code_hash(tmp_path)
    (tmp_path / "notes" / "a.md.j2").write_text("two\n")
    assert len({before, one, code_hash(tmp_path)}) == 3


@pytest.mark.slow
def test_the_package_carries_its_templates(tmp_path: Path) -> None:
    shutil.copytree(CHECKOUT / "src/segments", tmp_path / "src/segments", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "pyproject.toml", tmp_path)
    build = "from setuptools.build_meta import build_wheel; build_wheel('.')"
    subprocess.run([sys.executable, "-c", build], cwd=tmp_path, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    assert TEMPLATES
    assert {path.as_posix() for path in TEMPLATES} <= set(zipfile.ZipFile(wheel).namelist())

"""Registered versions: one per model, aliases that follow decisions, and the way back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import pandas as pd
import pytest

from segmentations import on_a_line
from segments.app.jobs import versions as registry
from segments.config.registry import TrackingConfig
from segments.errors import TrackingError
from segments.io.registry import files, versions
from segments.io.registry.proof import Proof
from segments.io.store.files import checkout
from segments.io.tracking.candidates import track_candidates
from segments.io.tracking.connection import Tracker, connect
from segments.io.tracking.runs import CANDIDATE, CHAMPION, KIND, runs_of
from segments.model.promotion import Verdict, admit
from segments.model.segmentation import Segmentation
from small_record import CONFIG, add, aliases, as_pyfunc, fact, promote


@pytest.fixture
def tracker(root: Path) -> Iterator[Tracker]:
    with connect(TrackingConfig(), "toy") as tracker:
        track_candidates(tracker, [fact(identity="c3"), fact(4, "c4"), fact(5, "c5")])
        yield tracker


@pytest.mark.slow
def test_the_same_model_is_registered_once(tracker: Tracker) -> None:
    assert [add(tracker, c).number for c in ("c3", "c4", "c3")] == ["1", "2", "1"]
    assert aliases(tracker) == {"1": [], "2": []}


@pytest.mark.slow
def test_what_could_not_be_proved_is_registered_anew_under_another_claim(tracker: Tracker) -> None:
    first = add(tracker, "c3", code_hash="a")
    versions.set_tags(tracker, first, {"proof": "x.csv was changed"})
    assert add(tracker, "c3", code_hash="a").number == "1"
    second = add(tracker, "c3", code_hash="b")
    assert second.number == "2"
    versions.set_tags(tracker, second, {"proof": "holds"})
    assert add(tracker, "c3", code_hash="c").number == "2"


@pytest.mark.slow
def test_a_new_champion_leaves_the_old_one_within_reach(tracker: Tracker) -> None:
    for candidate in ("c3", "c4", "c5"):
        version = add(tracker, candidate)
        versions.challenge(tracker, version)
        promote(tracker, version)
    assert aliases(tracker) == {"1": [], "2": ["previous"], "3": ["champion"]}
    # The way back goes step by step, to the first one.
    for back in ("2", "1"):
        promote(tracker, versions.wanted(tracker, CONFIG.model, back), back=True)
    assert aliases(tracker) == {"1": ["champion"], "2": [], "3": []}
    assert versions.wanted(tracker, CONFIG.model, "2").tags["replaces"] == "1"


@pytest.mark.slow
def test_the_card_of_a_version_says_who_put_it_in_use(tracker: Tracker) -> None:
    first, second = add(tracker, "c3"), add(tracker, "c4")

    def card(version: versions.Version) -> str:
        return str(tracker.client.get_model_version(CONFIG.model, version.number).description)

    assert card(first) == "what it is\n\n### Put in use\n\nNot yet\n"
    promote(tracker, first)
    versions.promote(
        tracker, second, first, {"verdict": "it is *mine*", "promoted_by": "Ada", "promoted_at": "2026-01-02"}
    )
    assert card(second) == "what it is\n\n### Put in use\n\nBy Ada, 2026-01-02: it is *mine*\n"
    versions.set_tags(tracker, second, {"rolled_back": "2026-01-03 by Bob: no"})
    assert card(second).endswith("it is *mine*\n\nRolled back 2026-01-03 by Bob: no\n")
    assert card(second).count("### Put in use") == 1
    assert tracker.client.get_run(second.run_id).data.tags["mlflow.note.content"] == card(second)
    add(tracker, "c4")  # registered again: the rest is written anew, and this stays
    assert "By Ada, 2026-01-02" in card(second)


@pytest.mark.slow
def test_a_challenger_waits_beside_the_champion(tracker: Tracker) -> None:
    promote(tracker, add(tracker, "c3"))
    versions.challenge(tracker, add(tracker, "c4"))
    assert aliases(tracker) == {"1": ["champion"], "2": ["challenger"]}


@pytest.mark.slow
def test_a_champion_that_changed_meanwhile_is_not_replaced(tracker: Tracker) -> None:
    first, second, third = (add(tracker, c) for c in ("c3", "c4", "c5"))
    promote(tracker, first)
    promote(tracker, second)
    with pytest.raises(TrackingError, match="meanwhile version 2"):
        versions.promote(tracker, third, first, {})
    assert aliases(tracker)["2"] == ["champion"]


@pytest.mark.slow
def test_who_is_overtaken_is_compared_with_the_new_champion(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = (add(tracker, c) for c in ("c3", "c4", "c5"))
    promote(tracker, first)
    compared: list[str] = []

    def compare(_: Any, __: Any, current: versions.Version, *___: Any) -> Verdict:
        compared.append(current.number)
        if current.number == first.number:  # a colleague's is put in use while ours is compared
            promote(tracker, second)
        return Verdict(True, f"not worse than version {current.number}")

    monkeypatch.setattr(registry, "_compared", compare)
    monkeypatch.setattr(registry, "proof_of", lambda *_: Proof())
    config = SimpleNamespace(registry=CONFIG)
    message = registry.put_in_use(tracker, config, third, pd.DataFrame(), chosen=None)  # type: ignore[arg-type]
    assert compared == ["1", "2"]
    assert message == {"alias": "champion", "verdict": "not worse than version 2"}
    assert aliases(tracker) == {"1": [], "2": ["previous"], "3": ["champion"]}


@pytest.mark.slow
def test_only_the_champions_run_is_marked(tracker: Tracker) -> None:
    promote(tracker, add(tracker, "c3"))
    promote(tracker, add(tracker, "c4"))
    marked = runs_of(tracker, {KIND: "candidate", CHAMPION: "true"}, CANDIDATE)
    assert list(marked) == ["c4"]


def model_folder(tracker: Tracker, version: versions.Version) -> Path:
    entity = tracker.client.get_model_version(version.name, version.number)
    return checkout() / files.place_of(tracker.client, entity)


def read(version: versions.Version) -> files.RegisteredModel:
    return files.read_model(TrackingConfig(), f"models:/{version.name}/{version.number}")


@pytest.mark.slow
def test_the_files_of_a_version_are_listed_and_served(tracker: Tracker) -> None:
    version = add(tracker, "c3")
    found = versions.files_of(tracker, version)
    assert {
        "MLmodel",
        "artifacts/segmentation.json",
        "artifacts/config.json",
        "code/segments/model/segmentation.py",
    } <= set(found)
    assert versions.document_of(tracker, version) == read(version).document == on_a_line([0.5, 13.5]).to_json()
    entity = tracker.client.get_model_version(version.name, version.number)
    place = files.place_of(tracker.client, entity)
    assert not Path(place).is_absolute()
    assert found["MLmodel"] == (checkout() / place / "MLmodel").read_bytes()


@pytest.mark.slow
def test_no_byte_of_a_model_that_is_not_the_registered_one_is_used(tracker: Tracker) -> None:
    version = add(tracker, "c3")
    folder = model_folder(tracker, version)
    manifest = files.manifest_of(tracker.client, tracker.client.get_model_version(CONFIG.model, "1"))
    listed = sorted(folder / name for name in manifest)
    kinds = {path.suffix: path for path in listed} | {path.name: path for path in listed if path.parent == folder}
    assert {".py", ".json", ".txt", ".yaml", "MLmodel", "mlflow_model.py"} <= set(kinds)

    def refused(what: str) -> None:
        assert files.compare(folder, manifest)[1] == [what]

    for path in kinds.values():
        name, was = path.relative_to(folder).as_posix(), path.read_bytes()
        path.write_bytes(bytes([was[0] ^ 1]) + was[1:])
        refused(f"{name} was changed")
        path.unlink()
        refused(f"{name} is missing")
        (checkout() / "elsewhere").write_bytes(was)
        path.symlink_to(checkout() / "elsewhere")  # the very bytes, but not here
        refused(f"{name} is a link")
        path.unlink()
        path.write_bytes(was)
    document, was = folder / files.DOCUMENT, (folder / files.DOCUMENT).read_bytes()
    document.write_bytes(was.replace(b"low", b"LOW"))
    with pytest.raises(TrackingError) as error:
        read(version)
    assert error.value.what == f"customer-segments version 1 is not what was registered: {files.DOCUMENT} was changed"
    assert error.value.where == str(folder.relative_to(checkout())) and "segments rollback" in error.value.fix
    with pytest.raises(TrackingError, match="is not what was registered"):
        versions.document_of(tracker, version)
    document.write_bytes(was)
    for added in ("code/sitecustomize.py", "artifacts/more.json", "code/segments/__pycache__/evil.cpython-311.pyc"):
        (folder / added).parent.mkdir(exist_ok=True)
        (folder / added).touch()
        refused(f"{added} was added")
        (folder / added).unlink()
    # what MLflow and Python leave beside a model that somebody loads through MLflow is not read, and no reason to refuse it
    (folder / "registered_model_meta").touch()
    (folder / "code/segments/__pycache__/errors.cpython-311.pyc").touch()
    assert read(version).document


@pytest.mark.slow
def test_code_in_the_folder_of_a_model_is_never_run(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where it is what was registered: this package answers."""
    monkeypatch.setattr("mlflow.pyfunc.load_model", None)
    model = as_pyfunc(files.read_model(TrackingConfig(), f"models:/{CONFIG.model}/{add(tracker, 'c3').number}"))
    assert type(model._model_impl) is Segmentation
    assert model.predict(pd.DataFrame({"x": [0.0, 20.0]}))["segment"].tolist() == ["low", "high"]


@pytest.mark.slow
def test_numbers_of_any_kind_are_numbers(tracker: Tracker) -> None:
    """As anybody loads a model of the registry, without this package's help."""
    version = add(tracker, "c3")
    model = mlflow.pyfunc.load_model(f"models:/{CONFIG.model}/{version.number}")
    for kind in ("int64", "uint8", "Int64", "Float32", "object", "float64"):
        rows = pd.DataFrame({"x": pd.Series([0, 20], dtype=kind)})
        assert model.predict(rows)["segment"].tolist() == ["low", "high"], kind
        assert rows["x"].dtype == kind, "what was given stays as it is"
    for cells, said in ((["0", "many"], "x is not a number in 1 rows, such as 'many'"), ([0, pd.NA], "x is missing")):
        with pytest.raises(Exception, match=said):
            model.predict(pd.DataFrame({"x": pd.Series(cells, dtype="object")}))


@pytest.mark.slow
def test_the_hash_of_the_list_is_the_registrys_and_not_the_folders(tracker: Tracker) -> None:
    version = add(tracker, "c3")
    [listed] = (checkout() / "mlruns").rglob(files.manifest_path(version.source))
    was = listed.read_text()
    listed.write_text(was.replace("MLmodel", "MLmodeI"))
    with pytest.raises(TrackingError, match="the list of the files of customer-segments version 1 was changed"):
        read(version)
    listed.unlink()
    with pytest.raises(TrackingError, match="the list of the files of customer-segments version 1 is missing"):
        read(version)
    tracker.client.delete_model_version_tag(CONFIG.model, "1", "segments.manifest_hash")
    with pytest.raises(TrackingError, match="registered before that was kept"):
        read(version)


@pytest.mark.slow
def test_a_model_whose_files_were_changed_is_registered_anew(tracker: Tracker) -> None:
    first = add(tracker, "c3")
    (model_folder(tracker, first) / "MLmodel").write_text("{}")
    second = add(tracker, "c3")
    assert [second.number, add(tracker, "c3").number] == ["2", "2"]
    assert read(second).document
    # and takes the place of the one in use, which nobody can compare with
    assert admit([], second.tags, first.tags, CONFIG, chosen=None) == Verdict(
        True, "the same model as the champion, whose files are not those that were registered"
    )


@pytest.mark.slow
def test_a_version_that_does_not_exist_is_an_error_that_lists_those_that_do(tracker: Tracker) -> None:
    with pytest.raises(TrackingError, match="no version of customer-segments is registered yet"):
        versions.wanted(tracker, CONFIG.model, "champion")
    promote(tracker, add(tracker, "c3"))
    with pytest.raises(TrackingError, match=r"has no version '7'[\s\S]*there are: 1 \(champion\)"):
        versions.wanted(tracker, CONFIG.model, "7")


@pytest.mark.parametrize("damage", ["cut short", "no database", "a table is gone"])
def test_a_damaged_record_is_not_an_empty_one(root: Path, damage: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Else what the last run made would be acted on in place of the version in use."""
    record = root / "mlflow.db"
    if damage == "a table is gone":
        with closing(sqlite3.connect(record)) as database:
            database.execute("DROP TABLE registered_models")
    else:
        record.write_bytes(record.read_bytes()[:40_000] if damage == "cut short" else b"hello")
    for look in (
        lambda: versions.registered(TrackingConfig(), CONFIG.model),
        lambda: files.read_model(TrackingConfig(), f"models:/{CONFIG.model}/1"),
    ):
        with pytest.raises(TrackingError, match="cannot be used"):
            look()
    assert capfd.readouterr().err == "", "MLflow's own words do not come before ours"


def test_a_candidate_without_a_run_is_not_registered(tracker: Tracker) -> None:
    with pytest.raises(TrackingError, match="candidate c9 has no run"):
        add(tracker, "c9")

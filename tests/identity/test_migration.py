"""Who moved, and why: every customer in exactly one cell, whatever the models and the tables."""

from __future__ import annotations

import json
import shutil
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import by_hand
from segmentations import EARLIER, LATER, LOW_MIDDLE_HIGH, model, table
from segments.app import cli
from segments.app.commands import migration as stage
from segments.app.jobs.inputs import features_as_of
from segments.app.jobs.specs import chosen, grid
from segments.app.load import load
from segments.clustering.candidate import candidate_id, candidates_table, sweep_cell
from segments.evidence.grades import not_evaluated
from segments.identity.migration import CELLS, MOVED, Migration, migrate, migration_in_words
from segments.io.store import catalog
from segments.io.store.documents import Sweep
from segments.io.store.files import artifact, read_table, write_table
from segments.model.segmentation import Segment, Segmentation


def cells(migration: Migration) -> dict[str, str]:
    return migration.customers.set_index("customer_id")["cell"].to_dict()


def test_each_cell_by_hand() -> None:
    before = table(same=1, back=4, self=1, model=6, both=20, left=3)
    after = table(same=2, back=6, self=12, model=6.5, both=7, came=18)
    migration = migrate(EARLIER, LATER, before, after)
    assert cells(migration) == {
        "same": "stayed",
        "back": "returned",  # S1 -> S2 by the earlier model, and S1 again by the later one
        "self": "customer",  # S1 -> S2 by both
        "model": "model",  # S2 by the earlier model at both dates, S1 by the later one
        "both": "both",  # S3 -> S2 by the earlier model, S1 by the later one
        "came": "new",
        "left": "gone",
    }
    assert migration.counts == dict.fromkeys(CELLS, 1)
    rows = migration.transitions.set_index(["from_id", "to_id"])["customers"]
    assert rows[("S1", "S1")] == 2
    assert rows[("S3", "S1")] == rows[("S2", "S1")] == rows[("S1", "S2")] == 1
    assert rows.sum() == 7
    plain = migration.to_plain()
    assert (plain["customers_at_both"], plain["moved"]) == (5, 3)
    assert (plain["changed_by_customer"], plain["changed_by_model"]) == (3, 3)


def test_who_moved_stands_first_and_farthest_first() -> None:
    before, after = table(a=1, b=1, c=1, d=9), table(a=12, b=14, c=4.5, d=9)
    moved = migrate(EARLIER, EARLIER, before, after).customers
    assert moved["customer_id"].tolist() == ["b", "a", "c", "d"]
    assert moved["travelled"].tolist() == [13, 11, 3.5, 0]
    # at x = 1 the border (5) is 4 away: half the margin of 8
    assert moved["crossings"].tolist() == pytest.approx([13 / 4, 11 / 4, 3.5 / 4, 0])


def test_segments_are_compared_by_id_not_by_cluster() -> None:
    renumbered = model(20, 0, 10, segments=[LOW_MIDDLE_HIGH[2], *LOW_MIDDLE_HIGH[:2]])
    before = table(a=1, b=11, c=19)
    assert migrate(EARLIER, renumbered, before, before).counts["stayed"] == 3


def test_a_split_is_the_models_doing() -> None:
    split = model(0, 8, 12, segments=[LOW_MIDDLE_HIGH[0], LOW_MIDDLE_HIGH[1], Segment("S4", "new", 3)])
    before = table(a=9, b=11)
    assert cells(migrate(model(0, 10), split, before, before)) == {"a": "stayed", "b": "model"}


def test_nobody_in_common() -> None:
    migration = migrate(EARLIER, LATER, table(a=1), table(b=1))
    assert (migration.counts["gone"], migration.counts["new"], migration.at_both) == (1, 1, 0)
    assert migration_in_words(migration)[0].startswith("0 customers are there at both dates; 0 are in the same segment")


def test_the_words_name_no_customer() -> None:
    words = " ".join(migration_in_words(migrate(EARLIER, LATER, table(anna=1, ben=1), table(anna=12, ben=1))))
    assert "1 (50%) are in the same segment, 1 (50%) in another" in words
    assert "The largest move: 1 from S1 'low' to S2 'middle'." in words
    assert not {"anna", "ben"} & set(words.split())


Rows = st.dictionaries(st.integers(0, 40).map(str), st.floats(-5, 30).map(lambda x: round(x, 1)), min_size=1)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(Rows, Rows, st.lists(st.integers(-5, 30), min_size=2, max_size=3, unique=True))
def test_counts_add_up_exactly(old: dict[str, float], new: dict[str, float], centres: list[int]) -> None:
    migration = migrate(EARLIER, model(*map(float, centres)), table(**old), table(**new))
    rows = migration.customers
    assert sorted(rows["customer_id"]) == sorted({*old, *new})
    assert set(rows["cell"]) <= set(CELLS)
    assert sum(migration.counts.values()) == len({*old, *new})
    assert migration.at_both == len({*old} & {*new})
    assert migration.counts["new"] == len({*new} - {*old})
    assert migration.counts["gone"] == len({*old} - {*new})
    assert migration.transitions["customers"].sum() == len({*old, *new})
    assert {cell: migration.transitions[cell].sum() for cell in CELLS} == migration.counts
    there = rows[~rows["cell"].isin(["new", "gone"])]
    assert (there["from_id"] != there["to_id"]).sum() == sum(migration.counts[cell] for cell in MOVED)
    by_old = migration.transitions.groupby("from_id")["customers"].sum()
    predicted = EARLIER.predict(table(**old))["segment_id"].value_counts()
    assert by_old.to_dict() == predicted.to_dict()


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(Rows, Rows)
def test_the_same_model_moves_nobody(old: dict[str, float], new: dict[str, float]) -> None:
    counts = migrate(EARLIER, EARLIER, table(**old), table(**new)).counts
    assert counts["model"] == counts["both"] == counts["returned"] == 0
    same = migrate(EARLIER, LATER, table(**old), table(**old)).counts
    assert same["customer"] == same["both"] == same["returned"] == 0


# --- the command, and the stage that looks back in the same log -----------------------------------------------------------


def shop() -> pd.DataFrame:
    """A year of 60 customers: thirds buy weekly, monthly and only in spring; ten of them begin in autumn."""
    rng = np.random.default_rng(5)
    lines = []
    for customer in range(60):
        every, last = [(7, 365), (30, 365), (10, 120)][customer % 3]
        days = np.arange(rng.integers(0, 7) + (250 if customer >= 50 and customer % 3 < 2 else 0), last, every)
        lines += [(f"c{customer}", f"{customer}-{day}", day, rng.lognormal(3, 0.3)) for day in days]
    table = pd.DataFrame(lines, columns=["customer_id", "order_id", "day", "amount"])
    table["purchased_at"] = pd.Timestamp("2017-01-01") + pd.to_timedelta(table.pop("day"), unit="D")
    return table


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: Path, fresh_record: Path) -> Path:
    """Where the stages up to selection have run on the log above; conf/ is the project's own."""
    (tmp_path / "conf").symlink_to(project / "conf")
    (tmp_path / "dvc.yaml").symlink_to(project / "dvc.yaml")
    shutil.copyfile(fresh_record, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    config = load(OVERRIDES)
    write_table(artifact("data", "customers.parquet"), pd.DataFrame({"customer_id": ["c0"]}))
    write_table(artifact("data", "transactions.parquet"), shop())
    by_hand.clean_tables_of(config.source.name)
    features = features_as_of(config, config.source.as_of).table
    write_table(artifact("features", "customers.parquet"), features)
    [spec] = [one for cell in grid(config, features) for one in cell]
    [candidate] = sweep_cell(features, [spec])
    write_table(artifact("sweep", "candidates.parquet"), candidates_table([candidate.to_plain()]))
    by_hand.chosen(candidate.candidate_id)
    labels = pd.DataFrame({"customer_id": features["customer_id"], "cluster": candidate.labels})
    write_table(artifact("selection", "labels.parquet"), labels)
    assert candidate_id(chosen(config), features) == candidate.candidate_id, "the spec is found again"
    return tmp_path


OVERRIDES = ["sweep.feature_sets=[rfm]", "sweep.scalers=[standard]", "sweep.k_min=3", "sweep.k_max=3"]


@pytest.mark.slow
def test_the_command_fits_at_both_dates_and_its_counts_add_up(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["migration", "from=2017-06-30", "to=2017-12-31", *OVERRIDES]) == 0
    said = capsys.readouterr().out
    made = folder / "artifacts/migration"
    message = json.loads((made / "migration.json").read_text())
    moved = pd.read_parquet(made / "moved.parquet")
    log = shop()
    early = log.loc[log["purchased_at"] < "2017-07-01", "customer_id"].nunique()
    assert (sum(message["counts"].values()), len(moved)) == (60, 60)
    assert (message["counts"]["new"], message["customers_at_both"]) == (60 - early, early)
    flows = pd.read_csv(made / "transitions.csv")
    assert flows["customers"].sum() == 60
    assert flows[list(CELLS)].sum().to_dict() == message["counts"]
    assert all(line in said for line in [*message["segments"], *message["in_words"]])
    assert not set(log["customer_id"]) & set(said.replace(".", " ").split()), "no customer is named in what is printed"
    assert (made / "migration.png").read_bytes()[1:4] == b"PNG"
    bytes_before = {path.name: path.read_bytes() for path in made.iterdir()}
    assert cli.main(["migration", "from=2017-06-30", "to=2017-12-31", *OVERRIDES]) == 0
    assert {path.name: path.read_bytes() for path in made.iterdir()} == bytes_before


@pytest.mark.slow
def test_the_current_date_bears_the_numbers_of_the_stage_identity(folder: Path) -> None:
    """Clusters come in another order at another date; the segments people know keep their numbers, the earlier date is numbered after them."""
    assert cli.main(["identity", *OVERRIDES]) == 0
    known = {
        one["segment"]["segment_id"]: one["segment"]["name"]
        for one in json.loads((folder / "artifacts/identity/identity.json").read_text())["identity"]["lineage"]
    }
    named = pd.read_parquet(folder / "artifacts/identity/segments.parquet").set_index("customer_id")["segment_id"]
    for start in ("2017-03-31", "2017-06-30", "2017-12-01"):
        assert cli.main(["migration", f"from={start}", "to=2017-12-31", *OVERRIDES]) == 0
        story = json.loads((folder / "artifacts/migration/migration.json").read_text())
        assert {o["segment"]["segment_id"]: o["segment"]["name"] for o in story["identity"]["lineage"]} == known
        moved = pd.read_parquet(folder / "artifacts/migration/moved.parquet").set_index("customer_id")["to_id"].dropna()
        assert moved.sort_index().equals(named.rename("to_id").reindex(moved.sort_index().index))
        flows = pd.read_csv(folder / "artifacts/migration/transitions.csv").dropna(subset=["from_id", "to_id"])
        assert np.array(story["identity"]["table"]).sum() == flows["customers"].sum()


@pytest.mark.slow
def test_how_useful_and_how_firm_is_found_out_before_the_choice(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Segments as of a horizon ago on what came after it; firmness with the day a month back; and both stand in the reason."""
    row = pd.read_parquet(folder / "artifacts/sweep/candidates.parquet")
    identity = row["candidate_id"].iloc[0]
    labels = pd.read_parquet(folder / "artifacts/selection/labels.parquet").rename(columns={"cluster": identity})
    catalog.write(catalog.SWEEP, Sweep("s", "completejourney", [[identity]]))
    catalog.write(catalog.LABELS, labels)
    known = {"evaluated": True, "grade": "reproducible", "null": "unimodal", "reason": "Reproducible."}
    scores = {
        "jaccard_min": 0.9,
        "jaccard_error": 0.01,
        "prediction_strength": 0.9,
        "excess": 0.1,
        "excess_error": 0.01,
    }
    catalog.write(catalog.CANDIDATE_EVIDENCE, pd.DataFrame([not_evaluated(identity) | known | scores]))
    gates = ["selection.max_revenue_share=1", "selection.max_largest_share=1", "selection.min_smallest_share=0"]
    for stage_name in ("usefulness", "sensitivity", "selection"):
        assert cli.main([stage_name, *OVERRIDES, *gates]) == 0
    said = capsys.readouterr().out
    assert "spend, visits, churn from 2017-10-03 to 2018-01-01, by segments of" in said
    assert "discount_share: the log tells none" in said
    table = catalog.read(catalog.SENSITIVITY)
    assert table["detail"][table["change"] == "as-of date"].tolist() == ["2017-12-01"]
    judged = catalog.read(catalog.JUDGED_CANDIDATES).iloc[0]
    assert judged["agreement_min"] == table["ari"].min()
    assert judged["firm"] == (judged["agreement_min"] >= 0.5)
    # by pandas: a third of them buys weekly to the end, a third stops in April
    ahead = shop().query("purchased_at >= '2017-10-04'").groupby("customer_id")["amount"].sum()
    assert (ahead.index.nunique() < 60) and judged["useful_churn"] > 0.5
    choice = catalog.read(catalog.CHOICE)
    assert "reproducible and firm." in choice.reason if judged["firm"] else "reproducible, not firm." in choice.reason
    assert any(one.startswith("Of the time after its segments explain") for one in choice.details)
    assert catalog.read(catalog.FIRMNESS).firmness.startswith("Firm" if judged["firm"] else "Not firm")
    # a log too young for a horizon, and nothing that passes
    assert cli.main(["usefulness", *OVERRIDES, "prediction.horizon_days=400"]) == 0
    assert "how useful segments are is not known: " in capsys.readouterr().out
    assert cli.main(["sensitivity", *OVERRIDES, "selection.min_jaccard=0.95"]) == 0
    assert "no candidate passes the gates" in capsys.readouterr().out
    assert cli.main(["selection", *OVERRIDES, "selection.min_jaccard=0.95"]) == 0
    assert catalog.read(catalog.FIRMNESS).notes == ["nothing was chosen"]
    assert not (folder / "artifacts/selection/sensitivity.png").exists()
    assert cli.main(["migration", "from=2017-06-30", *OVERRIDES]) == 2
    assert "nothing was chosen" in capsys.readouterr().err


@pytest.fixture
def three_versions(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Segmentation]:
    """Registered: S1 and S2; then S2 split, so S3 is there; then S1 gone to pieces, S4 and S5."""
    days = read_table(artifact("features", "customers.parquet"))[["customer_id", "recency_days"]]
    x = np.where(np.arange(len(days)) % 4 == 0, 20.0, np.where(np.arange(len(days)) % 4 == 1, 12.0, np.arange(60) % 3))
    write_table(artifact("features", "customers.parquet"), days.assign(x=x))
    s1, s2, s3 = LOW_MIDDLE_HIGH
    s4, s5 = Segment("S4", "lower", 3), Segment("S5", "less low", 4)
    known = [model(1, 16, segments=[s1, s2]), model(1, 12, 20, segments=[s1, s3, s2])]
    known.append(model(0, 2, 12, 20, segments=[s4, s5, s3, s2]))
    monkeypatch.setattr(stage, "connect", lambda *_: nullcontext())
    monkeypatch.setattr(stage.versions, "wanted", lambda _, __, which: SimpleNamespace(number=which))
    monkeypatch.setattr(stage.versions, "document_of", lambda _, version: known[int(version.number) - 1].to_json())
    return known


@pytest.mark.slow
@pytest.mark.parametrize(("start", "end"), [(a, b) for a in "123" for b in "123"])
def test_between_any_two_versions_the_story_is_that_of_these_two(
    three_versions: list[Segmentation], folder: Path, capsys: pytest.CaptureFixture[str], start: str, end: str
) -> None:
    assert cli.main(["migration", f"from={start}", f"to={end}", *OVERRIDES]) == 0
    said = capsys.readouterr().out
    ids = [{segment.segment_id for segment in three_versions[int(one) - 1].segments} for one in (start, end)]
    story = json.loads((folder / "artifacts/migration/migration.json").read_text())
    assert {line.split()[0] for line in story["segments"]} == ids[0] | ids[1], "no word of a third version's segments"
    for segment_id in ids[0] & ids[1]:
        assert f"{segment_id} '" in said
        [line] = [line for line in story["segments"] if line.startswith(f"{segment_id} ")]
        assert "is new" not in line and "gone" not in line, "the same segment is not a new one"
    assert sum(story["counts"].values()) == 60
    # What the words count is what the transitions count.
    flows = pd.read_csv(folder / "artifacts/migration/transitions.csv")
    held = np.array(story["identity"]["table"])
    assert flows["customers"].sum() == held.sum() == 60
    assert flows.loc[flows["from_id"] == flows["to_id"], "customers"].sum() == story["counts"]["stayed"]
    if start == end:
        assert all("continues: " in line for line in story["segments"])
        assert story["counts"] == dict.fromkeys(CELLS, 0) | {"stayed": 60}


def test_versions_are_known_by_their_aliases_too(
    three_versions: list[Segmentation], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    aliases = {"previous": "1", "champion": "2"}
    monkeypatch.setattr(stage.versions, "wanted", lambda _, __, which: SimpleNamespace(number=aliases[which]))
    assert cli.main(["migration", "from=previous", *OVERRIDES]) == 0
    assert "version 1 -> version 2" in capsys.readouterr().out


def test_a_split_and_its_way_back_between_versions(
    three_versions: list[Segmentation], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["migration", "from=1", "to=2", *OVERRIDES]) == 0
    assert "S3 'high' splits off from S2 'middle': 15 of 30" in capsys.readouterr().out
    assert cli.main(["migration", "from=2", "to=1", *OVERRIDES]) == 0
    assert "15 of S3 'high' came in" in capsys.readouterr().out
    assert cli.main(["migration", "from=1", "to=3", *OVERRIDES]) == 0
    assert "S1 'low' is gone; S4 'lower', S5 'less low' came out of it." in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "what"),
    [
        ([], "missing option '--from'"),
        (["from=2017-06-31"], "'2017-06-31' is not a date"),
        (["from=2018-02-01"], "2018-02-01 is later than the last day that is known"),
        (["from=2017-12-31", "to=20170630"], "from=2017-12-31 is not before to=2017-06-30"),
        (["from=20170631"], "'20170631' is not a date"),
        (["from=1", "to=2017-12-31"], "of from=1 and to=2017-12-31 one is a day, the other a version"),
        (["from=20170630", "to=champion"], "of from=20170630 and to=champion one is a day, the other a version"),
        (["from=2016-01-01"], "no purchase lies on or before the as-of date 2016-01-01"),
        (
            ["from=2017-06-30", "sweep.scalers=[robust]"],
            "the scaler 'standard' of what was swept is not in sweep.scalers",
        ),
    ],
)
def test_dates_that_cannot_be_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], what: str
) -> None:
    assert cli.main(["migration", *OVERRIDES, *words]) == 2
    assert what in capsys.readouterr().err
    assert not (folder / "artifacts/migration").exists()


def test_all_that_is_said_word_for_word() -> None:
    """Of 8 at both dates 5 stay; the largest move is the model's, not the customers'."""
    before = table(a=1, b=1, c=1, d=6, e=6.5, f=1, g=19, h=19, i=2)
    after = table(a=1, b=1, c=1, d=6, e=6.5, f=12, g=19, h=19, j=2, k=2)
    found = migrate(EARLIER, LATER, before, after)
    assert migration_in_words(found) == [
        "8 customers are there at both dates; 5 (62%) are in the same segment, 3 (38%) in another.",
        "Of those who moved, 1 changed themselves, 2 moved because the model changed, 0 for both reasons; 0 changed but are where they were, because the model changed with them.",
        "2 customers are new, 1 are gone.",
        "The largest move: 2 from S2 'middle' to S1 'low'.",
    ]
    plain = found.to_plain()
    assert (plain["customers_at_both"], plain["moved"]) == (8, 3)
    assert (plain["changed_by_customer"], plain["changed_by_model"]) == (1, 2)
    assert len(migration_in_words(migrate(EARLIER, EARLIER, before, before))) == 3, (
        "nobody moved: nothing is the largest"
    )


def test_who_stood_on_the_border_crossed_it_at_once() -> None:
    """Its margin is nothing: any way is without measure, and given as 1e9; who stays where nothing moves crossed nothing."""
    found = migrate(EARLIER, EARLIER, table(a=5, b=1), table(a=12, b=1)).customers.set_index("customer_id")
    assert found.loc["a", ["cell", "travelled", "crossings"]].tolist() == ["customer", 7.0, 1e9]
    assert found.loc["b", "crossings"] == 0.0
    assert list(found.columns) == ["cell", "from_id", "via_id", "to_id", "travelled", "crossings"]


def test_equal_moves_stand_in_the_order_of_their_ids_and_those_who_were_absent_last() -> None:
    found = migrate(EARLIER, EARLIER, table(z=1, a=1, m=1, gone=1), table(m=1, z=12, a=12, come=1)).customers
    assert found["customer_id"].tolist() == ["a", "z", "m", "come", "gone"]
    assert found["travelled"].fillna(-1).tolist() == [11, 11, 0, -1, -1]

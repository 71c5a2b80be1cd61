"""Target lists: control groups that stay, what a list can show, cells no spreadsheet runs, and nothing that was not asked for."""

from __future__ import annotations

import hmac
import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from segmentations import segmentation
from segments.action.intervals import difference_of_means, difference_of_proportions, without_habit
from segments.action.target_list import (
    HOLD_OUT,
    Arm,
    _needed,
    arms,
    check_foreseen,
    commit,
    control_groups,
    detectable_rise,
    enlist,
    hold_out,
    memberships,
    minimum_detectable_effect,
    pick_columns,
    pick_segment,
    target_list,
)
from segments.app.load import checked
from segments.clustering.space import Space
from segments.config.playbook import ExportConfig
from segments.errors import ConfigError, DataError
from segments.io.store.cache import campaign
from small_project import SmallProject

IDS = [str(i) for i in range(20_000)]
PLAN = pd.DataFrame(
    {
        "cluster": [0, 1],
        "playbook": ["loyalty", "nurture"],
        "title": ["Loyalty", "Nurture"],
        "channel": ["app", "mail"],
        "offer": ["double points", "newsletter"],
    }
)


def members(n: int = 200) -> pd.DataFrame:
    cluster = np.arange(n) % 2
    return pd.DataFrame(
        {
            "customer_id": [str(i) for i in range(n)],
            "cluster": cluster,
            "segment_id": np.where(cluster == 0, "S1", "S2"),
            "segment": np.where(cluster == 0, "loyal, frequent", "other"),
            "confidence": 0.5,
        }
    )


# --- the control group ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5])
def test_the_share_is_met_within_chance_in_every_segment(share: float) -> None:
    groups = control_groups(IDS, "spring", "salt", share)
    for offset in range(5):  # five segments
        own = groups[offset::5]
        bound = 4 * math.sqrt(share * (1 - share) / len(own))
        assert abs((own == "control").mean() - share) < bound


def test_nobody_and_nearly_everybody() -> None:
    assert set(control_groups(IDS[:100], "spring", "salt", 0.0)) == {"treatment"}
    assert (control_groups(IDS, "spring", "salt", 0.9) == "control").mean() == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize("other", [("summer", "salt"), ("spring", "pepper")])
def test_another_campaign_or_salt_is_an_independent_draw(other: tuple[str, str]) -> None:
    one, two = (control_groups(IDS, *which, 0.5) == "control" for which in (("spring", "salt"), other))
    assert abs(np.corrcoef(one, two)[0, 1]) < 4 / math.sqrt(len(IDS))


@given(st.permutations(range(50)), st.integers(1, 50))
@settings(max_examples=20, deadline=None)
def test_a_customer_stays_in_a_group_whoever_else_is_there(order: list[int], n: int) -> None:
    known = dict(zip(IDS[:50], control_groups(IDS[:50], "spring", "salt", 0.3), strict=True))
    some = [IDS[i] for i in order[:n]]
    assert [known[one] for one in some] == control_groups(some, "spring", "salt", 0.3).tolist()


def test_a_larger_share_keeps_the_earlier_controls() -> None:
    few, many = (control_groups(IDS, "spring", "salt", share) == "control" for share in (0.1, 0.2))
    assert many[few].all()


def test_the_draw_is_a_keyed_hash_anybody_can_recompute() -> None:
    """By hand with the standard library: what the receipt says."""
    import hashlib
    import hmac

    digest = hmac.new(b"salt", b"spring\x00" + "Zoë".encode(), hashlib.sha256).digest()
    drawn = int.from_bytes(digest[:8], "big") / 2**64
    for share in (drawn - 1e-9, drawn + 1e-9):
        assert control_groups(["Zoë"], "spring", "salt", share) == ["control" if drawn < share else "treatment"]


# --- what a list can show ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("h", "n"), [(0.10, 1570), (0.20, 392), (0.30, 174), (0.50, 63)])
def test_the_smallest_effect_of_equal_groups_is_near_that_of_cohens_table(h: float, n: int) -> None:
    """Cohen (1988), table 6.4.1: n per group for power .80 at a two-sided 5 % level, of a test that equals the interval in large groups."""
    for base in (0.05, 0.2, 0.5):
        found = minimum_detectable_effect(base, n, n)
        assert found is not None
        assert 2 * math.asin(math.sqrt(base + found)) - 2 * math.asin(math.sqrt(base)) == pytest.approx(h, rel=0.025)


@pytest.mark.parametrize(
    ("base", "treatment", "control"),
    [
        (0.05, 900, 100),
        (0.05, 458, 58),
        (0.05, 90, 10),
        (0.2, 40, 12),
        (0.05, 500, 500),
        (0.01, 5000, 500),
        (0.2, 15, 5),
    ],
)
def test_the_smallest_effect_has_the_power_it_claims(base: float, treatment: int, control: int) -> None:
    """Simulated campaigns with a rise by the effect: `uplift`'s interval lies above 0 four times in five."""
    effect = minimum_detectable_effect(base, treatment, control)
    assert effect is not None
    random = np.random.default_rng(0)
    drawn = zip(random.binomial(treatment, base + effect, 5000), random.binomial(control, base, 5000), strict=True)
    shown = [difference_of_proportions(int(one), treatment, int(other), control).low > 0 for one, other in drawn]
    assert np.mean(shown) == pytest.approx(0.8, abs=0.02)  # 3.5 standard errors of 5000 campaigns


def test_one_customer_is_a_group_and_nobody_is_none() -> None:
    assert minimum_detectable_effect(0.05, 400, 1) == pytest.approx(0.763, abs=0.001)
    assert minimum_detectable_effect(0.01, 1, 400) is not None
    assert minimum_detectable_effect(0.05, 400, 0) is minimum_detectable_effect(0.05, 0, 400) is None


def test_the_smallest_effect_by_enumeration() -> None:
    """Every outcome of 6 against 4, by hand."""
    effect = minimum_detectable_effect(0.1, 6, 4)
    assert effect is not None
    power = sum(
        math.comb(6, one)
        * (0.1 + effect) ** one
        * (0.9 - effect) ** (6 - one)
        * math.comb(4, other)
        * 0.1**other
        * 0.9 ** (4 - other)
        for one in range(7)
        for other in range(5)
        if difference_of_proportions(one, 6, other, 4).low > 0
    )
    assert power == pytest.approx(0.8, abs=1e-9)


def test_uneven_groups_show_less_than_even_ones_and_empty_ones_nothing() -> None:
    even, uneven = minimum_detectable_effect(0.05, 500, 500), minimum_detectable_effect(0.05, 900, 100)
    assert even is not None
    assert uneven is not None
    assert even < uneven
    assert minimum_detectable_effect(0.05, 100, 0) is None
    assert minimum_detectable_effect(0.9, 3, 3) is None


def test_arms_count_both_groups_and_say_what_they_show() -> None:
    [first, second] = arms(target_list(members(2000), PLAN, "spring", ExportConfig()), 0.05)
    assert (first.segment_id, first.treatment + first.control) == ("S1", 1000)
    assert f"{first.treatment:,} treatment, {first.control:,} control; shows a rise from 5.0 % to" in first.words()
    assert second.detectable == minimum_detectable_effect(0.05, second.treatment, second.control)
    [alone] = arms(pd.DataFrame({"segment_id": ["S1"], "segment": ["x"], "group": ["treatment"]}), 0.05)
    assert "no rise can be shown" in alone.words()


@pytest.mark.slow
def test_eight_of_ten_campaigns_show_the_rise_that_a_list_promises_of_spend() -> None:
    random = np.random.default_rng(0)
    before = random.lognormal(3, 1, 500)

    def spend() -> Any:
        return before / 3 * random.uniform(0.5, 1.5, 500) * (random.random(500) < 0.7)

    shown, promised = 0, []
    for _ in range(40):
        treated = random.random(500) > 0.2
        promised.append(detectable_rise(spend(), before, treated) or 0.0)
        beyond = without_habit(spend() + np.where(treated, promised[-1], 0.0), before)
        shown += difference_of_means(beyond[treated], beyond[~treated]).low > 0
    assert 0.65 <= shown / 40 <= 0.95
    assert detectable_rise(spend(), before, np.ones(500, dtype=bool)) is None


def test_arms_say_what_they_show_of_spend() -> None:
    table = target_list(members(2000), PLAN, "spring", ExportConfig())
    lately = np.random.default_rng(0).exponential(30, 2000)
    table = table.assign(spend_lately=lately, spend_earlier=lately * 3)
    [first, _] = arms(table, 0.05)
    own = table[table["segment_id"] == "S1"]
    assert first.spend == pytest.approx(own["spend_lately"].mean())
    assert first.detectable_spend == pytest.approx(0.0, abs=1e-9), "what is known before needs no campaign"
    assert f", of spend from {first.spend:.2f} to {first.spend:.2f} USD" in first.words("USD")


def test_segments_are_in_the_order_of_their_numbers() -> None:
    table = pd.DataFrame({"segment_id": ["S10", "S2"], "segment": ["a", "b"], "group": "treatment"})
    assert [arm.segment_id for arm in arms(table, 0.05)] == ["S2", "S10"]


# --- the list ------------------------------------------------------------------------------------------------------


def test_confidence_is_nothing_on_the_border_and_one_on_the_centre() -> None:
    model = segmentation("c", Space(["x"], ["identity"], [1.0], "none", {}), np.array([[0.0], [10.0]]), ["low", "high"])
    table = memberships(model, pd.DataFrame({"customer_id": ["a", "b", "c"], "x": [0.0, 5.0, 9.0]}))
    assert table["confidence"].tolist() == pytest.approx([1.0, 0.0, 8 / 9])
    assert table["segment_id"].tolist() == ["S1", "S1", "S2"]
    same = segmentation("c", model.space, np.array([[0.0], [0.0]]), ["a", "b"])
    assert memberships(same, pd.DataFrame({"customer_id": ["a"], "x": [0.0]}))["confidence"].tolist() == [0.0]


def test_controls_are_to_be_left_alone() -> None:
    table = target_list(members(), PLAN, "spring", ExportConfig(control_share=0.5))
    controls = table[table["group"] == "control"]
    assert set(controls["action"]) == {HOLD_OUT}
    assert controls[["playbook", "channel", "offer"]].isna().all(axis=None)
    assert table.loc[table["group"] == "treatment", ["playbook", "channel", "offer"]].notna().all(axis=None)
    assert set(table.loc[table["group"] == "treatment", "action"]) == {
        "Loyalty: double points",
        "Nurture: newsletter",
    }


@pytest.mark.parametrize(
    ("columns", "all_there"),
    [(["customer_id", "offer", "channel"], False), (["customer_id", "action"], True), (["group", "customer_id"], True)],
)
def test_controls_nobody_could_tell_are_held_out(columns: list[str], all_there: bool) -> None:
    table = target_list(members(), PLAN, "spring", ExportConfig(control_share=0.5))
    held = hold_out(table, columns)
    assert set(held["group"]) == ({"treatment", "control"} if all_there else {"treatment"})
    assert len(held) == (len(table) if all_there else (table["group"] == "treatment").sum())


def test_a_segment_without_a_playbook_is_refused() -> None:
    with pytest.raises(DataError, match="1 segments of the model have no playbook"):
        target_list(members(), PLAN[:1], "spring", ExportConfig())


def test_a_segment_by_id_or_by_name() -> None:
    table = target_list(members(), PLAN, "spring", ExportConfig())
    pd.testing.assert_frame_equal(pick_segment(table, "S1"), pick_segment(table, "loyal, frequent"))
    assert set(pick_segment(table, "S2")["segment"]) == {"other"}
    confused = table.assign(segment=table["segment"].replace("loyal, frequent", "S2"))
    assert set(pick_segment(confused, "S2")["segment_id"]) == {"S2"}, "an id goes before a name"
    assert set(pick_segment(confused, "S1")["segment"]) == {"S2"}
    with pytest.raises(ConfigError, match="there is no segment 'othr'") as error:
        pick_segment(table, "othr")
    assert error.value.fix == "did you mean 'other'? there are: S1 (loyal, frequent); S2 (other)"


def test_nothing_but_the_columns_asked_for() -> None:
    table = target_list(members(), PLAN, "spring", ExportConfig())
    assert list(pick_columns(table, ["group", "customer_id"]).columns) == ["group", "customer_id"]
    for wanted, what in [(["grup"], "there is no column 'grup'"), (["group", "group"], "once"), ([], "at least one")]:
        with pytest.raises(ConfigError, match=what):
            pick_columns(table, wanted)


def test_a_campaign_keeps_its_draw() -> None:
    receipt = commit(None, "spring", ExportConfig(), [], "c1")
    later = commit(receipt, "spring", ExportConfig(base_rate=0.2), [], "c2")
    assert (later["base_rate"], later["candidate_id"]) == (0.2, "c1")
    for other in (ExportConfig(salt="x"), ExportConfig(control_share=0.2)):
        with pytest.raises(ConfigError, match="customers would change groups"):
            commit(receipt, "spring", other, [], "c1")


def test_who_is_on_the_list_keeps_the_segment_of_the_first_time() -> None:
    first = target_list(members(4), PLAN, "spring", ExportConfig())
    moved = target_list(members(6).assign(segment_id="S9", segment="moved"), PLAN, "spring", ExportConfig())
    listed = enlist(enlist(None, first), moved)
    assert listed["customer_id"].tolist() == list("012345")
    assert listed["segment_id"].tolist() == ["S1", "S2", "S1", "S2", "S9", "S9"]
    assert listed["group"].tolist() == control_groups(list("012345"), "spring", "segments", 0.1).tolist()


# --- the command ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", ".x", "x" * 61, "a b"])
def test_a_campaign_whose_name_is_no_folders(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot name a campaign"):
        campaign(name)


@pytest.mark.parametrize(
    ("key", "value"), [("control_share", -0.1), ("control_share", 0.95), ("base_rate", 0.0), ("base_rate", 1.0)]
)
def test_settings_out_of_range(key: str, value: float) -> None:
    with pytest.raises(ConfigError, match="out of range"):
        checked(ExportConfig, {key: value})
    with pytest.raises(ConfigError, match="salt is empty"):
        checked(ExportConfig, {"salt": ""})


@contextmanager
def moved(path: Path, away: Path) -> Iterator[None]:
    """Something is elsewhere for a while."""
    away.parent.mkdir(exist_ok=True)
    path.rename(away)
    yield
    away.rename(path)


@pytest.mark.slow
def test_a_list_of_a_source_without_purchases(small_project: Callable[[], SmallProject], tmp_path: Path) -> None:
    """The customers as marketing gets them; twice the same bytes; refused where something would be lost."""
    project = small_project()
    before = project.changes()
    out = tmp_path / "lists" / "all.csv"
    said = project.run("segments", "export", str(out), "campaign=spring")
    assert "S1 " in said
    assert "200 customers" in said
    first = out.read_bytes()
    table = pd.read_csv(out, dtype={"customer_id": str})
    assert list(table.columns) == ["customer_id", "segment", "confidence", "action", "group"]
    assert sorted(table["customer_id"], key=int) == [str(i) for i in range(1, 201)]
    assert table["confidence"].between(0, 1).all()
    assert "is there already" in project.run("segments", "export", str(out), "campaign=spring", fails=True)
    project.run("segments", "export", str(out), "campaign=spring", "overwrite=true")
    assert out.read_bytes() == first
    receipt = json.loads((project / "record/campaigns/spring/receipt.json").read_text())
    assert sum(arm["treatment"] + arm["control"] for arm in receipt["arms"]) == 200
    assert "1" not in {str(value) for value in receipt.values()}, "the receipt names no customer"

    # a version that a colleague registered is on record, and not on this machine
    assert "in use" not in said
    again = ("segments", "export", str(out), "campaign=spring", "overwrite=true")
    away = tmp_path / "away"
    [stored] = (project / "record/versions").glob("*-*")
    run = project.client().get_model_version_by_alias("customer-segments", "champion").run_id
    [kept] = (project / "mlruns").rglob(f"{run}/artifacts/playbook/playbook.json")
    made_here = [project / "artifacts/registry/segmentation.json", project / "artifacts/playbook/playbook.json"]
    with moved(stored, away / "stored"), moved(made_here[0], away / "model"), moved(made_here[1], away / "plan"):
        assert project.run(*again) == said
        assert out.read_bytes() == first
        with moved(kept, away / "kept"):
            assert "playbook/playbook.json is not on record" in project.run(*again, fails=True)
        with moved(project / "mlflow.db", away / "mlflow.db"):
            assert "segmentation.json does not exist yet" in project.run(*again, fails=True)
    # while none is in use, the last run's stand in
    project.client().delete_registered_model_alias("customer-segments", "champion")
    with moved(stored, away / "stored"), moved(kept, away / "kept"):
        assert project.run(*again) == said
        assert out.read_bytes() == first

    # a segment and columns, as parquet, into the folder the person stands in
    project.run("segments", "export", "s2.parquet", "segment=S2", "columns=[customer_id,age,group]")
    own = pd.read_parquet(project / "s2.parquet")
    assert list(own.columns) == ["customer_id", "age", "group"]
    assert 0 < len(own) < 200
    (project / "s2.parquet").unlink()
    # without a column that marks the controls, they are left out of the file and not of the campaign
    said = project.run(
        "segments", "export", "x.csv", "campaign=fall", "columns=[customer_id,offer]", "export.control_share=0.5"
    )
    listed = pd.read_parquet(project / "record/campaigns/fall/customers.parquet")
    controls = set(listed.loc[listed["group"] == "control", "customer_id"])
    mailed = pd.read_csv(project / "x.csv", dtype=str)
    assert f"{len(controls)} customers of the control group are not in the file" in said
    assert set(mailed["customer_id"]) == set(listed["customer_id"]) - controls
    assert mailed["offer"].notna().all()
    (project / "x.csv").unlink()
    # what is predicted of customers can be asked for, where there is a prediction
    asked = ("segments", "export", "x.csv", "columns=[customer_id,churn_risk,group]")
    assert "there is no column 'churn_risk'" in project.run(*asked, fails=True)
    ahead = project / "artifacts/prediction/customers.parquet"
    own = listed[["customer_id"]].assign(cluster=0, segment_id="S1", segment="all")
    own.assign(churn_risk=0.25, expected_value=9.0, outside_learned=False).to_parquet(ahead)
    project.run(*asked)
    assert (pd.read_csv(project / "x.csv")["churn_risk"] == 0.25).all()
    ahead.unlink()
    (project / "x.csv").unlink()
    for words, what in {
        ("x.csv", "campaign=spring", "export.control_share=0.5"): "customers would change groups",
        ("x.csv", "campaign=spring", "export.salt=other"): "customers would change groups",
        ("x.txt",): "is neither CSV nor parquet",
        ("x.csv", "columns=[name]"): "there is no column 'name'",
        ("x.csv", "segment=S77"): "there is no segment 'S77'",
        ("x.csv", "y.csv"): "'y.csv' is not an override",
        ("x.csv", "overwrite=yes"): "overwrite=true or leave it out",
        ("x.csv", "source=completejourney"): "made is of source 'mall'",
        ("x.csv", "--force"): "no such option '--force'",
    }.items():
        assert what in project.run("segments", "export", *words, fails=True)
        assert not (project / "x.csv").exists()
    assert project.changes() == before
    # what is read is read before anything is written
    (project / "artifacts/selection/choice.json").write_text("{}")
    assert "choice.json is damaged" in project.run("segments", "export", "x.csv", "campaign=late", fails=True)
    assert not (project / "x.csv").exists() and not (project / "record/campaigns/late").exists()


# --- limits met exactly, and words ---------------------------------------------------------------------------------------


def test_a_groups_share_is_a_limit_that_a_draw_must_stay_under() -> None:
    """The receipt says: the first 8 bytes / 2^64 < control_share."""
    draw = int.from_bytes(hmac.digest(b"salt", b"spring\0one", "sha256")[:8], "big")
    at = draw / 2**64
    exact = (draw >> 11) / 2**53  # a share has 53 digits: the largest that is not above the draw
    assert exact <= at
    assert control_groups(["one"], "spring", "salt", exact).tolist() == ["treatment"]
    assert control_groups(["one"], "spring", "salt", exact + 2**-50).tolist() == ["control"]


@pytest.mark.parametrize(("treatment", "control"), [(0, 5), (5, 0), (1, 1)])
def test_groups_that_are_empty_or_of_one_show_nothing(treatment: int, control: int) -> None:
    assert minimum_detectable_effect(0.05, treatment, control) is None


@pytest.mark.parametrize(
    ("base", "treatment", "control"), [(0.05, 60, 40), (0.5, 30, 30), (0.001, 400, 100), (0.9, 200, 100)]
)
def test_the_smallest_effect_is_where_the_power_is_exactly_met(base: float, treatment: int, control: int) -> None:
    """Summed over every outcome by SciPy's own distribution, none left out."""
    effect = minimum_detectable_effect(base, treatment, control)
    assert effect is not None
    shows = np.array(
        [
            [difference_of_proportions(one, treatment, other, control).low > 0 for other in range(control + 1)]
            for one in range(treatment + 1)
        ]
    )
    ours = stats.binom.pmf(np.arange(treatment + 1), treatment, base + effect)
    theirs = stats.binom.pmf(np.arange(control + 1), control, base)
    assert ours @ shows @ theirs == pytest.approx(0.8, abs=1e-6)


def test_whether_a_rise_shows_is_asked_of_the_fewest_responses_that_do() -> None:
    """Against 0 of 10, how many of 10 put the interval above 0; and one more than there are where none do."""
    first = next(n for n in range(11) if difference_of_proportions(n, 10, 0, 10).low > 0)
    assert _needed(10, 0, 10, at_least=0) == first
    assert _needed(10, 0, 10, at_least=first) == first
    assert _needed(10, 10, 10, at_least=0) == 11


def test_a_receipt_word_for_word() -> None:
    arm = Arm("S1", "loyal", 1900, 1100, 0.05, 0.02)
    assert commit(None, "spring", ExportConfig(), [arm], "c1") == {
        "campaign": "spring",
        "salt": "segments",
        "control_share": 0.1,
        "method": "HMAC-SHA256(salt, campaign + NUL + customer_id), first 8 bytes / 2^64 < control_share is control",
        "candidate_id": "c1",
        "base_rate": 0.05,
        "arms": [asdict(arm)],
    }
    assert arm.words() == "S1 loyal: 1,900 treatment, 1,100 control; shows a rise from 5.0 % to 7.0 % or more"


def test_who_is_listed_keeps_the_first_segment() -> None:
    listed = enlist(None, members(4).assign(group="treatment"))
    assert list(listed.columns) == ["customer_id", "segment_id", "segment", "group"]
    spent = enlist(None, members(4).assign(group="treatment", spend_before=[1.0, 2.0, 3.0, 4.0]))
    again = enlist(spent, members(5).assign(group="treatment", spend_before=9.0))
    assert again["spend_before"].tolist() == [1.0, 2.0, 3.0, 4.0, 9.0], "what was spent before the first list"
    later = enlist(listed, members(6).assign(group="treatment", segment_id="S9"))
    assert later["customer_id"].tolist() == list("012345")
    assert later["segment_id"].tolist() == ["S1", "S2", "S1", "S2", "S9", "S9"]
    assert later.index.tolist() == list(range(6))


def test_a_list_has_the_plan_of_each_segment() -> None:
    table = target_list(members(4), PLAN, "spring", ExportConfig(control_share=0.0))
    assert table["playbook"].tolist() == ["loyalty", "nurture"] * 2
    assert table["channel"].tolist() == ["app", "mail"] * 2
    assert table["action"].tolist() == ["Loyalty: double points", "Nurture: newsletter"] * 2
    assert "title" not in table
    silent = PLAN.assign(title="No playbook", offer="")
    assert set(target_list(members(4), silent, "spring", ExportConfig(control_share=0.0))["action"]) == {"No playbook"}


def test_a_customer_is_in_a_list_as_the_model_says() -> None:
    model = segmentation("c", Space(["x"], ["identity"], [1.0], "none", {}), np.array([[0.0], [10.0]]), ["low", "high"])
    features = pd.DataFrame({"customer_id": ["a", "b"], "x": [9.0, 1.0]}, index=[7, 3])
    found = memberships(model, features)
    assert list(found.columns) == ["customer_id", "cluster", "segment_id", "segment", "confidence"]
    assert found[["customer_id", "cluster", "segment"]].to_numpy().tolist() == [["a", 1, "high"], ["b", 0, "low"]]


def test_what_cannot_be_foreseen_is_not_listed() -> None:
    table = pd.DataFrame({"customer_id": ["1"], "expected_value": [9.0]})
    why = ["The risk of leaving is not shown: no model is better."]
    check_foreseen(["customer_id", "expected_value"], table, why)
    with pytest.raises(ConfigError, match=r"churn_risk cannot be listed\. The risk of leaving is not shown") as refused:
        check_foreseen(["customer_id", "churn_risk"], table, why)
    assert refused.value.fix == "leave churn_risk out"

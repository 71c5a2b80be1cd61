"""Traits -> playbooks: which fits, which wins, with what evidence; what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from segments.action.playbook import (
    Assignment,
    assign_playbooks,
    plan_of,
    playbook_page,
    playbook_table,
    unused,
    why_unused,
    with_outlook,
    worded,
)
from segments.app.load import checked, load
from segments.config.columns import Label
from segments.config.playbook import Playbook, PlaybookConfig, When
from segments.config.profiles import ProfilesConfig, Trait
from segments.errors import ConfigError
from segments.identity.profiles import segment_profiles
from small_project import CHECKOUT, SmallProject
from small_results import book

TRAITS = ProfilesConfig()
NAMES = ["big", "small", "middle"]
LABELS = np.repeat([0, 1, 2], 4).astype(np.int32)


def customers() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": [str(i) for i in range(12)],
            "visits": [20.0, 21, 22, 23, 1, 2, 3, 4, 10, 11, 12, 13],
            "basket": [90.0, 91, 92, 5, 1, 2, 3, 4, 10, 11, 12, 13],
            "monetary": [60.0, 60, 60, 60, 5, 5, 5, 5, 10, 10, 10, 10],
        }
    )


def assign(*books: Playbook, require: list[str] | None = None, table: pd.DataFrame | None = None) -> list[Assignment]:
    table = customers() if table is None else table
    profiles = segment_profiles(table, LABELS, NAMES)
    return assign_playbooks(table, LABELS, profiles, books, TRAITS, PlaybookConfig(require or []))


def names(assignments: list[Assignment]) -> list[tuple[str, str | None]]:
    return [(one.playbook, one.runner_up) for one in assignments]


# --- which fits ----------------------------------------------------------------------------------------------------


def test_all_any_and_unless() -> None:
    loyal = book("loyal", all={"visits": "high"})
    either = book("either", any={"visits": "low", "basket": "high"}, unless={"monetary": "high"})
    assert names(assign(loyal, either, book("rest"))) == [("loyal", "rest"), ("either", "rest"), ("rest", None)]


def test_every_trait_of_all_is_needed() -> None:
    torn = book("torn", all={"visits": "high", "basket": "low"})
    assert [one.playbook for one in assign(torn, book("rest"))] == ["rest"] * 3


def test_a_share_of_revenue_is_needed_where_it_is_asked_for() -> None:
    """small holds 20 of 300."""
    rich = book("rich", any={"visits": "low"}, min_revenue_share=0.07)
    assert [one.playbook for one in assign(rich, book("rest"))] == ["rest"] * 3
    enough = book("rich", any={"visits": "low"}, min_revenue_share=0.06)
    assert [one.playbook for one in assign(enough, book("rest"))] == ["rest", "rich", "rest"]
    no_money = customers().drop(columns="monetary")
    assert [one.playbook for one in assign(enough, book("rest"), table=no_money)] == ["rest"] * 3


def test_bounds_are_of_the_median_in_original_units() -> None:
    """The medians of visits are 21.5, 2.5 and 11.5."""
    bounded = book(
        "bounded", any={"visits": "high", "basket": "low"}, at_least={"visits": 2.5}, at_most={"visits": 21.5}
    )
    assert [one.playbook for one in assign(bounded, book("rest"))] == ["bounded", "bounded", "rest"]
    narrow = book(
        "bounded", any={"visits": "high", "basket": "low"}, at_least={"visits": 2.6}, at_most={"visits": 21.4}
    )
    assert [one.playbook for one in assign(narrow, book("rest"))] == ["rest"] * 3


def test_a_bound_on_what_is_not_known_is_none() -> None:
    words = load(project=CHECKOUT).profiles
    frequent = book("frequent", any={"visits": "high"}, at_least={"tenure_days": 90.0}, at_most={"recency_days": 1.0})
    profiles = segment_profiles(customers(), LABELS, NAMES)
    made = assign_playbooks(customers(), LABELS, profiles, [frequent, book("rest")], words)
    assert [one.playbook for one in made] == ["frequent", "rest", "rest"]


def test_the_traits_that_add_up_to_the_most_win() -> None:
    """big: mean ranks 5/6 in visits, (9.5 + 10.5 + 11.5 + 4.5) / 48 in basket."""
    weak, strong = book("weak", any={"basket": "high"}), book("strong", any={"visits": "high"})
    [big, _, _] = assign(weak, strong, book("rest"))
    assert (big.playbook, big.runner_up) == ("strong", "weak")
    assert big.score == pytest.approx(2 * (5 / 6 - 0.5))
    assert big.runner_up_score == pytest.approx(2 * (36 / 48 - 0.5))
    both = book("both", all={"basket": "high", "visits": "high"})
    assert assign(weak, strong, both, book("rest"))[0].playbook == "both"


def test_a_tie_goes_to_the_more_specific_then_by_name() -> None:
    tied = [book("b", any={"visits": "high"}), book("a", any={"visits": "high"})]
    assert names(assign(*tied, book("rest")))[0] == ("a", "b")
    wider = book("c", any={"visits": "high", "basket": "low"})
    assert names(assign(*tied, wider, book("rest")))[0] == ("c", "a")


def test_the_evidence_bears_its_figures() -> None:
    [big, small, middle] = assign(book("loyal", any={"visits": "high", "basket": "high"}), book("rest"))
    [first, second] = big.evidence
    assert (first.feature, first.level, first.median, first.overall, first.mean) == ("visits", "high", 21.5, 11.5, 21.5)
    assert first.index == pytest.approx(100 * 21.5 / customers()["visits"].mean())
    assert second.feature == "basket"
    assert small.evidence == middle.evidence == []
    assert (
        "visits is high: median 21.5 against 11.5 of all customers (mean 21.5, index 182; mean rank 0.83)"
        in playbook_page([big], [book("loyal"), book("rest")])
    )


def test_what_is_predicted_of_a_segment_stands_in_its_playbook() -> None:
    books = [book("loyal", any={"visits": "high"}), book("rest")]
    made = assign(*books)
    assert all(one.outlook is None for one in made)
    assert "churn_risk" not in playbook_table(made, books)
    predicted = pd.DataFrame(
        {
            "cluster": [2, 0, 1],  # in another order than the segments
            "churn_risk": [0.3, 0.1, 0.2],
            "expected_value": [30.0, 1010.4, 20.0],
            "at_risk_revenue": [3.0, 100.0, 2.0],
        }
    )
    message = with_outlook(made, predicted, 60)
    assert (
        "In the next 60 days 10.0 % are expected to buy nothing and the segment to spend 1,010; "
        "100 of what it spent in the 60 days before is at risk." in playbook_page([message[0]], books)
    )
    assert playbook_table(message, books)["churn_risk"].tolist() == [0.1, 0.2, 0.3]
    assert plan_of(message, books, "toy").assignments == message


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (
            ["churn_risk", "at_risk_revenue"],
            "10.0 % are expected to buy nothing; 5 of what it spent in the 60 days before is at risk.",
        ),
        (["expected_value"], "the segment is expected to spend 30."),
        ([], ""),
    ],
)
def test_what_cannot_be_foreseen_is_no_figure_and_one_sentence(known: list[str], said: str) -> None:
    books = [book("rest")]
    made = assign(*books)
    all_of_it = {"churn_risk": 0.1, "expected_value": 30.0, "at_risk_revenue": 5.0}
    predicted = pd.DataFrame({"cluster": [0, 1, 2], **{name: all_of_it[name] for name in known}})
    message = with_outlook(made, predicted, 60)
    page = playbook_page(message, books, not_foreseen=["No risk is shown."])
    assert ("In the next 60 days" in page) == bool(known) and said in page
    assert page.count("No risk is shown.") == 1
    assert {"churn_risk", "expected_value", "at_risk_revenue"} & set(playbook_table(message, books)) == set(known)


@pytest.mark.parametrize("shift", [11.0, 20.0])
def test_a_feature_that_can_be_negative_has_no_index(shift: float) -> None:
    table = customers()
    table["visits"] -= shift
    [big, _, _] = assign(book("loyal", any={"visits": "high"}), book("rest"), table=table)
    assert big.evidence[0].index is None
    assert "index" not in big.evidence[0].words()


@pytest.mark.slow
@given(st.permutations(range(12)), st.permutations(["a", "b", "c", "rest"]))
@settings(max_examples=30, deadline=None)
def test_neither_the_order_of_rows_nor_of_playbooks_matters(rows: list[int], order: list[str]) -> None:
    books = {
        "a": book("a", any={"visits": "high", "basket": "low"}),
        "b": book("b", all={"basket": "low"}),
        "c": book("c", any={"visits": "low"}),
        "rest": book("rest"),
    }
    table, labels = customers().iloc[rows].reset_index(drop=True), LABELS[rows]
    made = assign_playbooks(
        table, labels, segment_profiles(table, labels, NAMES), [books[name] for name in order], TRAITS
    )
    assert names(made) == names(assign(*books.values()))


# --- what is refused -----------------------------------------------------------------------------------------------


def test_an_unknown_feature_is_refused_and_the_nearest_named() -> None:
    with pytest.raises(ConfigError, match="unknown feature 'visit'") as error:
        assign(book("loyal", unless={"visit": "high"}), book("rest"))
    assert error.value.where == "conf/playbook/loyal.yaml: when.unless.visit"
    assert "did you mean 'visits'?" in error.value.fix
    with pytest.raises(ConfigError, match="unknown feature 'visit'"):
        assign(book("loyal", at_most={"visit": 3.0}), book("rest"))


def test_a_feature_known_by_its_words_is_just_not_there() -> None:
    """A playbook for shops stays in place for a source without purchases."""
    words = load(project=CHECKOUT).profiles
    made = assign_playbooks(
        customers(),
        LABELS,
        segment_profiles(customers(), LABELS, NAMES),
        [book("lapsing", any={"recency_days": "high", "visits": "low"}), book("rest")],
        words,
    )
    assert [one.playbook for one in made] == ["rest", "lapsing", "rest"]


def test_a_level_is_high_or_low() -> None:
    with pytest.raises(ConfigError, match="'hihg' is not a known value") as error:
        checked(When, {"any": {"visits": "hihg"}})
    assert "did you mean 'high'?" in error.value.fix


@pytest.mark.parametrize("needs", [{"all": {"visits": "low", "basket": "high"}}, {"any": {"visits": "low"}}])
def test_a_playbook_cannot_need_what_it_forbids(needs: dict[str, dict[str, str]]) -> None:
    with pytest.raises(ConfigError, match="both need and lack 'visits: low'"):
        checked(When, {**needs, "unless": {"visits": "low"}})
    When(any={"visits": "low", "basket": "high"}, unless={"visits": "low"})


@pytest.mark.parametrize(
    ("bounds", "what", "where"),
    [
        (
            {"at_least": {"visits": 3}, "at_most": {"visits": 2}},
            "both at least 3 and at most 2",
            "when.at_least.visits",
        ),
        ({"at_most": {"visits": float("nan")}}, "finite number", "when.at_most.visits"),
    ],
)
def test_bounds_that_nothing_meets_are_refused(bounds: dict[str, dict[str, float]], what: str, where: str) -> None:
    with pytest.raises(ConfigError, match=what) as error:
        checked(When, bounds, "when")
    assert error.value.where.endswith(where)
    When(at_least={"visits": 2.0}, at_most={"visits": 2.0})


def test_a_bar_in_a_name_does_not_break_the_table() -> None:
    made = [replace(one, segment="a|b") for one in assign(book("rest"))]
    rows = [line for line in playbook_page(made, [book("rest")]).splitlines() if line.startswith("| ")]
    assert {row.count("|") for row in rows} == {5}


def test_a_playbook_that_nobody_has_says_why() -> None:
    """big is high in everything, small low."""
    books = [
        book("loyal", all={"visits": "high"}),
        book("second", any={"basket": "high"}, all={"visits": "high"}, at_least={"visits": 99.0}),
        book("torn", all={"visits": "high"}, unless={"monetary": "high"}),
        book("online", all={"clicks": "high"}),
        book("calm", all={"steady": "low"}),
        book("one_of", all={"visits": "high"}, any={"clicks": "high", "basket": "low"}),
        book("rest"),
        book("spare"),
    ]
    table = customers().assign(steady=1.0)
    traits = replace(TRAITS, traits=TRAITS.traits | {"clicks": Trait("clicking", "quiet")})
    profiles = segment_profiles(table, LABELS, NAMES)
    made = assign_playbooks(table, LABELS, profiles, books, traits)
    assert [one.playbook for one in made] == ["loyal", "rest", "rest"]
    why = why_unused(table, LABELS, profiles, books, traits, made)
    assert why == {
        "calm": "no segment has low steady",
        "one_of": "nearest is “big”, which lacks high clicks, low basket",
        "online": "the source has no clicks",
        "second": "nearest is “big”, which lacks visits of 99 or more",
        "spare": f"fits “big”, which {books[0].title} fits better",
        "torn": "nearest is “big”, which has high money spent",
    }
    assert plan_of(made, books, "toy", why).why_unused[books[3].title] == "the source has no clicks"


def test_one_playbook_must_fit_everybody() -> None:
    for only in (
        book("loyal", all={"visits": "high"}),
        book("loyal", unless={"visits": "high"}),
        book("loyal", at_most={"visits": 99.0}),
    ):
        with pytest.raises(ConfigError, match="no playbook fits every segment"):
            assign(only)


def test_a_required_playbook_that_matches_no_segment() -> None:
    odd = book("odd", all={"visits": "high", "basket": "low"})
    assert unused(assign(odd, book("rest")), [odd, book("rest")]) == ["odd"]
    with pytest.raises(
        ConfigError, match="'odd' matches no segment; nearest is 'big', with 1 of its 2 traits"
    ) as error:
        assign(odd, book("rest"), require=["odd"])
    assert "(not low basket)" in str(error.value)
    other = book(
        "odd", all={"visits": "high"}, unless={"basket": "high"}, at_least={"visits": 30.0}, at_most={"basket": 1.0}
    )
    with pytest.raises(ConfigError) as error:
        assign(other, book("rest"), require=["odd"])
    assert "(not visits of 30 or more, not basket of 1 or less, high basket)" in str(error.value)
    with pytest.raises(ConfigError, match="there is no playbook 'ood'"):
        assign(odd, book("rest"), require=["ood"])


def test_a_required_playbook_may_be_a_runner_up() -> None:
    assign(book("loyal", any={"visits": "high"}), book("also", any={"basket": "high"}), book("rest"), require=["also"])


@pytest.mark.parametrize(
    ("old", "new", "where", "what"),
    [
        ("all: {frequency: high}", "all: {frequency: hihg}", "conf/playbook/loyalty.yaml: when.all.frequency", "hihg"),
        ("avoid:", "aviod:", "conf/playbook/loyalty.yaml", "'aviod' is not a known key"),
        ("name: loyalty", "name: loyal", "conf/playbook/loyalty.yaml: name", "calls itself 'loyal'"),
        ("do:", "do: x\ndo:", "conf/playbook/loyalty.yaml", "duplicate key"),
    ],
)
def test_a_faulty_file_is_named(tmp_path: Path, project: Path, old: str, new: str, where: str, what: str) -> None:
    import shutil

    shutil.copytree(project / "conf", tmp_path / "conf", symlinks=True)
    path = tmp_path / "conf/playbook/loyalty.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ConfigError) as error:
        load(project=tmp_path)
    assert where in error.value.where
    assert what in error.value.what


# --- what is shipped -----------------------------------------------------------------------------------------------


def shipped(project: Path) -> tuple[list[Playbook], ProfilesConfig]:
    config = load(project=project)
    return list(config.playbooks.values()), config.profiles


KINDS = {
    "loyalty": {"frequency": 1, "purchase_days": 1, "recency_days": -1, "gap_days_mean": -1},
    "promotions": {"discount_share": 1, "coupon_share": 1},
    "win_back": {"recency_days": 1, "frequency": -1, "monetary": -1},
    "win_back_valuable": {"recency_days": 1, "monetary": 1},
    "welcome": {"tenure_days": -1, "recency_days": -1, "frequency": -1},
    "upsell": {"monetary": 1, "basket_value": 1},
    "next_visit": {"recency_days": -1, "frequency": -1, "gap_days_mean": 1},
    "momentum": {"trend": 1, "recency_days": 1, "frequency": -1},
    "untapped": {"annual_income": 1, "spending_score": -1},
    "smart_budget": {"annual_income": -1, "spending_score": 1, "age": -1},
    "essentials": {"annual_income": -1, "spending_score": -1},
    "service_first": {"age": 1},
    "social_first": {"age": -1},
    "nurture": {},
}


@pytest.mark.parametrize("name", KINDS)
def test_the_kind_of_segment_a_playbook_is_for_gets_it(project: Path, name: str) -> None:
    """Two segments of fifty: one of that kind, one of the opposite; all other features are alike."""
    books, traits = shipped(project)
    random, labels = np.random.default_rng(0), np.repeat([0, 1], 50).astype(np.int32)
    table = pd.DataFrame({feature: random.normal(50, 1, 100) for feature in traits.traits})
    if name != "welcome":
        table["tenure_days"] += 300
    for feature, sign in KINDS[name].items():
        table[feature] += np.where(labels == 0, 10 * sign, 0)
    for feature in set(table) - set(KINDS[name]):
        table[feature] = np.tile(table[feature][:50], 2)
    made = assign_playbooks(table, labels, segment_profiles(table, labels, ["kind", "other"]), books, traits)
    assert made[0].playbook == name


def test_nobody_is_welcomed_after_a_year(project: Path) -> None:
    """Newer than the others, growing and not here often, as in the bundled data: new only where the days say so."""
    books, traits = shipped(project)
    signs = {"tenure_days": -1, "trend": 1, "frequency": -1}
    table = pd.DataFrame(
        {feature: np.r_[np.full(50, 50.0 + 10 * sign), np.full(50, 50.0)] for feature, sign in signs.items()}
    )
    labels = np.repeat([0, 1], 50).astype(np.int32)
    for days, fitting in ((0.0, "welcome"), (300.0, "momentum")):
        aged = table.assign(tenure_days=table["tenure_days"] + days)
        made = assign_playbooks(aged, labels, segment_profiles(aged, labels, ["kind", "other"]), books, traits)
        assert made[0].playbook == fitting


def test_every_shipped_playbook_is_tried(project: Path) -> None:
    assert sorted(KINDS) == sorted(book.name for book in shipped(project)[0])


def test_the_mall_segments_get_sensible_ones(project: Path, shared_data: Path) -> None:
    """The five well-known groups of income and spending, by the reference's centres."""
    table = pd.read_csv(shared_data / "mall" / "Mall_Customers.csv")
    table.columns = pd.Index(["customer_id", "gender", "age", "annual_income", "spending_score"])
    centres = np.array([[55.3, 49.5], [86.5, 82.1], [88.2, 17.1], [26.3, 20.9], [25.7, 79.4]])
    points = table[["annual_income", "spending_score"]].to_numpy()
    labels = ((points[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1).astype(np.int32)
    books, traits = shipped(project)
    made = assign_playbooks(table, labels, segment_profiles(table, labels, list("abcde")), books, traits)
    assert [one.playbook for one in made] == ["nurture", "upsell", "untapped", "essentials", "smart_budget"]
    page = playbook_page(made, books)
    assert "annual income is high: median 85 against 61.5 of all customers" in page
    assert list(playbook_table(made, books)["playbook"]) == [one.playbook for one in made]
    plan = plan_of(made, books, "mall")
    assert set(plan.playbooks) == {one.playbook for one in made}
    assert len(plan.playbooks) + len(plan.unused) == len(books)


@pytest.mark.slow
def test_the_stage_on_a_source_without_purchases(small_project: Callable[[], SmallProject]) -> None:
    project = small_project()
    table = project.table("playbook/playbook.parquet")
    profiles = project.table("profiles/profiles.parquet")
    assert list(table["segment"]) == list(profiles["segment"])
    assert table[["goal", "do", "avoid", "channel", "offer", "kpi"]].notna().all(axis=None)
    assert (project / "artifacts/playbook/playbook.md").read_text().startswith("# Playbooks")
    said = project.run("segments", "playbook", "playbook.require=[win_back]", fails=True)
    assert "the playbook 'win_back' matches no segment" in said
    (project / "conf/playbook/nurture.yaml").unlink()
    assert "no playbook fits every segment" in project.run("segments", "playbook", fails=True)


def test_a_source_no_playbook_speaks_of_gets_none_and_a_draft() -> None:
    """No advice that is not meant for it: every segment says so, and the page has a YAML to begin with, of its strongest traits."""
    books = [book("lapsing", all={"recency_days": "high"}), book("rest")]
    profiles = segment_profiles(customers(), LABELS, NAMES)
    labels_of = {"visits": Label(label="times here")}
    made = assign_playbooks(customers(), LABELS, profiles, books, load(project=CHECKOUT).profiles, None, labels_of)
    assert {one.playbook for one in made} == {"none"} and {one.runner_up for one in made} == {None}
    table = playbook_table(made, books)
    assert set(table["goal"]) == {"No playbook speaks of these columns"} and set(table["offer"]) == {""}
    why = why_unused(customers(), LABELS, profiles, books, load(project=CHECKOUT).profiles, made)
    assert why["rest"] == "says nothing of what sets “big” apart"
    plan = plan_of(made, books, "toy")
    assert list(plan.playbooks) == ["none"] and plan.unused == ["lapsing", "rest"]
    page = playbook_page(made, books)
    drafted = yaml.safe_load(page.split("```yaml")[1].split("```")[0])
    assert set(drafted["when"]["all"]) <= set(customers().columns) and drafted["name"] == "my_playbook"
    assert "- times here is high: " in page and "Channel:" not in page and "Not used" not in page


def test_advice_to_an_age_alone_speaks_of_no_shop() -> None:
    """A bank or a telco has ages, too: seats, staff and delivery are for a source that scores spending in a shop."""
    books = load(project=CHECKOUT).playbooks
    said = {name: repr(worded(books[name], ["age"], "")) for name in ("service_first", "social_first")}
    assert not [word for word in ("seating", "staff", "elivery", "two who") if word in "".join(said.values())]
    assert "staff" in repr(worded(books["service_first"], ["age", "spending_score"], ""))

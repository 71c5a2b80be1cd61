"""The report: it says what was found, escapes what the data say, loads nothing, and names what is not made yet."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import machine
from segments.action.report import (
    Briefing,
    compared_features,
    headline,
    known_sentence,
    monday,
    number,
    percent,
    render,
)
from segments.config.columns import Label
from segments.identity.descriptors import descriptor_tests, segment_descriptors
from segments.identity.profiles import make_up, segment_profiles
from segments.identity.rules import plain_rules, reasons
from segments.io.plots.style import PALETTE, png
from small_project import SmallProject

NASTY = '<script>alert("x")</script> & "quoted"'
CHOICE = {"candidate_id": "c1", "rule": "The rule.", "reason": "The reason."}


def briefing(names: list[str] | None = None, level: str = "south", **changes: Any) -> Briefing:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [40, 20]).astype(np.int32)
    features = pd.DataFrame(
        {
            "customer_id": [f"customer-{i}" for i in range(60)],
            "frequency": rng.poisson(3, 60) + 20.0 * (labels == 0),
            "monetary": rng.lognormal(3, 1, 60),
            "coupon_share": rng.uniform(size=60) * 0.1 * (1 + labels),
            "region": pd.Series(rng.choice(["north", level], 60), dtype="string").where(rng.uniform(size=60) < 0.5),
        }
    )
    names = names or ["frequent guests", "rare guests"]
    columns = ["frequency"]
    X = features[columns].to_numpy()
    centres = np.array([[X[labels == c].mean()] for c in range(2)])
    given: dict[str, Any] = {
        "title": "Who our guests are",
        "description": "An inn",
        "as_of": "2024-01-31",
        "labels": {"monetary": Label(unit="€")},
        "customers": 60,
        "choice": CHOICE,
        "swept": "12 candidates",
        "colours": PALETTE[:2],
        "profiles": segment_profiles(features, labels, names),
        "descriptors": segment_descriptors(features, labels, names, columns),
        "tests": descriptor_tests(features, labels, columns),
        "make_up": make_up(features, labels, names),
        "reasons": reasons(X, labels, centres, columns, names),
        "rules": plain_rules(features, labels, columns, 2).to_plain(),
        "pictures": {"heat_map": png(Figure()), "radar_0": png(Figure())},
    }
    return Briefing(**(given | changes))


class Page(HTMLParser):
    """Tags, and the text a reader sees."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.seen = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"{tag} closes what is not open"

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.seen += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def test_it_says_who_the_segments_are() -> None:
    page = Page(render(briefing()))
    assert page.open == []
    for said in (
        "Two kinds of customers",
        "frequent guests",
        "rare guests",
        "40",
        "20",
        "orders above",
        "12 candidates",
        "The rule.",
        "The reason.",
        "An inn, as of 2024-01-31",
    ):
        assert said in page.seen, said


def test_who_chose_is_not_said_to_be_the_rule() -> None:
    """A person's candidate need not have the best evidence, nor pass any test."""
    person = {"by": "Ann", "because": "six campaigns.", "at": "2024-02-01", "candidate_id": "c2", "name": "x"}
    for rule, said in (("c2", "takes others."), ("c1", "takes the same."), (None, "takes none.")):
        choice = CHOICE | {"overruled": person | {"candidate_id": rule}}
        seen = Page(render(briefing(choice=choice))).seen
        assert f"12 candidates were compared. Ann chose these segments: six campaigns. The rule {said}" in seen
        assert "best evidence" not in seen
    assert "these segments have the best evidence" in Page(render(briefing())).seen


def test_what_sets_them_apart_is_said_in_figures_that_differ() -> None:
    """Ranks differ where medians do not: three of four bought once here, all of them there."""
    labels = np.repeat([0, 1], 40).astype(np.int32)
    features = pd.DataFrame(
        {"customer_id": [str(i) for i in range(80)], "frequency": [1.0] * 40 + [1.0, 1.0, 1.0, 5.0] * 10}
    )
    features["skewed"] = np.r_[np.full(40, 2.0), np.tile([2.0, 2.0, 1.0, 2.0, 2.0, 2.0, 1.0, 90.0], 5)]
    page = render(briefing(profiles=segment_profiles(features, labels, ["rare", "often"]), descriptors=segment_descriptors(features, labels, ["rare", "often"], ["frequency"]),
        tests=descriptor_tests(features, labels, ["frequency"]), make_up=make_up(features, labels, ["rare", "often"])))  # fmt: skip
    seen = Page(page).seen
    assert (
        "orders: low, on average 1; all customers 1.5" in seen
        and "orders: high, on average 2; all customers 1.5" in seen
    )
    assert "skewed: low" not in seen, "its mean says the contrary of its ranks"


def test_what_decided_reads_as_a_level_of_a_category() -> None:
    own = pd.DataFrame(
        {"segment": "frequent guests", "first_feature": ["frequency", "region"], "first_side": ["high", "south"]}
    )
    seen = Page(render(briefing(reasons=own))).seen
    assert "higher orders for 50 %; region south for 50 %" in seen


def test_what_the_data_say_is_escaped() -> None:
    text = render(
        briefing([NASTY, "rare guests"], level=NASTY, title=NASTY, description=NASTY, choice=CHOICE | {"reason": NASTY})
    )
    assert "<script" not in text
    page = Page(text)
    assert NASTY in page.seen
    assert page.all("script") == []
    assert page.open == []


def test_it_loads_nothing() -> None:
    text = render(briefing())
    page = Page(text)
    [policy] = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    addresses = [
        value or ""
        for _, attrs in page.tags
        for key, value in attrs.items()
        if key in ("src", "href", "srcset", "action")
    ]
    assert addresses
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert re.findall(r"https?:|url\(|@import", text) == []


def test_pictures_have_words_tables_have_headers_and_sections_are_reached() -> None:
    page = Page(render(briefing()))
    assert len(page.all("img")) == 2
    assert all(len(image["alt"] or "") > 10 for image in page.all("img"))
    assert all(head.get("scope") in ("col", "row") for head in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    assert {(link["href"] or "").removeprefix("#") for link in page.all("a")} <= ids
    assert page.all("html")[0]["lang"] == "en"


def test_no_customer_is_named() -> None:
    assert "customer-" not in render(briefing())


def test_what_is_not_made_yet_is_named_with_its_command() -> None:
    text = render(briefing())
    for command in ("playbook", "prediction", "evidence"):
        assert text.count(f"<code>segments {command}</code>") == 1
    play = {
        "name": "Welcome back",
        "goal": "Return",
        "do": ["Write"],
        "avoid": ["Shout"],
        "channel": "post",
        "offer": "soup",
        "kpi": "visits",
    }
    value = {"churn_risk": 0.25, "expected_value": 1234.0, "at_risk_revenue": 99.0}
    forecast = {"horizon_days": 45, "plain": ["Judged by how long ago."], "recommendation": ["Use it."]}
    full = briefing(
        playbooks=[play] * 2,
        value=[value] * 2,
        forecast=forecast | {"segments_help": ["No: use one model."]},
        evidence={"grade": "reproducible", "reason": "It comes back."},
    )
    seen = Page(render(full)).seen
    for said in (
        "Welcome back",
        "Not: Shout",
        "25 %",
        "€1,234",
        "reproducible.",
        "in 45 days, in all",
    ):
        assert said in seen, said
    for said in ("Judged by how long ago.", "Use it.", "No: use one model.", "found again when other customers"):
        assert said in seen, said
    assert "segments playbook" not in seen
    tenths = [{"customers": 20, "forecast": 12_300.0, "came": 11_900.0}]
    partly = replace(full, value=[{"expected_value": 1234.0}] * 2, forecast=full.forecast | {"tenths": tenths})
    text = render(partly)
    seen = Page(text).seen
    assert "€1,234" in seen and "€12,300" in seen and "€11,900" in seen
    # A currency that is a word stands behind its amount, everywhere.
    by_word = render(replace(full, labels={"monetary": Label(unit="EUR")}))
    assert ">1,234 EUR<" in by_word and ">99 EUR<" in by_word and "EUR1,234" not in by_word
    silent = play | {"name": "No playbook", "do": [], "avoid": [], "channel": "", "offer": "", "kpi": ""}
    assert "Channel" not in Page(render(replace(full, playbooks=[silent] * 2))).seen
    assert "isk of leaving" not in text and "at risk" not in text, "what cannot be foreseen is nowhere"
    neither = render(replace(full, value=[{}] * 2))
    assert "Judged by how long ago." in Page(neither).seen and "Expected in the next" not in neither
    seen = Page(render(briefing(why_no_forecast="there are no purchases"))).seen
    assert "not shown: there are no purchases" in seen
    assert "segments prediction" not in seen


def test_a_source_without_money_categories_or_purchases() -> None:
    full = briefing()
    bare = replace(
        full,
        profiles=full.profiles.drop(columns=["revenue", "revenue_share"]),
        tests=full.tests[full.tests["kind"] == "number"],
        make_up=full.make_up.head(0),
        pictures={},
        as_of=None,
    )
    page = Page(render(bare))
    assert "these data have no revenue" in page.seen
    assert "Who they are" not in page.seen
    assert "Beside RFM" not in page.seen
    assert "per customer" not in page.seen


def test_what_differs_little_is_folded_away_and_scores_are_no_features() -> None:
    """Of what was not clustered on, `visits` and its score differ much, `shoe` does not, `days` is what was clustered on again."""
    rng, labels = np.random.default_rng(1), np.repeat([0, 1], 50).astype(np.int32)
    visits = rng.normal(size=100) + 3.0 * (labels == 0)
    made_from = rng.normal(size=100) + 3.0 * (labels == 0)
    table = pd.DataFrame(
        {
            "made_from": made_from,
            "days": 2 * made_from,
            "visits": visits,
            "r_score": pd.qcut(visits, 5, labels=False) + 1.0,
            "shoe": rng.normal(size=100),
        }
    )
    names = ["often", "seldom"]
    tests = descriptor_tests(table, labels, ["made_from"])
    assert compared_features(tests, 9) == ["made_from", "visits", "shoe"]
    full = briefing(
        names,
        tests=tests,
        descriptors=segment_descriptors(table, labels, names, ["made_from"]),
        profiles=segment_profiles(table.assign(monetary=1.0), labels, names),
    )
    page = Page(render(full)).seen
    message, folded = page.split("What differs little, or says the same in other words")
    message = message.split("largest effect first")[1]
    assert "visits" in message and not any(word in message for word in ("shoe", "days", "recency score"))
    folded = folded.split("All features in all segments")[0]
    assert all(word in folded for word in ("shoe", "days", "recency score"))
    cards = page.split("What decided")[0]
    assert "visits: high" in cards and "recency score" not in cards


def test_what_it_is_worth_stands_before_the_figures_behind_it() -> None:
    sections = [attrs["id"] for _, attrs in Page(render(briefing())).tags if "id" in attrs]
    assert sections == ["monday", "segments", "next", "compared", "people", "differences", "chosen", "glossary"]


PLAY = {
    "key": "welcome",
    "name": "Welcome back",
    "goal": "Return",
    "do": ["Write"],
    "avoid": [],
    "channel": "post",
    "offer": "€5 off",
    "kpi": "visits",
}
AHEAD = {"horizon_days": 365, "plain": [], "recommendation": [], "segments_help": []}


def test_mondays_table_begins_with_what_is_most_at_stake() -> None:
    value = [
        {"churn_risk": 0.5, "expected_value": 100.0, "at_risk_revenue": 9.0},
        {"churn_risk": 0.25, "expected_value": 64.0, "at_risk_revenue": 30.0},
    ]
    full = briefing(
        playbooks=[PLAY, PLAY | {"name": "Upsell", "key": "upsell"}],
        value=value,
        forecast=AHEAD,
        segment_ids=["S4", "S7"],
    )
    rows = monday(full)
    assert [(row["id"], row["size"], row["stake"]) for row in rows] == [("S7", 20, 30.0), ("S4", 40, 9.0)]
    assert [row["lifetime"] for row in rows] == [64 + 48 + 36, 100 + 50 + 25]
    assert rows[0]["command"] == "segments export campaign=upsell-S7 segment=S7"
    table = Page(render(full)).seen.split("What to do on Monday")[2].partition("The segments")[0]
    assert table.index("S7 rare guests") < table.index("S4 frequent guests")
    for said in (
        "€30",
        "25 % leave",
        "€148",
        "Upsell. Write",
        "€5 off",
        "segments export campaign=welcome-S4 segment=S4",
    ):
        assert said in table, said
    assert [row["id"] for row in monday(briefing())] == ["S1", "S2"]  # nothing foreseen: the largest first


def test_what_a_manager_reads_of_doubt_playbooks_traits_and_the_last_month() -> None:
    overlays = pd.DataFrame(
        {
            "overlay": "dear",
            "label": "price-sensitive",
            "means": "discounts: the highest 20 %",
            "offer": "a promotion",
            "segment_id": ["S1", "S2"],
            "segment": ["a", "b"],
            "customers": [7, 5],
            "share": [0.175, 0.25],
        }
    )
    month = {
        "membership": "then",
        "period": "2024-01",
        "segment_id": "S1",
        "segment": "frequent guests",
        "churned": 3,
        "won_back": 2,
    }
    month |= {
        "members": 40,
        "active_customers": 30,
        "revenue": 500.0,
        "visits": 60,
        "members_change": 0.25,
        "active_customers_change": np.nan,
        "revenue_change": -0.1,
        "visits_change": 0.0,
    }
    light = {
        "metric": "revenue",
        "segment": "frequent guests",
        "bound": "at least",
        "target": 600.0,
        "light": "missed",
        "value": 500.0,
    }
    full = briefing(
        playbooks=[PLAY] * 2,
        firmness="Not firm: with scaler X the segments become largely others (agreement 0.2).",
        unfit={"Promotions": "no segment has high discount share"},
        overlays=overlays,
        performance=pd.DataFrame([month]),
        targets=pd.DataFrame([light]),
        movers=pd.DataFrame([{"customers": 4, "from_segment": "rare guests", "to_segment": "frequent guests"}]),
        last_period="2024-01",
    )
    seen = " ".join(Page(render(full)).seen.split())
    for said in (
        "Not firm. With scaler X the segments become largely others.",
        "No segment has: Promotions (no segment has high discount share).",
        "price-sensitive, 12",
        "segments export campaign=dear overlay=dear",
        "How it went in 2024-01",
        "€500 (-10 %)",
        "■ revenue of frequent guests at least €600: missed (€500)",
        "4 from “rare guests” to “frequent guests”",
    ):
        assert said in seen, said
    assert "Not firm" not in Page(render(briefing(firmness="Firm: it stays."))).seen


def test_what_the_segments_explain_of_the_time_after_is_said_where_it_is_known() -> None:
    said = "Of the time after its segments explain 18 % of spend (15 to 21)."
    assert said in Page(render(briefing(useful=said))).seen
    assert "time after" not in Page(render(briefing())).seen


def test_three_cards_stand_in_a_row() -> None:
    assert 'class="cards"' in render(briefing())
    rng, labels = np.random.default_rng(0), np.arange(60, dtype=np.int32) % 3
    table = pd.DataFrame({"frequency": rng.normal(size=60) + labels, "monetary": 1.0})
    names = ["a", "b", "c"]
    three = briefing(
        colours=PALETTE[:3],
        profiles=segment_profiles(table, labels, names),
        descriptors=segment_descriptors(table, labels, names, ["frequency"]),
        tests=descriptor_tests(table, labels, ["frequency"]),
        rules=plain_rules(table, labels, ["frequency"], 2).to_plain(),
    )
    assert 'class="cards threes"' in render(three)


def test_a_segment_without_a_rule_says_so() -> None:
    full = briefing()
    rules = json.loads(json.dumps(full.rules))
    rules["segments"][1] = []
    assert "No rule of this few questions tells them from the others." in Page(render(replace(full, rules=rules))).seen


def test_equal_input_gives_equal_text() -> None:
    assert render(briefing()) == render(briefing())


def test_the_headline_without_money_names_the_largest() -> None:
    table = pd.DataFrame({"segment": ["a", "b", "c"], "share": [0.2, 0.5, 0.3]})
    assert headline(table) == "Three kinds of customers: the most, 50 %, are “b”."
    assert headline(pd.concat([table] * 5, ignore_index=True)).startswith("15 kinds")


def test_who_is_known_is_counted_per_segment() -> None:
    """Of 60, half are known for one of two descriptors: the sentence takes each segment's better known one."""
    people = pd.DataFrame(
        {
            "customer_id": list("abcd"),
            "x": pd.Series(["1", None, None, None], dtype="string"),
            "y": pd.Series(["1", "1", None, "1"], dtype="string"),
        }
    )
    rows = make_up(people, np.array([0, 0, 1, 1], dtype=np.int32), ["p", "q"])
    assert known_sentence(rows, 4).startswith(
        "Of 4 customers, 3 are known by at least one of these: from 50 % of “q” to 100 % of “p”."
    )
    assert known_sentence(rows[rows["descriptor"] == "y"], 3) == "Known for all 3 customers."


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.0, "0 %"), (0.0004, "0.0 %"), (0.5, "50 %"), (0.9999, "100.0 %"), (1.0, "100 %"), (np.nan, "–")],
)
def test_percentages(share: float, said: str) -> None:
    assert percent(share) == said


@pytest.mark.parametrize(
    ("feature", "value", "said"),
    [
        ("trend", -0.051, "−0.05"),
        ("x", 54.0, "54"),
        ("coupon_share", 0.004, "0.4 %"),
        ("spend_on_fuel", 0.5, "50 %"),
        ("x", np.nan, "–"),
        ("x", 12345.6, "12,346"),
    ],
)
def test_figures(feature: str, value: float, said: str) -> None:
    assert number(feature, value) == said


# --- the stage ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_stage_on_the_mall_data(reproduced: SmallProject) -> None:
    """No purchases, no revenue, no RFM: the report is whole without them, and so is what the profiles stage wrote."""
    made = {path.name for path in (reproduced / "artifacts/briefing").iterdir()}
    assert {"report.html", "heat_map.png", "snake.png", "radar_0.png", "make_up.png"} <= made
    assert "bubble.png" not in made
    page = Page((reproduced / "artifacts/briefing/report.html").read_text())
    names = json.loads((reproduced / "artifacts/profiles/segments.json").read_text())["names"]
    assert all(name in page.seen for name in names)
    assert "Beside RFM" not in page.seen
    profiles = {path.name for path in (reproduced / "artifacts/profiles").iterdir()}
    assert not any("rfm" in name for name in profiles)
    tests = reproduced.table("profiles/tests.parquet").set_index("feature")
    assert tests.loc["gender", "role"] == "descriptor"
    assert 0 <= tests.loc["gender", "p_holm"] <= 1
    stored = reproduced.table("profiles/segments.parquet")
    assert reproduced.table("profiles/reasons.parquet")["segment"].tolist() == stored["segment"].tolist()


@pytest.mark.slow
def test_when_nothing_is_chosen_no_old_report_is_left(small_project: Callable[[], SmallProject]) -> None:
    project = small_project()
    for stage in ("selection", "profiles", "briefing"):
        project.run("segments", stage, "selection.min_silhouette=0.99")
    assert [path.name for path in (project / "artifacts/briefing").iterdir()] == ["briefing.json"]
    assert sorted(path.name for path in (project / "artifacts/profiles").iterdir()) == ["metrics.json", "segments.json"]


# --- in a browser ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Any:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=machine.chromium(), args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_opens_it_from_disk(browser: Any, tmp_path: Path, scheme: str, width: int) -> None:
    """Nothing is asked for but the file, nothing is complained about, the text stands on its own ground and nothing spills over."""
    file = tmp_path / "report.html"
    file.write_text(render(briefing(["frequent, high-spending, long-standing guests", NASTY])), encoding="utf-8")
    asked, complaints = [], []
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.goto(file.as_uri())
    assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()]
    assert complaints == []
    assert page.get_by_role("heading", name="The segments", exact=True).is_visible()
    assert NASTY in page.locator("article").nth(1).inner_text()
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    contrast = page.evaluate(CONTRAST)
    assert contrast >= 4.5, f"contrast {contrast:.1f}"
    context.close()


@pytest.mark.browser
def test_it_prints_on_six_pages_and_splits_no_card(browser: Any, tmp_path: Path) -> None:
    k = 8
    rng, labels = np.random.default_rng(0), np.arange(160, dtype=np.int32) % k
    table = pd.DataFrame({f"feature_{i}": rng.normal(size=160) + labels * (i % 3) for i in range(9)}).assign(
        monetary=1.0
    )
    names = [f"soon-returning, many-store customers {i}" for i in range(k)]
    picture = png(Figure(figsize=(9, 6)))
    value = {"churn_risk": 0.25, "expected_value": 64.0, "at_risk_revenue": 30.0}
    full = briefing(
        colours=PALETTE[:k],
        profiles=segment_profiles(table, labels, names),
        descriptors=segment_descriptors(table, labels, names, ["feature_1"]),
        tests=descriptor_tests(table, labels, ["feature_1"]),
        rules=plain_rules(table, labels, ["feature_1"], 2).to_plain(),
        playbooks=[
            PLAY | {"do": ["Write to them, and ask what they miss, once and no more"] * 3, "avoid": ["Shout"] * 2}
        ]
        * k,
        value=[value] * k,
        forecast=AHEAD,
        unfit={f"Playbook {i}": "no segment has what it asks for, in so many words" for i in range(10)},
        pictures=dict.fromkeys(("heat_map", "snake", "bubble", "certainty", "make_up"), picture),
    )
    file = tmp_path / "report.html"
    file.write_text(render(full), encoding="utf-8")
    page = browser.new_page(viewport={"width": 703, "height": 1032})  # A4 without its margins
    page.goto(file.as_uri())
    printed = page.pdf(prefer_css_page_size=True)
    assert 2 <= len(re.findall(rb"/Type\s*/Page(?![s\w])", printed)) <= 6
    page.emulate_media(media="print")
    whole = "[...document.querySelectorAll('.card, figure, tr')].filter(one => one.checkVisibility())"
    heights = page.evaluate(f"{whole}.map(one => one.getBoundingClientRect().height)")
    assert len(heights) > k and max(heights) < 1032
    assert page.evaluate(f"{whole}.every(one => getComputedStyle(one).breakInside === 'avoid')")
    page.close()


CONTRAST = """() => {
  const light = text => { const [r, g, b] = text.match(/[\\d.]+/g).map(x => { x = +x / 255; return x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4; });
    return .2126 * r + .7152 * g + .0722 * b; };
  const ratio = (a, b) => (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  const worst = [];
  for (const [text, ground] of [['p.source', 'body'], ['.headline', 'body'], ['.card h4', '.card'], ['.card .soft', '.card'], ['nav a', 'body']])
    worst.push(ratio(light(getComputedStyle(document.querySelector(text)).color), light(getComputedStyle(document.querySelector(ground)).backgroundColor)));
  return Math.min(...worst);
}"""

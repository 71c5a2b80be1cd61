"""Results in words: what a person reads in MLflow and at the end of `make repro`."""

from __future__ import annotations

import pandas as pd

from segments.config.evidence import SelectionConfig
from segments.evidence.selection import choose
from segments.io.records import notes
from small_results import candidates, profiles


def test_the_sweeps_note_leads_with_the_reason_and_lists_finalists_and_segments() -> None:
    choice = choose(candidates(), SelectionConfig()).to_plain()
    note = notes.sweep_note(choice, candidates(), profiles())
    assert note.startswith(
        "**rfm · robust · k=3 is chosen: 3 segments, graded reproducible. Of 3 candidates 2 pass the gates; "
    )
    assert "of these one has the highest excess (0.125 ± 0.010)" in note.splitlines()[0]
    assert (
        "- Runner-up: rfm · robust · k=4 (reproducible, 0.113 ± 0.010)." in note.split("### The figures behind it")[1]
    )
    assert "| rfm · robust · k=4 | reproducible | – | – | 0.113 ± 0.010 | 0.90 | 0.2500 |" in note
    assert "| candidate | grade | useful | firm | excess | Jaccard | silhouette over all features |" in note
    assert "The excess is the silhouette less that of data without clusters" in note
    assert (
        "data without clusters (a Gaussian copula with the data's columns, each made one-peaked, the unimodal null)"
        in note
    )
    assert "| frequent customers | 1,500 | 60.0% |" in note
    assert "revenue" not in note.split("### Elbows")[0]


def test_revenue_stands_where_money_is_known() -> None:
    choice = choose(candidates(), SelectionConfig()).to_plain()
    rich = profiles().assign(revenue_share=[0.9, 0.1])
    assert "| rare customers | 969 | 40.0% | 10.0% |" in notes.sweep_note(choice, candidates(), rich)
    assert "90.0% of revenue" in notes.summary("mall", choice, candidates(), rich, {})


def test_what_is_predicted_stands_where_it_is_known() -> None:
    choice = choose(candidates(), SelectionConfig()).to_plain()
    ahead = profiles().assign(
        churn_risk=[0.028, 0.144], expected_value=[101840.4, 49081.0], at_risk_revenue=[17.0, 2.4]
    )
    note = notes.sweep_note(choice, candidates(), ahead)
    assert (
        "| segment | customers | share | risk of leaving | expected value | revenue at risk |\n|---|---|---|---|---|---|\n"
        in note
    )
    assert "| frequent customers | 1,500 | 60.0% | 2.8% | 101,840 | 17 |" in note
    assert "14.4% risk of leaving" in notes.summary("mall", choice, candidates(), ahead, {})


def test_what_cannot_be_foreseen_is_said() -> None:
    choice = choose(candidates(), SelectionConfig()).to_plain()
    said = "The risk of leaving is not shown: no model is better."
    assert said in notes.sweep_note(choice, candidates(), profiles(), not_foreseen=[said]).splitlines()
    whose = "these are the 5 customers of the sample, of 9 on the engine"
    swept = notes.sweep_note(choice, candidates(), profiles(), sampled=whose)
    summed = notes.summary("mall", choice, candidates(), profiles(), {}, sampled=whose)
    assert [text.count(f"; {whose}") for text in (swept, summed)] == [1, 1]
    assert f"\nAhead   {said}" in notes.summary("mall", choice, candidates(), profiles(), {}, not_foreseen=[said])


def test_when_nothing_passed_the_note_says_what_came_closest() -> None:
    choice = choose(candidates(), SelectionConfig(min_silhouette=0.9)).to_plain()
    note = notes.sweep_note(choice, candidates(), None)
    assert choice["reason"] in note
    assert "### What came closest" in note
    assert "### Segments" not in note


def test_the_summary_says_what_was_swept_chosen_and_registered() -> None:
    choice = choose(candidates(), SelectionConfig()).to_plain()
    receipt = {"name": "customer-segments", "alias": "champion", "version": "3", "verdict": "the first one"}
    text = notes.summary("mall", choice, candidates(), profiles(), receipt)
    assert "3 candidates (1 feature set × 1 scaler × k 3–5) on 2,469 customers" in text
    assert "models:/customer-segments@champion (version 3): the first one" in text
    named = notes.summary("mall", choice, candidates(), profiles(), receipt, segment_ids=["S2", "S1"])
    assert "        S2  frequent customers      1,500 customers   60.0%" in named


def test_the_note_and_the_summary_say_how_firm_it_is() -> None:
    choice = choose(candidates(), SelectionConfig()).to_plain()
    said = "Not firm: without trend the segments become largely others."
    assert notes.sweep_note(choice, candidates(), profiles(), said).splitlines()[2] == said
    assert f"Firm?   {said}" in notes.summary("mall", choice, candidates(), profiles(), {}, said)
    assert "Firm?" not in notes.summary("mall", choice, candidates(), profiles(), {})


def test_the_note_and_the_summary_say_how_useful_it_is() -> None:
    known = {"usefulness": 0.25, "usefulness_error": 0.01, "useful_visits": 0.3, "useful_visits_error": 0.02}
    table = candidates().assign(**known, agreement_min=0.55, hangs_on="scaler robust", firm=True)
    choice = choose(table, SelectionConfig()).to_plain()
    said = "Of the time after its segments explain 30 % of visits (26 to 34)."
    note = notes.sweep_note(choice, table, profiles())
    assert note.splitlines()[2] == said
    assert "| rfm · robust · k=4 | reproducible | 0.250 ± 0.010 | 0.55 | 0.113 ± 0.010 |" in note
    assert f"Useful? {said}" in notes.summary("mall", choice, table, profiles(), {})
    assert "Useful?" not in notes.summary("mall", choice, candidates(), profiles(), {})


def test_the_model_card_says_what_a_user_must_know() -> None:
    choice = choose(candidates(), SelectionConfig()).to_plain()
    row = candidates().assign(algorithm="kmeans").iloc[0].to_dict()
    data = {"source": "shop", "customers": 2469, "hash": "a" * 64, "raw": ["data/shop/log.csv"], "as_of": "2024-06-30"}
    card = notes.model_card(
        choice, row, profiles(), ["recency_days", "monetary"], data, "Firm: nothing moves them.", "segments fit k=3"
    )
    titles = ["Data", "Features and k", "Evidence", "Limits", "Intended use", "Made again"]
    assert [line[4:] for line in card.splitlines() if line.startswith("### ")] == titles
    assert "2,469 customers of shop as of 2024-06-30, feature table `aaaaaaaaaaaa`, from data/shop/log.csv." in card
    assert "`recency_days`, `monetary`, in original units" in card
    assert "feature set rfm, scaler robust, k = 3, kmeans" in card
    assert "| 0 | frequent customers | 1,500 | 60.0% |" in card
    assert (
        "Reproducible: silhouette 0.5000 (over all features 0.2500), 0.125 above data without clusters (z 5.0) against the unimodal model"
        in card
    )
    assert "Firm: nothing moves them." in card
    assert "By `segments fit k=3`" in card and "sample" not in card
    everybody = data | {"everybody": "the centres are those of all 20,000 customers"}
    card = notes.model_card(choice, row, profiles(), ["recency_days"], everybody)
    assert "log.csv. They are the sample of a larger table; the centres are those of all 20,000 customers.\n" in card


def test_the_card_of_many_segments_is_one_a_database_takes() -> None:
    """PostgreSQL's column holds 5,000 signs, and who put it in use is added."""
    choice = choose(candidates(), SelectionConfig()).to_plain()
    row = candidates().assign(algorithm="kmeans").iloc[0].to_dict()
    data = {"source": "shop", "customers": 2469, "hash": "a" * 64, "raw": ["data/shop/log.csv"], "as_of": None}
    many = pd.concat([profiles().assign(segment="rare customers who buy a lot of many things at once")] * 6)
    columns = [f"a_column_of_a_long_name_{i}" for i in range(10)]
    assert len(notes.model_card(choice, row, many, columns, data, "Firm. " * 50, "segments fit " + "a=b " * 60)) < 4400

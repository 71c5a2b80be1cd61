"""Versions over time, as people make them: by the rule, by hand, renamed, rolled back, promoted again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
import yaml

from small_project import SmallProject

pytestmark = pytest.mark.slow
NAMED = ("selection", "identity", "profiles", "registry")  # what a version's members, names and verdict come from


def aliases(project: SmallProject) -> dict[str, str]:
    found = project.client().get_registered_model("customer-segments").aliases
    return {alias: str(number) for alias, number in found.items()}


def receipt(project: SmallProject) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project / "artifacts/registry/receipt.json").read_text())
    return found


def segments(project: SmallProject) -> dict[str, str]:
    table = project.table("profiles/segments.parquet")
    return dict(sorted(set(zip(table["segment_id"], table["segment"], strict=True))))


def test_a_life_of_a_champion(small_project: Callable[[], SmallProject]) -> None:
    project = small_project()
    first, names = project.champion(), segments(project)
    project.run("segments", "rename", min(names), "Somebody", "--because", "to see what follows from it")
    assert project.would_run()[0] == "identity"
    project.run("git", "checkout", "--", "conf")
    candidates = project.table("sweep/candidates.parquet")
    other = candidates[(candidates["candidate_id"] != first) & (candidates["k"] == 4)]["candidate_id"].iloc[0]

    # By hand: recorded with who and why, carried out by the pipeline, promoted though the rule says otherwise.
    assert "--because is missing" in project.run("segments", "select", other, fails=True)
    assert "chosen by A Tester" in project.run("segments", "select", other[:10], "--because", "four teams")
    message = yaml.safe_load((project / "conf/decisions.yaml").read_text())["selected"]["mall"]
    assert (message["candidate_id"], message["by"], message["because"]) == (other, "A Tester", "four teams")
    assert project.would_run()[0] == "sensitivity"  # a person's choice is tried too
    project.go_on("selection")
    assert (aliases(project), project.champion()) == ({"champion": "2", "previous": "1"}, other)
    why = f"chosen by hand ({message['at']} by A Tester: four teams)"
    tags = project.client().get_model_version("customer-segments", "2").tags
    event = json.loads((project / "record/versions/history.json").read_text())[-1]
    assert receipt(project)["verdict"] == tags["segments.verdict"] == event["because"] == why
    assert tags["segments.promoted_by"] == event["by"] == "A Tester"
    assert project.client().get_model_version("customer-segments", "1").tags["segments.promoted_by"] == "the rule"
    assert "because four teams" in project.run("segments", "summary")

    # Who moved between the two: only the model changed.
    said = project.run("segments", "migration", "from=1", "to=2")
    assert "version 1 -> version 2" in said
    counts = json.loads((project / "artifacts/migration/migration.json").read_text())["counts"]
    assert counts["customer"] == 0
    assert sum(project.table("migration/moved.parquet")["customer_id"].duplicated()) == 0

    # Back again; the version that was rolled back does not return by itself.
    project.run("segments", "rollback", "--because", "the printers are late")
    assert (aliases(project), project.champion()) == ({"champion": "1"}, first)
    project.run("segments", "registry")
    assert aliases(project) == {"champion": "1", "challenger": "2"}
    assert "it was rolled back" in receipt(project)["verdict"]
    # Lists are of the segments in use, with what was to be done with them, whatever the last run chose.
    said = project.run(
        "segments", "export", "now.csv", "campaign=now", "columns=[customer_id,segment_id,segment,action]"
    )
    assert f"the segments in use, candidate {first}; the last run chose {other}" in said
    listed = pd.read_csv(project / "now.csv")
    assert dict(zip(listed["segment_id"], listed["segment"], strict=True)) == names
    assert len(listed) == 200
    assert "action" in listed
    (project / "now.csv").unlink()
    said = project.run("segments", "rollback", fails=True)
    assert "replaced no other" in said
    assert "`segments promote VERSION --because WHY`: 2" in said
    project.run("segments", "promote", "2", "--because", "they came")
    assert aliases(project) == {"champion": "2", "previous": "1"}
    assert "the last run chose" not in project.run("segments", "export", "then.csv", "campaign=then")
    assert set(pd.read_csv(project / "then.csv")["segment"]) == set(segments(project).values())
    (project / "then.csv").unlink()

    # A name that a person gave follows the segment into the next version.
    here = segments(project)
    assert "there is no segment 'S99'" in project.run("segments", "rename", "S99", "x", "--because", "y", fails=True)
    known = list(here)
    taken = project.run("segments", "rename", known[0], here[known[1]], "--because", "y", fails=True)
    assert f"is taken by {known[1]}" in taken
    for other in (f" {here[known[1]].upper()}", known[1].lower(), "All"):
        refused = project.run("segments", "rename", known[0], other, "--because", "y", fails=True)
        assert "is taken by" in refused or "means something else" in refused
    project.run("segments", "rename", known[0], "Sunday shoppers", "--because", "they come on Sundays")
    project.go_on("identity", only=NAMED)
    assert segments(project) == {**here, known[0]: "Sunday shoppers"}
    assert aliases(project) == {"champion": "3", "previous": "2"}
    assert receipt(project)["verdict"] == why

    # The choice goes back to the rule: the same people keep id and name where their segment still is.
    project.run("segments", "select", "rule")
    project.go_on("selection", only=NAMED)
    now = segments(project)
    assert now.get(known[0], "Sunday shoppers") == "Sunday shoppers"
    assert set(now) & set(names)

    # A lost registry gets its history back.
    before = aliases(project)
    for path in project.root.glob("mlflow.db*"):
        path.unlink()
    assert "registered versions" in project.run("segments", "track")
    assert aliases(project)["champion"] == before["champion"]
    assert "holds" in project.run("segments", "verify", before["champion"])
    run = project.client().get_model_version_by_alias("customer-segments", "champion").run_id
    beside = {item.path for item in project.client().list_artifacts(run)}
    assert {"briefing", "playbook", "profiles"} <= beside, "what people read about it is there again too"


def test_a_challenger_that_is_worse_waits(small_project: Callable[[], SmallProject]) -> None:
    project = small_project()
    before = project.champion()
    project.edit(
        "conf/config.yaml",
        {
            "metric: silhouette_reference": "metric: z_wcss",
            "tolerance: 2.0": "tolerance: 0.0",
            "min_k: 3": "min_k: 4",
        },
    )
    project.go_on("selection", only=NAMED)
    if receipt(project)["candidate_id"] == before:
        pytest.fail("the rule was to choose another one here")
    score = project.table("selection/candidates.parquet").set_index("candidate_id")["silhouette_reference"]
    worse = score[receipt(project)["candidate_id"]] < score[before]
    assert receipt(project)["alias"] == ("challenger" if worse else "champion")
    assert receipt(project)["verdict"].startswith("worse" if worse else "not worse")
    assert project.champion() == (before if worse else receipt(project)["candidate_id"])

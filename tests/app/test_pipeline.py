"""The pipeline as a person runs it: `dvc repro` on real customers, again, after an edit, in another folder, without its record."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest

import machine
from segments.app.commands import summary
from segments.app.load import load
from segments.app.stages import selection
from segments.io.store import catalog
from segments.model.of_record import FitOfRecord
from small_project import LIMIT, STAGES, SmallProject, digest, expected_grid, ran

pytestmark = pytest.mark.slow
GRID = expected_grid(["income_spending", "age_income"], ["quantile", "none"], range(2, 5))
NAMES = "candidate_id source feature_set scaler algorithm k seed n_customers wcss silhouette davies_bouldin calinski_harabasz smallest_share"
COMPUTED = [
    "data",
    "features",
    "explore",
    "sweep",
    "selection",
    "profiles",
    "briefing",
]  # no run id or version number in these


# --- from nothing, and again -------------------------------------------------------------------------------------------


def test_from_nothing_to_a_registered_model(reproduced: SmallProject) -> None:
    table = reproduced.table("sweep/candidates.parquet")
    assert set(NAMES.split()) <= set(table.columns)
    assert sorted(zip(table["feature_set"], table["scaler"], table["k"], strict=True)) == GRID
    assert reproduced.tracked() == GRID
    assert {len(reproduced.runs(kind)) for kind in ("curve", "sweep")} == {4, 1}
    choice = json.loads((reproduced / "artifacts/selection/choice.json").read_text())
    assert reproduced.champion() == choice["candidate_id"]
    assert "customer-segments@champion" in reproduced.run("segments", "summary")


def test_the_summary_for_a_machine_is_what_the_catalog_says(
    reproduced: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(reproduced.root)
    said = json.loads(summary.run(as_json=True, on_terminal=False))
    assert said["choice"] == catalog.CHOICE.plain(catalog.read(catalog.CHOICE))
    assert said["model"] == catalog.RECEIPT.plain(catalog.read(catalog.RECEIPT))
    assert said["firmness"] == catalog.read(catalog.FIRMNESS).firmness
    assert said["sweep"]["candidates"] == len(reproduced.table("sweep/candidates.parquet"))
    judged = reproduced.table("selection/candidates.parquet").set_index("candidate_id")
    assert said["scores"]["silhouette"] == judged.loc[said["choice"]["candidate_id"], "silhouette"]
    profiles, ids = reproduced.table("profiles/profiles.parquet"), catalog.read(catalog.SEGMENTS).ids
    assert [(one["segment_id"], one["segment"], one["size"]) for one in said["segments"]] == [
        (ids[row.cluster], row.segment, row.size) for row in profiles.itertuples()
    ]
    named = {column.name for column in catalog.PROFILES.columns if not column.is_family} | {"segment_id"}
    assert all(set(one) <= named for one in said["segments"])
    assert said["everybody"] is None


def test_where_a_sample_is_here_selection_and_summary_tell_of_everybody(
    reproduced: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(reproduced.root)
    fit = FitOfRecord("c0", 9, 3, {}, 2, [[0.0]], [9], 1.0, 1.0, 1.0, 0, [3], [], [0], (0.5, 0.25, 0.75))
    read, exists, made = catalog.read, catalog.exists, dict[str, Any]()
    monkeypatch.setattr(catalog, "read", lambda one: fit if one is catalog.FIT_OF_RECORD else read(one))
    monkeypatch.setattr(catalog, "exists", lambda one: one is catalog.FIT_OF_RECORD or exists(one))
    monkeypatch.setattr(catalog, "write", lambda one, what: made.update({one.file: what}))  # the folder is others' too
    monkeypatch.setattr(selection, "drawn", lambda _: {})
    monkeypatch.setattr(selection, "_of_record", lambda _config, _choice, every: every)
    selection.run(load(project=reproduced.root))
    metrics = catalog.SELECTION_METRICS.plain(made[catalog.SELECTION_METRICS.file])
    own = json.loads((reproduced / "artifacts/selection/metrics.json").read_text())
    assert {name: metrics.pop(name) for name in own} == own and not any(name.startswith("everybody_") for name in own)
    assert (metrics["everybody_customers"], metrics["everybody_silhouette_high"]) == (9, 0.75)
    assert summary.facts()["everybody"] == catalog.FIT_OF_RECORD.plain(fit)


def test_the_run_of_a_candidate_bears_the_names_of_the_table(reproduced: SmallProject) -> None:
    table = reproduced.table("sweep/candidates.parquet").set_index("candidate_id")
    for run in reproduced.runs():
        row = table.loc[run.data.tags["segments.candidate_id"]]
        for name in ("source", "feature_set", "scaler", "algorithm", "k", "seed", "n_customers"):
            assert run.data.params[name] == str(row[name])
        for name in ("wcss", "silhouette", "davies_bouldin", "calinski_harabasz", "smallest_share"):
            assert run.data.metrics[name] == row[name]
            assert [m.step for m in reproduced.client().get_metric_history(run.info.run_id, name)] == [row["k"]]


def test_the_evidence_stands_on_the_finalists_runs_and_the_sweeps(reproduced: SmallProject) -> None:
    client, [sweep] = reproduced.client(), reproduced.runs("sweep")
    choice = json.loads((reproduced / "artifacts/selection/choice.json").read_text())
    message = reproduced.table("evidence/evidence.parquet").set_index("candidate_id")
    cards = set()
    for run in reproduced.runs():
        identity, tags = run.data.tags["segments.candidate_id"], run.data.tags
        assert (tags["segments.grade"], tags["segments.why"]) == tuple(message.loc[identity, ["grade", "reason"]])
        assert tags["segments.null"] == "unimodal"
        for name in ("jaccard_min", "ari", "prediction_strength", "z_silhouette", "p_adjusted"):
            assert run.data.metrics[name] == message.loc[identity, name]
        images = [Path(image.path).name for image in client.list_artifacts(run.info.run_id, "images")]
        cards |= {identity for image in images if image.startswith("evidence+")}
    assert cards == set(choice["finalists"])
    files = {file.path for part in ("evidence", "selection") for file in client.list_artifacts(sweep.info.run_id, part)}  # fmt: skip
    assert files >= {"evidence/evidence.png", "evidence/clusters.csv", "selection/front.png", "selection/sensitivity.png"}  # fmt: skip
    assert choice["reason"] in sweep.data.tags["mlflow.note.content"]
    by_cluster = pd.read_csv(client.download_artifacts(sweep.info.run_id, "evidence/clusters.csv"))
    assert list(by_cluster.columns) == ["candidate_id", "cluster", "jaccard", "recovered", "dissolved"]
    assert by_cluster.groupby("candidate_id").size().sum() == sum(
        int(run.data.params["k"]) for run in reproduced.runs()
    )


def test_a_second_repro_runs_nothing_and_leaves_no_litter(reproduced: SmallProject) -> None:
    assert reproduced.repro() == []
    assert reproduced.changes() == ""


def test_everything_computed_again_is_byte_identical(small_project: Callable[[], SmallProject]) -> None:
    """Also by other processes, which hash otherwise: the first run computed in one, this one in three."""
    project = small_project()
    made = [*(project / "artifacts" / stage for stage in COMPUTED), project / "record/candidates"]
    before = project.digests(made)
    shutil.rmtree(project / "record/candidates")
    project.edit("conf/config.yaml", {"workers: 1": "workers: 2"})
    code = f"from segments.app.cli import main\nfor stage in {COMPUTED}:\n    assert main([stage]) == 0, stage"
    project.run(sys.executable, "-c", code)
    after = project.digests(made)
    # How long a candidate took is written down, and is never the same twice; nor is the hash of the file that holds it.
    timed = ("/candidate.json", "/manifest.json")
    assert [path for path in before if before[path] != after.get(path) and not path.endswith(timed)] == []
    assert after.keys() == before.keys()
    assert sum(path.endswith(".png") for path in before) >= 2 * len(GRID) + 5
    assert project.tracked() == GRID


# --- after an edit -------------------------------------------------------------------------------------------------------


def test_an_edit_reruns_its_stage_and_what_follows(small_project: Callable[[], SmallProject]) -> None:
    """As `dvc status` says; that `dvc repro` does so is seen where a grid grows."""
    project = small_project()
    assert project.would_run() == []
    for path, change in {
        "conf/settings/explore.yaml": {"skew: 2.0": "skew: 0.1"},
        "conf/config.yaml": {"explore: {}": "explore: {skew: 0.1}"},
    }.items():
        project.edit(path, change)
        assert project.would_run() == ["explore", "registry"]
        project.run("git", "checkout", "--", "conf")
    project.edit("conf/settings/rfm_map.yaml", {"hibernating:": "asleep:"})
    assert project.would_run() == ["profiles", "playbook", "briefing", "registry"]
    project.run("git", "checkout", "--", "conf")
    kept = project.kept()
    (project / "conf/scaler/quantile.yaml").write_text("name: quantile\nn_quantiles: 20\n")
    assert project.would_run() == STAGES[STAGES.index("sweep") :]
    project.run("segments", "sweep")
    now = project.kept()
    assert now.items() >= kept.items()
    assert len(now) == len(kept) + 6, "only the candidates of the edited scaler are new"


def test_a_grown_grid_computes_only_what_is_new_and_the_record_follows_back(
    small_project: Callable[[], SmallProject],
) -> None:
    """A feature set is one YAML and its name in a list; one more k is a number. Undone, the record is as before."""
    project = small_project()
    kept, champion = project.kept(), project.champion()
    (project / "conf/feature_set/score.yaml").write_text("name: score\ncolumns:\n  spending_score: {weight: 2}\n")
    project.edit("conf/source/mall.yaml", {"[income_spending, age_income]": "[income_spending, score]"})
    project.edit("conf/config.yaml", {"k_max: 4": "k_max: 5", "scalers: [quantile, none]": "scalers: [quantile]"})
    expected = project.would_run()
    project.run("git", "checkout", "--", "conf/config.yaml")  # an experiment in place makes the same edits
    words = ["-S", "conf/config.yaml:sweep.k_max=5", "-S", "conf/config.yaml:sweep.scalers=[quantile]"]
    done = ran(project.run("dvc", "exp", "run", *words))
    assert {"sweep", "registry"} <= set(done), "the feature sets of a source are part of the grid"
    assert set(done) <= set(expected)
    choice = json.loads((project / "artifacts/selection/choice.json").read_text())
    assert project.champion() == choice["candidate_id"], "the model in use is that of the folder"
    grown = expected_grid(["income_spending", "score"], ["quantile"], range(2, 6))
    table = project.table("sweep/candidates.parquet")
    assert sorted(zip(table["feature_set"], table["scaler"], table["k"], strict=True)) == grown
    now = project.kept()
    assert now.items() >= kept.items(), "a finished candidate was made again"
    assert project.tracked() == sorted({*GRID, *grown})
    assert project.champion() != champion

    project.run("git", "checkout", "--", "conf", "dvc.lock")
    assert project.repro()[-1] == "registry", (
        "the alias must follow, so the registry stage may not come from DVC's run cache"
    )
    assert project.champion() == champion
    assert project.kept() == now
    sweep = json.loads((project / "artifacts/sweep/sweep.json").read_text())
    choice = json.loads((project / "artifacts/selection/choice.json").read_text())
    tags = [run.data.tags for run in project.runs()]
    members = {
        tag["segments.candidate_id"]: "segments.finalist" in tag
        for tag in tags
        if tag["segments.sweep_id"] == sweep["sweep_id"]
    }
    assert members.keys() == {i for cell in sweep["cells"] for i in cell}
    assert {i for i, finalist in members.items() if finalist} == set(choice["finalists"])


# --- what DVC shows ------------------------------------------------------------------------------------------------------


def digits(value: float) -> float:
    """Ten of them, as the metrics have."""
    return float(f"{value:.10g}")


def test_the_metrics_of_dvc_are_those_of_the_tables(reproduced: SmallProject) -> None:
    shown = json.loads(reproduced.run("dvc", "metrics", "show", "--json"))[""]["data"]
    figures = {path.split("/")[1]: file["data"] for path, file in shown.items()}
    choice = json.loads((reproduced / "artifacts/selection/choice.json").read_text())
    judged = reproduced.table("selection/candidates.parquet").set_index("candidate_id")
    chosen, profiles = judged.loc[choice["candidate_id"]], reproduced.table("profiles/profiles.parquet")
    assert figures["sweep"] == {"customers": 200, "candidates": len(GRID)}
    grades = judged["grade"].value_counts()
    assert figures["evidence"] == {
        "evaluated": len(GRID),
        "supported": len(GRID) - grades.get("not supported", 0),
        "natural": grades.get("natural", 0),
    }
    scores = {
        name: digits(chosen[name])
        for name in ("silhouette", "excess", "z_silhouette", "jaccard_min", "prediction_strength", "agreement_min")
    }
    name = f"{chosen['feature_set']} · {chosen['scaler']}"
    expected = {"passed": choice["passed"], "chosen": name, "k": chosen["k"], "grade": chosen["grade"]}
    assert figures["selection"] == expected | scores
    held = reproduced.table("sensitivity/candidates.parquet")
    assert figures["sensitivity"] == {"tried": choice["passed"], "firm": held["firm"].sum()}
    assert figures["usefulness"] == {"outcomes": 0}, "mall has no purchases"
    assert figures["prediction"] == {}, "mall has no purchases"
    assert figures["profiles"] == {"segments": chosen["k"], "largest_share": digits(profiles["share"].max())}
    assert figures["registry"] == {"version": 1, "alias": "champion"}


def test_the_tables_that_dvc_draws_are_those_of_the_stages(reproduced: SmallProject) -> None:
    scores, drawn = reproduced.table("sweep/candidates.parquet"), pd.read_csv(reproduced / "artifacts/sweep/scores_by_k.csv")  # fmt: skip
    assert drawn[["k", "wcss", "silhouette"]].equals(scores[["k", "wcss", "silhouette"]])
    at_two = scores["wcss"].where(scores["k"] == 2).ffill()  # k rises within each cell
    assert drawn["wcss_share"].tolist() == pytest.approx((scores["wcss"] / at_two).tolist(), rel=1e-12)
    choice = json.loads((reproduced / "artifacts/selection/choice.json").read_text())
    points = pd.read_csv(reproduced / "artifacts/selection/front.csv").set_index(scores["candidate_id"])
    judged = reproduced.table("selection/candidates.parquet").set_index("candidate_id")
    assert points["fit"].equals(judged["silhouette_reference"].rename("fit"))
    assert points["status"].eq("chosen").pipe(lambda is_it: list(points.index[is_it])) == [choice["candidate_id"]]
    assert set(points.index[points["status"] == "front"]) == set(choice["front"]) - {choice["candidate_id"]}
    fails = set(points.index[points["status"] == "fails"])
    assert fails == set(choice["misses"]) - set(choice["front"]) - {choice["candidate_id"]}
    sizes = pd.read_csv(reproduced / "artifacts/profiles/sizes.csv")
    assert sizes["size"].tolist() == reproduced.table("profiles/profiles.parquet")["size"].tolist()


def test_the_pages_of_dvc_need_no_network(reproduced: SmallProject, tmp_path: Path) -> None:
    reproduced.run("dvc", "plots", "show", "--out", str(tmp_path / "plots"))
    page = (tmp_path / "plots/index.html").read_text()
    assert re.findall(r"""(?:src|href)\s*=\s*["']?([^"'> ]*:)""", page) == [], "something is loaded from elsewhere"
    pictures = re.findall(r'<img src="([^"]*)"', page)
    assert {"evidence.png", "front.png", "snake.png"} <= {path.rpartition("_")[2] for path in pictures}
    assert [path for path in pictures if not (tmp_path / "plots" / path).is_file()] == []
    specs = [json.loads(spec) for spec in re.findall(r"var spec = (.*);\n", page)]
    drawn = {spec["title"]["text"]: spec["data"]["values"] for spec in specs if spec}
    assert {title: len(rows) for title, rows in drawn.items()} == {
        "WCSS over k": len(GRID),
        "silhouette over k": len(GRID),
        "fit against stability": len(GRID),
        "segment sizes": len(reproduced.table("profiles/profiles.parquet")),
    }


@pytest.fixture
def browser() -> str:
    """The browser's program."""
    found = machine.chromium()
    assert found is not None
    return found


@pytest.mark.browser
def test_a_browser_without_network_draws_the_tables(reproduced: SmallProject, tmp_path: Path, browser: str) -> None:
    reproduced.run("dvc", "plots", "show", "--out", str(tmp_path / "plots"))
    words = ["--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND", "--dump-dom"]
    page = (tmp_path / "plots/index.html").as_uri()
    seen = subprocess.run([browser, *words, page], capture_output=True, text=True, check=True, timeout=LIMIT).stdout
    segments = reproduced.table("profiles/profiles.parquet")["segment"]
    assert {tag: seen.count(f"<{tag} ") for tag in ("svg", "circle", "rect")} == {
        "svg": 4,
        "circle": 3 * len(GRID),
        "rect": len(segments),
    }
    assert [name for name in segments if f">{name}</text>" not in seen] == []


# --- the registered model ------------------------------------------------------------------------------------------------


@pytest.fixture
def champion(reproduced: SmallProject) -> Any:
    mlflow.set_tracking_uri(f"sqlite:///{reproduced / 'mlflow.db'}")
    return mlflow.pyfunc.load_model("models:/customer-segments@champion")


def test_the_champion_gives_every_customer_the_stored_segment(champion: Any, reproduced: SmallProject) -> None:
    features = reproduced.table("features/customers.parquet")
    stored = reproduced.table("profiles/segments.parquet")
    answer = champion.predict(features)  # the whole table: columns it does not need are passed over
    numbers = ["distance", "margin", "confidence", "boundary", "out_of_range", "agreement"]
    assert list(answer) == ["cluster", "segment_id", "segment", *numbers]
    assert features["customer_id"].tolist() == stored["customer_id"].tolist()
    assert answer["cluster"].tolist() == stored["cluster"].tolist()
    assert answer["segment"].tolist() == stored["segment"].tolist()
    assert answer["confidence"].tolist() == stored["confidence"].tolist()
    assert answer["boundary"].tolist() == stored["boundary"].tolist()
    assert answer["margin"].tolist() == stored["margin"].tolist()
    assert stored["agreement"].between(0, 1).all()
    # the model says what to expect at this confidence; on the whole, that is what was measured
    by_segment = [table.groupby("cluster")["agreement"].mean() for table in (answer, stored)]
    assert by_segment[0].tolist() == pytest.approx(by_segment[1].tolist())
    assert (answer["distance"] >= 0).all()
    assert (answer["margin"] >= 0).all()


def test_the_champion_takes_one_row_and_whole_numbers(champion: Any, reproduced: SmallProject) -> None:
    features = reproduced.table("features/customers.parquet")
    columns = champion.metadata.get_input_schema().input_names()
    whole = champion.predict(features[columns])
    assert champion.predict(features[columns].astype("int32")).equals(whole), "incomes and scores are whole here"
    assert champion.predict(features[columns].astype("int64")).equals(whole)
    assert champion.predict(features[columns].tail(1)).iloc[0].to_dict() == whole.iloc[-1].to_dict()
    assert champion.predict(features[columns[::-1]]).equals(whole), "columns go by name, not by place"


def test_the_champion_names_its_columns_and_says_what_it_is(champion: Any, reproduced: SmallProject) -> None:
    columns = json.loads((reproduced / "artifacts/registry/segmentation.json").read_text())["space"]["columns"]
    assert champion.metadata.get_input_schema().input_names() == columns
    assert champion.metadata.saved_input_example_info is not None
    version = reproduced.client().get_model_version_by_alias("customer-segments", "champion")
    for tag in ("candidate_id", "data_hash", "config_hash", "git_commit"):
        assert version.tags[f"segments.{tag}"]
    assert "| cluster | segment |" in version.description


def test_nothing_in_the_model_is_a_pickle(champion: Any, reproduced: SmallProject) -> None:
    folders = [path.parent for path in (reproduced / "mlruns").rglob("MLmodel")]
    assert folders
    for folder in folders:
        for path in folder.rglob("*"):
            assert path.suffix not in (".pkl", ".pickle", ".joblib", ".skops"), path
            if path.is_file():
                assert not path.read_bytes().startswith(b"\x80"), f"{path} begins like a pickle"


# --- the record, rebuilt and moved -----------------------------------------------------------------------------------------


def record(project: SmallProject) -> dict[str, Any]:
    """All a person sees of the runs in MLflow, without what differs by nature (run ids, file names with random parts)."""
    seen: dict[str, Any] = {}
    client = project.client()
    for kind in ("candidate", "curve", "sweep"):
        for run in project.runs(kind):
            folder = Path(run.info.artifact_uri.removeprefix("file://"))
            pictures = sorted(digest(path) for path in folder.rglob("*.png"))
            metrics = {
                name: sorted((m.step, m.value) for m in client.get_metric_history(run.info.run_id, name))
                for name in run.data.metrics
            }
            tags = {
                key: value.replace(run.info.run_id, "this run")
                for key, value in run.data.tags.items()
                if key.startswith("segments.") or key == "mlflow.note.content"
            }
            key = (kind, run.info.run_name)
            assert key not in seen, f"{key} stands in MLflow twice"
            seen[key] = run.data.params, metrics, tags, pictures, run.info.start_time, run.info.end_time
    return seen


def test_track_rebuilds_the_record_and_adds_nothing_twice(
    small_project: Callable[[], SmallProject], reproduced: SmallProject
) -> None:
    before = record(reproduced)
    project = small_project()
    project.run("segments", "track")
    assert record(project) == before, "tracking what is tracked changed something"
    assert {run.info.artifact_uri.startswith(project.root.as_uri()) for run in project.runs()} == {True}, (
        "the copy's record still lies in the project it was copied from"
    )
    for path in project.root.glob("mlflow.db*"):
        path.unlink()
    said = project.run("segments", "track")
    assert "12 candidates, 1 sweeps" in said
    assert "1 registered versions" in said
    assert record(project) == before
    assert project.champion() == reproduced.champion()
    assert record(reproduced) == before


def colleague(project: SmallProject, clone: SmallProject) -> SmallProject:
    """The project committed and pushed, then cloned and pulled by somebody else."""
    project.commit()
    project.run("dvc", "push", "--quiet")
    project.run("git", "clone", "--quiet", str(project.root), str(clone.root))
    clone.run("git", "config", "user.name", "A Colleague")
    clone.run("git", "config", "user.email", "colleague@example.org")
    clone.run("dvc", "pull", "--quiet")
    return clone


def registered(project: SmallProject) -> list[dict[str, Any]]:
    """Versions with their aliases, tags and files."""
    client = project.client()
    aliases = client.get_registered_model("customer-segments").aliases
    found = []
    for version in sorted(client.search_model_versions("name = 'customer-segments'"), key=lambda one: int(one.version)):
        [folder] = project.root.glob(f"mlruns/**/{version.source.removeprefix('models:/')}/artifacts")
        document = json.loads((folder / "artifacts/segmentation.json").read_text())
        held = sorted(alias for alias, number in aliases.items() if number == version.version)
        tags = {
            key: value for key, value in version.tags.items() if key != "segments.manifest_hash"
        }  # has the run's id
        found.append({"tags": tags, "aliases": held, "model": document, "text": version.description})
    return found


@pytest.mark.slow
def test_a_colleague_has_the_whole_record_of_what_was_pushed(
    small_project: Callable[[], SmallProject], tmp_path: Path, fresh_record: Path
) -> None:
    """What the stages hand on is enough: the rest is written again, with today's dates."""
    project = small_project()
    project.run("dvc", "remote", "add", "--default", "team", str(tmp_path / "remote"))
    clone = colleague(project, SmallProject(tmp_path / "clone"))
    assert not (clone / "record").exists()
    said = clone.run("segments", "track")
    assert "12 candidates, 1 sweeps" in said and "1 registered versions" in said

    def undated(seen: dict[str, Any]) -> dict[str, Any]:
        return {
            key: (params, {name: values for name, values in metrics.items() if "seconds" not in name}, pictures)
            for key, (params, metrics, _, pictures, *_) in seen.items()
        }

    own, theirs = undated(record(clone)), undated(record(project))
    assert own.keys() == theirs.keys()
    assert [key for key in own if own[key] != theirs[key]] == []
    mine, yours = registered(clone), registered(project)
    for one, other in zip(mine, yours, strict=True):
        assert one["aliases"] == other["aliases"] == ["champion"] and one["model"] == other["model"]
        undated_card, other_card = (version["text"].partition("### Put in use")[0] for version in (one, other))
        assert undated_card == other_card
    same = {f"segments.{tag}" for tag in ("candidate_id", "model_hash", "data_hash", "labels_hash", "proof", "verdict")}
    assert [{tag: one["tags"][tag] for tag in same} for one in mine] == [
        {tag: one["tags"][tag] for tag in same} for one in yours
    ]
    assert clone.would_run() == [] and clone.changes() == ""

    # and with the record itself handed over, nothing is written anew: dates and people are those of then
    project.run("dvc", "add", "record", "--quiet")
    clone = colleague(project, SmallProject(tmp_path / "another"))
    shutil.copyfile(fresh_record, clone / "mlflow.db")  # the first one made its own
    clone.run("segments", "track")
    assert record(clone) == record(project)
    assert registered(clone) == registered(project)
    assert clone.changes() == ""


def test_clean_removes_only_what_nothing_refers_to(small_project: Callable[[], SmallProject]) -> None:
    project = small_project()
    assert "nothing to remove" in project.run("segments", "clean")
    before = project.kept()
    project.run("segments", "fit", "k=9")
    [extra] = project.kept().keys() - before.keys()
    assert "nothing to remove" in project.run("segments", "clean"), "a run of MLflow refers to it"
    [run] = [run for run in project.runs() if run.data.tags["segments.candidate_id"] == extra]
    project.client().delete_run(run.info.run_id)
    leftover = project / "record/candidates/.0123.7.left"
    leftover.mkdir()
    unused = project / "record/evaluated/0123456789abcdef.npz"
    unused.write_bytes(bytes(3 << 20))
    said = project.run("segments", "clean")
    assert said.startswith("1 candidates, 1 cells' evidence, 1 half-written files: 3.") and "yes=true" in said
    assert extra in project.kept()
    assert "removed 1 candidates" in project.run("segments", "clean", "yes=true")
    assert project.kept() == before and not leftover.exists() and not unused.exists()
    assert "12 candidates, 1 sweeps" in project.run("segments", "track")
    assert project.refuses("clean", "yes=perhaps").startswith("segments clean: yes is 'perhaps'")


def test_records_of_before_move_out_of_artifacts(small_project: Callable[[], SmallProject]) -> None:
    project = small_project()
    kept = project.kept()
    for folder in ("candidates", "evaluated", "sweeps", "versions", "elbows"):
        (project / "record" / folder).rename(project / "artifacts" / folder)
    shutil.rmtree(project / "record")
    assert "12 candidates, 12 known" in project.run("segments", "sweep").replace("0 new", "12 known")
    assert project.kept() == kept
    assert (project / "record/versions/history.json").is_file()
    assert sorted(path.name for path in (project / "artifacts").iterdir()) == sorted(STAGES)
    assert "may be deleted" in (project / "record/README.md").read_text()


def test_a_moved_project_shows_its_artifacts_again(small_project: Callable[[], SmallProject], tmp_path: Path) -> None:
    project = small_project()
    project.run("segments", "track")  # the addresses in the record are this folder's now
    moved = SmallProject(project.root.rename(tmp_path / "elsewhere with a blank"))
    assert moved.repro() == [], "DVC sees no change in a move"
    # before anything is written to the record: who only reads finds the model
    scored = moved.run("segments", "score", "artifacts/features/customers.parquet", "-o", "out.csv", "--no-record")
    assert "scored by customer-segments version 1" in scored
    moved.run("segments", "track")
    client = moved.client()
    for run in moved.runs():
        assert str(moved.root) in run.info.artifact_uri.replace("%20", " ")
        pictures = 6 if "segments.finalist" in run.data.tags else 4  # two files each; finalists have an evidence card
        assert len(client.list_artifacts(run.info.run_id, "images")) == pictures
    script = (
        "import mlflow, pandas, sys\n"
        "model = mlflow.pyfunc.load_model('models:/customer-segments@champion')\n"
        "print(len(model.predict(pandas.read_parquet('artifacts/features/customers.parquet'))))\n"
    )
    assert moved.run("python", "-W", "ignore", "-c", script).splitlines()[-1] == "200"

"""The team's set-up: two machines that write at once, a real PostgreSQL behind MLflow's server, and who is let in."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST

from postgresql import SECRET, Postgres, port
from segments.app.load import checked, load
from segments.app.servers import mlflow_team
from segments.config.registry import IN_USE, TrackingConfig
from segments.errors import ConfigError, TrackingError
from segments.io.registry import versions
from segments.io.tracking import candidates, connection
from segments.io.tracking.candidates import track_candidates
from segments.io.tracking.connection import Tracker, connect
from segments.io.tracking.runs import runs_of
from small_project import BIN, CHECKOUT, LIMIT, SmallProject
from small_record import CONFIG, add, aliases, fact, promote, runs

# --- two machines at once, one step at a time ---------------------------------------------------------------------


def on_a_server(test: Any) -> Any:
    """A test with a server on a database."""
    return pytest.mark.slow(pytest.mark.server(test))


class Between:
    """MLflow's client, on which something happens once, right before a method is called."""

    def __init__(self, client: Any, method: str, happens: Callable[..., Any]) -> None:
        self.client, self.method, self.happens = client, method, [happens]

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.client, name)
        if name != self.method or not self.happens:
            return found

        def called(*args: Any, **kwargs: Any) -> Any:
            if self.happens:
                self.happens.pop()(*args)
            return found(*args, **kwargs)

        return called


@pytest.fixture
def other(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracker]:
    """Another person's open record. It is ours too, but no lock keeps us apart."""
    monkeypatch.setattr(Tracker, "local", False)
    monkeypatch.setattr(connection, "FileLock", lambda path: nullcontext())
    with connect(TrackingConfig(), "toy") as tracker:
        yield tracker


def we(other: Tracker, method: str, happens: Callable[..., Any]) -> Tracker:
    return replace(other, client=Between(other.client, method, happens))  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["create_run", "set_terminated", "log_batch"])
@pytest.mark.parametrize("later", [-1, 1], ids=["we are older", "we are younger"])
def test_of_a_candidate_recorded_by_two_at_once_one_stays_and_belongs_to_both_sweeps(
    other: Tracker, method: str, later: int
) -> None:
    """The other one begins and ends before one of our three calls: we meet its whole run, or find ours removed."""
    theirs = fact() | {"started_ms": fact()["started_ms"] - later}
    us = we(other, method, lambda *_: track_candidates(other, [theirs], "s2"))
    track_candidates(us, [fact(), fact(4, "c4")], "s1")
    assert Counter(run.data.tags["segments.candidate_id"] for run in runs(other)) == {"c3": 1, "c4": 1}
    [run] = [run for run in runs(other) if run.data.tags["segments.candidate_id"] == "c3"]
    assert run.data.tags["segments.complete"] == "true"
    assert {"segments.sweep_id.s1", "segments.sweep_id.s2"} <= set(run.data.tags)
    assert run.data.metrics["silhouette"] == 0.5


def test_a_run_that_is_being_written_elsewhere_is_left_alone_until_there_is_a_whole_one(
    other: Tracker,
) -> None:
    tags = {"segments.kind": "candidate", "segments.cell": "xy · none"}
    half = other.client.create_run(other.experiment_id, tags=tags | {"segments.candidate_id": "c4"})
    track_candidates(other, [fact()], "s1")
    assert half.info.run_id in {run.info.run_id for run in runs(other)}
    track_candidates(other, [fact(4, "c4")], "s1")
    assert half.info.run_id not in {run.info.run_id for run in runs(other)}
    assert len(runs(other)) == 2


def test_everybody_keeps_the_same_of_two_doubles(other: Tracker) -> None:
    track_candidates(other, [fact()], "s1")
    [kept] = runs(other)
    double = candidates._log_candidate(other, fact() | {"started_ms": fact()["started_ms"] + 1}, dict(kept.data.tags))
    for order in ([kept, double], [double, kept]):
        page = type("Page", (list,), {"token": None})(order)
        us = replace(other, client=Between(other.client, "nothing", print))  # type: ignore[arg-type]
        us.client.__dict__["search_runs"] = lambda *_, page=page, **__: page
        found = runs_of(us, {"segments.cell": "xy · none"}, "segments.candidate_id")
        assert found["c3"].info.run_id == kept.info.run_id
    assert [run.info.run_id for run in runs(other)] == [kept.info.run_id]


def test_an_experiment_made_by_somebody_else_meanwhile_is_taken(other: Tracker) -> None:
    us = we(other, "create_experiment", lambda name, *_: other.client.create_experiment(name))
    ours = connection._experiment(us.client, "new", local=False)
    assert ours == connection._experiment(other.client, "new", local=False)


@pytest.mark.slow
def test_of_a_model_registered_by_two_at_once_the_first_version_stays(other: Tracker) -> None:
    track_candidates(other, [fact()])
    numbers = []
    us = we(other, "create_model_version", lambda *_: numbers.append(add(other, "c3").number))
    ours = add(us, "c3")
    assert [ours.number, *numbers] == ["1", "1"]
    assert aliases(other) == {"1": []}
    assert versions.files_of(other, ours), "its files are as they were registered"
    assert len(other.client.search_logged_models([other.experiment_id])) == 1


@pytest.mark.slow
def test_two_who_put_the_same_version_in_use_agree(other: Tracker) -> None:
    track_candidates(other, [fact(), fact(4, "c4")])
    promote(other, add(other, "c4"))
    version, before = add(other, "c3"), versions.find(other, CONFIG.model, IN_USE)
    for _ in range(2):  # both looked before either acted
        versions.promote(other, version, before, {"verdict": "better"})
    assert aliases(other) == {"1": ["previous"], "2": ["champion"]}
    assert versions.wanted(other, CONFIG.model, "champion").tags["replaces"] == "1"


@pytest.mark.slow
@pytest.mark.parametrize(
    "method", ["set_registered_model_alias", "set_model_version_tag", "delete_registered_model_alias"]
)
def test_what_the_database_refuses_since_somebody_wrote_it_an_instant_ago_is_looked_at_again(
    other: Tracker, method: str
) -> None:
    track_candidates(other, [fact(), fact(4, "c4")])
    promote(other, add(other, "c3"))
    refused: list[str] = []

    def refuse(*_: Any) -> None:
        refused.append(method)
        raise MlflowException("duplicate key value violates unique constraint", BAD_REQUEST)

    us, version = we(other, method, refuse), add(other, "c4")
    versions.challenge(us, version)
    versions.set_tags(us, version, {"proof": "holds"})
    promote(us, version)
    assert refused == [method]
    assert aliases(other) == {"1": ["previous"], "2": ["champion"]}
    assert {"proof": "holds", "replaces": "1"}.items() <= versions.wanted(other, CONFIG.model, "2").tags.items()


@pytest.mark.slow
def test_the_mark_of_the_champion_follows_the_alias_when_two_promote_at_once(other: Tracker) -> None:
    track_candidates(other, [fact(), fact(4, "c4")])
    first, second = add(other, "c3"), add(other, "c4")
    happened: list[str] = []

    def overtake(*_: Any) -> None:
        other.client.set_registered_model_alias(CONFIG.model, IN_USE, second.number)
        versions._show(other, CONFIG.model)
        happened.append("overtaken")

    promote(we(other, "get_run", overtake), first)
    marked = [run.info.run_id for run in runs(other) if "segments.champion" in run.data.tags]
    assert (happened, marked) == (["overtaken"], [second.run_id])


# --- who is let in ------------------------------------------------------------------------------------------------


DATABASE = "postgresql://mlflow@127.0.0.1/mlflow"


@pytest.fixture
def sign_in(tmp_path: Path) -> Path:
    path = tmp_path / "auth.ini"
    path.write_text("[mlflow]\ndefault_permission = EDIT\ndatabase_uri = sqlite:///users.db\nadmin_username = admin\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_beyond_this_machine_only_with_sign_in_and_names(host: str) -> None:
    for hosts, auth in [([], ""), (["mlflow.example"], ""), ([], "auth.ini")]:
        with pytest.raises(ConfigError, match="everybody who reaches this machine"):
            mlflow_team.check_exposure(host, hosts, auth)
    mlflow_team.check_exposure(host, ["mlflow.example"], "auth.ini")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_this_machine_needs_neither(host: str) -> None:
    mlflow_team.check_exposure(host, [], "")


@pytest.mark.parametrize("name", ["*", "*.*", "*:*", "."])
def test_a_name_that_means_every_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="allows every name"):
        mlflow_team.check_exposure("127.0.0.1", ["mlflow.example", name], "auth.ini")


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://mlflow:hunter2@127.0.0.1/mlflow",
        "postgresql:///mlflow?password=hunter2",
        "mysql://a:hunter2@h/d",
    ],
)
def test_a_password_in_the_address_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(ConfigError, match="holds a password") as error:
        mlflow_team.check_database(address)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("address", ["sqlite:///mlflow.db", "mysql://a@h/d", "postgresql://a@h", "mlflow.db", ""])
def test_what_is_no_postgresql_database_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="not the address of a PostgreSQL"):
        mlflow_team.check_database(address)


def test_a_sign_in_file_that_others_may_read_or_that_lacks_something_is_refused(sign_in: Path) -> None:
    sign_in.chmod(0o640)
    with pytest.raises(ConfigError, match="others than its owner"):
        mlflow_team.check_auth(sign_in)
    sign_in.write_text("[mlflow]\ndefault_permission = EDIT\n")
    with pytest.raises(ConfigError, match="has no database_uri"):
        mlflow_team.check_auth(sign_in)
    for broken in ("no section", None):
        sign_in.write_text(broken) if broken else sign_in.unlink()
        with pytest.raises(ConfigError, match="cannot be read"):
            mlflow_team.check_auth(sign_in)


def test_no_variable_left_in_a_shell_opens_the_server_wider() -> None:
    left = {
        "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE": "true",
        "MLFLOW_SERVER_ALLOWED_HOSTS": "*",
        "MLFLOW_UVICORN_OPTS": "--host 0.0.0.0",
        "MLFLOW_AUTH_ADMIN_PASSWORD": "a long one",
        "PGPASSWORD": "x",
    }
    found = mlflow_team.environment(left, DATABASE, [], "")
    assert set(found) & set(left) == {"MLFLOW_AUTH_ADMIN_PASSWORD", "PGPASSWORD"}


def test_it_becomes_mlflow_whose_words_do_not_name_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of processes shows everybody the words of a command, not its variables."""
    became: list[Any] = []
    monkeypatch.setattr(mlflow_team, "_check_answers", lambda database: None)
    monkeypatch.setattr(os, "execve", lambda *given: became.extend(given))
    with socket.create_server(("127.0.0.1", 0)) as other:
        number = other.getsockname()[1]
        with pytest.raises(TrackingError, match=r"nobody can listen there: .*in use") as caught:
            mlflow_team.run_team_server(DATABASE, port=str(number))
        assert (caught.value.where, became) == (f"127.0.0.1:{number}", [])
    mlflow_team.run_team_server(DATABASE, port=str(number))
    program, words, variables = became
    assert program == sys.executable and words[1:4] == ["-m", "mlflow", "server"]
    assert "postgresql" not in " ".join(words)
    assert variables["MLFLOW_BACKEND_STORE_URI"] == DATABASE


def test_a_password_in_the_address_of_the_server_is_refused() -> None:
    """Configs are kept in MLflow, with every model."""
    with pytest.raises(ConfigError, match="holds a user or a password") as error:
        checked(TrackingConfig, {"uri": "http://ann:hunter2@127.0.0.1:5000"}, "tracking")
    assert error.value.where == "tracking.uri"
    assert "hunter2" not in f"{error.value}{error.value.__cause__}"


@pytest.mark.slow
def test_the_server_is_one_choice_and_its_address_another() -> None:
    assert load([], project=CHECKOUT).tracking.uri is None
    assert load(["tracking=server"], project=CHECKOUT).tracking.uri == "http://127.0.0.1:5000"
    assert load(["tracking=server", "tracking.uri=http://h:1"], project=CHECKOUT).tracking.uri == "http://h:1"


def test_the_command_refuses_what_would_be_open_to_all(capsys: pytest.CaptureFixture[str]) -> None:
    from segments.app.cli import main

    assert main(["server", "--database", DATABASE, "--host", "0.0.0.0"]) == 2
    assert "everybody who reaches this machine" in capsys.readouterr().err
    assert main(["server", "--database", DATABASE, "tracking.port=6000"]) == 2
    assert main(["server", "--database", "postgresql://mlflow@127.0.0.1:1/mlflow"]) == 2
    assert "the database does not let us in" in capsys.readouterr().err


# --- a real PostgreSQL ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def postgres(postgres: Postgres) -> Postgres:
    """The cluster of all tests, with a database to be copied."""
    postgres.sql("CREATE DATABASE made")
    make_tables(postgres)
    return postgres


def make_tables(cluster: Postgres) -> None:
    """MLflow's tables in the database `made`, which others are copies of: they take seconds to make."""
    code = "import sys, mlflow; mlflow.MlflowClient(sys.argv[1]).search_experiments(max_results=1)"
    address = f"postgresql://mlflow@127.0.0.1:{cluster.port}/made"
    variables = os.environ | {"PGPASSWORD": SECRET}
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, address], env=variables, check=True)


class Team:
    """`segments server` on a database of its own: an empty one, or a copy of one with MLflow's tables."""

    def __init__(
        self, postgres: Postgres, folder: Path, *options: str, empty: bool = False, alone: bool = False
    ) -> None:
        self.postgres, self.folder, self.options, self.port = postgres, folder, options, port()
        self.command = [str(BIN / "segments"), "server"] if not alone else [sys.executable, "-c", WITH_ONE_WORKER]
        self.name = f"team{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        folder.mkdir()
        secret = folder / "pgpass"
        secret.write_text(f"127.0.0.1:{postgres.port}:*:mlflow:{SECRET}\n")
        secret.chmod(0o600)
        postgres.sql(f"CREATE DATABASE {self.name}" + ("" if empty else " TEMPLATE made"))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def start(self, **variables: str) -> None:
        database = f"postgresql://mlflow@127.0.0.1:{self.postgres.port}/{self.name}"
        words = ["--database", database, "--artifacts", "kept", "--port", str(self.port), *self.options]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.command, *words],
                cwd=self.folder,
                env=os.environ | {"PGPASSFILE": str(self.folder / "pgpass")} | variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        give_up = time.monotonic() + LIMIT
        while not self.answers():
            assert self.process.poll() is None, self.log
            assert time.monotonic() < give_up, self.log
            time.sleep(0.2)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            self.process.wait()
            self.process = None
            give_up = time.monotonic() + LIMIT
            while self.answers():
                assert time.monotonic() < give_up
                time.sleep(0.1)

    def client(self) -> Any:
        from mlflow import MlflowClient

        return MlflowClient(self.url, registry_uri=self.url)

    def runs(self, kind: str = "candidate") -> list[Any]:
        """Every run of a kind, whole or not."""
        client = self.client()
        experiment = client.get_experiment_by_name("mall")
        if experiment is None:
            return []
        condition = f"tags.`segments.kind` = '{kind}'"
        return list(client.search_runs([experiment.experiment_id], condition, max_results=1000))

    def candidates(self) -> list[str]:
        """Ids of the recorded candidates, all of them whole, sorted: a double shows twice."""
        found = self.runs()
        assert all(run.data.tags.get("segments.complete") == "true" for run in found)
        assert all({"silhouette", "wcss"} <= set(run.data.metrics) for run in found)
        return sorted(run.data.tags["segments.candidate_id"] for run in found)

    def check_registry(self) -> None:
        """One version per model, one champion, and its run, marked."""
        client = self.client()
        found = client.search_model_versions("name = 'customer-segments'")
        models = [(v.tags["segments.model_hash"], v.tags["segments.candidate_id"]) for v in found]
        assert len(models) == len(set(models)) > 0
        champion = client.get_model_version_by_alias("customer-segments", "champion")
        marked = [run.data.tags["segments.candidate_id"] for run in self.runs() if "segments.champion" in run.data.tags]
        assert marked == [champion.tags["segments.candidate_id"]]


@pytest.fixture(scope="module")
def team(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """The first test finds it empty; the next one adds to what that made."""
    found = Team(postgres, tmp_path_factory.mktemp("a") / "team")
    try:
        found.start()
        yield found
    finally:
        found.stop(signal.SIGKILL)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory, reproduced: SmallProject) -> SmallProject:
    """What stages hand on is made, but by the sweep; nothing is recorded, and no candidate kept. For reading only."""
    project = reproduced.copy(tmp_path_factory.mktemp("ready") / "project")
    for name in ("record", "mlruns", "artifacts/sweep"):
        shutil.rmtree(project / name)
    for path in project.root.glob("mlflow.db*"):
        path.unlink()  # the record is the team's
    return project


def person(ready: SmallProject, folder: Path, team: Team) -> SmallProject:
    """A copy whose record is the team's, as a team would write it: in the committed file."""
    project = ready.copy(folder)
    project.edit("conf/config.yaml", {"- tracking: null": "- tracking: server"})
    project.edit("conf/tracking/server.yaml", {"http://127.0.0.1:5000": team.url})
    project.commit()
    return project


def start(project: SmallProject, *words: str) -> subprocess.Popen[str]:
    return process(project, "segments", *words)


def stages(project: SmallProject, *names: str) -> subprocess.Popen[str]:
    """Stages one after another."""
    return process(project, "sh", "-ec", "".join(f"segments {name}\n" for name in names))


def process(project: SmallProject, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        words,
        cwd=project.root,
        env=project.environment(warm=True),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def together(*processes: subprocess.Popen[str]) -> None:
    for one in processes:
        out, _ = one.communicate(timeout=LIMIT)
        assert one.returncode == 0, out


@on_a_server
def test_two_people_go_through_the_whole_pipeline_at_once(ready: SmallProject, team: Team, tmp_path: Path) -> None:
    """Two grids that share two of four cells; one of the two uses DVC."""
    ann, bob = (person(ready, tmp_path / name, team) for name in ("ann", "bob"))
    ann.edit("conf/config.yaml", {"scalers: [quantile, none]": "scalers: [quantile]"})
    together(start(ann, "sweep"), start(bob, "sweep"))
    both = sorted({*ann.candidate_ids(), *bob.candidate_ids()})
    assert len(both) == 12
    assert team.candidates() == both
    for project in (ann, bob):
        identity = project.table("sweep/candidates.parquet")["candidate_id"]
        sweep = json_of(project / "artifacts/sweep/sweep.json")["sweep_id"]
        members = {
            r.data.tags["segments.candidate_id"] for r in team.runs() if f"segments.sweep_id.{sweep}" in r.data.tags
        }
        assert members == set(identity)
    ann.repro("briefing")  # what lies between is there for Bob: his candidates are those it was made of
    together(process(ann, "dvc", "repro"), start(bob, "registry"))
    team.check_registry()
    check_shown(ann, team, tmp_path)
    assert (len(team.runs("sweep")), len(team.runs("curve"))) == (2, 6)
    before = Counter(run.info.run_id for kind in ("candidate", "curve", "sweep") for run in team.runs(kind))
    lists = []
    for project in (ann, bob):  # one of them never had the version in use
        project.run("segments", "track")
        project.run("segments", "export", "list.csv")
        lists.append((project / "list.csv").read_bytes())
    assert lists[0] == lists[1]
    assert before == Counter(run.info.run_id for kind in ("candidate", "curve", "sweep") for run in team.runs(kind))
    assert team.candidates() == both
    team.check_registry()


def check_shown(project: SmallProject, team: Team, folder: Path) -> None:
    """The server shows what was made, tells no secret, and nothing went anywhere else."""
    client = team.client()
    run = next(run for run in team.runs() if run.data.tags["segments.candidate_id"] in project.candidate_ids())
    assert run.info.artifact_uri.startswith("mlflow-artifacts:/")
    [picture] = [
        item.path
        for item in client.list_artifacts(run.info.run_id, "images")
        if "clusters" in item.path and "compressed" not in item.path
    ]
    shown = Path(client.download_artifacts(run.info.run_id, picture, str(folder))).read_bytes()
    kept = project / f"record/candidates/{run.data.tags['segments.candidate_id']}/clusters.png"
    assert shown == kept.read_bytes()
    assert not (project / "mlflow.db").exists()
    assert not (project / "mlruns").exists()
    assert "holds" in project.run("segments", "verify")
    assert f"{team.url}/#/experiments/" in project.run("segments", "ui")
    words = Path(f"/proc/{team.process.pid}/cmdline").read_text() if team.process else ""
    assert "a secret of the test" not in words + team.log
    assert "postgresql" not in words


@on_a_server
def test_two_who_put_versions_in_use_over_and_over_meet_no_error(
    root: Path,
    team: Team,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Two processes, each with locks of its own, want the same versions in use: the database refuses some of what they write."""
    with connect(TrackingConfig(uri=team.url), "mall") as tracker:
        track_candidates(tracker, [fact(), fact(4, "c4")], "s1")
        numbers = [add(tracker, candidate).number for candidate in ("c3", "c4")]
    people = []
    for _ in range(2):
        folder = tmp_path_factory.mktemp("person")
        for name in ("conf", "dvc.yaml"):
            (shutil.copytree if (root / name).is_dir() else shutil.copy)(root / name, folder / name)
        words = [sys.executable, "-c", OVER_AND_OVER, team.url, *numbers]
        people.append(subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
    together(*people)
    team.check_registry()


@on_a_server
def test_a_server_killed_in_a_sweep_loses_and_doubles_nothing(
    ready: SmallProject, postgres: Postgres, tmp_path: Path
) -> None:
    team = Team(postgres, tmp_path / "team", alone=True)
    team.start()
    try:
        kill_in_a_sweep(team, person(ready, tmp_path / "ann", team))
    finally:
        team.stop(signal.SIGKILL)


WHOLE_AND_HALF = """
SELECT bool_or(whole) AND bool_or(NOT whole)
FROM (SELECT bool_or(key = 'segments.complete') AS whole FROM tags GROUP BY run_uuid HAVING bool_or(key = 'segments.candidate_id')) AS runs
"""


def kill_in_a_sweep(team: Team, project: SmallProject) -> None:
    project.edit("conf/config.yaml", {"scalers: [quantile, none]": "scalers: [quantile]"})
    sweep = start(project, "sweep", "tracking.retries=0")
    while team.postgres.sql(WHOLE_AND_HALF, team.name) != "t":
        assert sweep.poll() is None, sweep.communicate()
        time.sleep(0.02)
    team.stop(signal.SIGKILL)
    out, _ = sweep.communicate(timeout=LIMIT)
    if sweep.returncode:  # else it had just finished
        assert sweep.returncode == 2, out
        assert "`segments track`" in out
        assert "Traceback" not in out
    team.start()
    together(stages(project, "sweep", "registry", "track"))  # what lies between was made from the same candidates
    assert team.candidates() == sorted(project.candidate_ids())
    assert len(team.candidates()) == 6
    assert (len(team.runs("sweep")), len(team.runs("curve"))) == (1, 2)
    team.check_registry()


@on_a_server
def test_who_does_not_sign_in_is_sent_away(
    ready: SmallProject, postgres: Postgres, sign_in: Path, tmp_path: Path
) -> None:
    options = ("--host", "0.0.0.0", "--allowed-hosts", "127.0.0.1:*,mlflow.example", "--auth", str(sign_in))
    # an empty database: the server makes its tables itself
    found = Team(postgres, tmp_path / "team", *options, empty=True, alone=True)
    try:
        found.start(MLFLOW_AUTH_ADMIN_PASSWORD="long enough to be one")
        project = person(ready, tmp_path / "ann", found)
        assert "refused" in project.run("segments", "sweep", fails=True)
        with pytest.raises(urllib.error.HTTPError, match="403"):
            request = urllib.request.Request(f"{found.url}/api/2.0/mlflow/experiments/search?max_results=1")
            request.add_header("Host", "evil.example")
            urllib.request.urlopen(request)
        environment = {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": "long enough to be one"}
        done = subprocess.run(
            ["segments", "fit"],
            cwd=project.root,
            env=project.environment(warm=True) | environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert "long enough" not in found.log
    finally:
        found.stop(signal.SIGKILL)


# Nobody else writes: what another process of the server imports is no part of the proof.
WITH_ONE_WORKER = """
import sys

from segments.app.cli import main
from segments.app.servers import mlflow_team

mlflow_team.WORKERS = "1"
sys.exit(main(["server", *sys.argv[1:]]))
"""
OVER_AND_OVER = """
import sys

from segments.io.registry import versions
from segments.config.registry import IN_USE, RegistryConfig, TrackingConfig
from segments.io.tracking.connection import connect

config = RegistryConfig()
with connect(TrackingConfig(uri=sys.argv[1]), "mall") as tracker:
    for turn in range(6):
        version = versions.wanted(tracker, config.model, sys.argv[2 + turn % 2])
        current = versions.find(tracker, config.model, IN_USE)
        versions.challenge(tracker, version)
        versions.set_tags(tracker, version, {f"proof.{turn}": "holds"})
        try:
            versions.promote(tracker, version, current, {f"verdict.{turn}": "better"})
        except versions.OvertakenError:
            print("overtaken")
"""


def json_of(path: Path) -> Any:
    return json.loads(path.read_text())

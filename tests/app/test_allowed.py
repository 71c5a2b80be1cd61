"""What conf/ and overrides may say: each of these would run code, read or write elsewhere, and is refused before Hydra sees it."""

from __future__ import annotations

import os
import pickle
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fuzz_overrides import fuzz, small_project
from segments.app import cli
from segments.app.allowed import check_conf, check_overrides
from segments.app.load import load
from segments.errors import ConfigError

GROUPS = ("source", "scaler", "experiment", "tracking")


class Marker:
    """Leaves a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


@pytest.fixture
def here(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of which only conf/ is there."""
    shutil.copytree(project / "conf", tmp_path / "project/conf", symlinks=True)
    shutil.copyfile(project / "data.dvc", tmp_path / "project/data.dvc")
    (tmp_path / "project/dvc.yaml").touch()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


MADE = {
    "a callback": "# @package _global_\nhydra:\n  callbacks:\n    x: {_target_: joblib.load, filename: evil}\n",
    "a log handler": "# @package _global_\nhydra:\n  job_logging:\n    handlers: {h: {(): joblib.load, filename: evil}}\n    root: {handlers: [h]}\n",
    "a package": "# @package hydra.callbacks\nx: {_target_: joblib.load, filename: evil}\n",
    "an override": "+hydra.callbacks.x={_target_:joblib.load,filename:evil}",
}


@pytest.mark.parametrize("multirun", [["-m"], []])
@pytest.mark.parametrize("case", MADE)
def test_hydra_makes_nothing_that_a_config_names(
    here: Path, capfd: pytest.CaptureFixture[str], case: str, multirun: list[str]
) -> None:
    (here / "evil").write_bytes(pickle.dumps(Marker(here.parent / "unpickled")))
    words = ["k=2", "experiment=evil"]
    if case == "an override":
        words = ["k=2", MADE[case]]
    else:
        (here / "conf/experiment/evil.yaml").write_text(MADE[case])
    assert cli.main(["fit", *multirun, *words]) == 2
    said = capfd.readouterr().err.splitlines()
    assert said[0].startswith("segments fit: ")
    assert [line[:9] for line in said[1:]] == ["  where: ", "  do:    "]
    assert words[1] in said[1] or "conf/experiment/evil.yaml, line" in said[1]
    assert [path.name for path in here.parent.iterdir()] == ["project"]


FILES = {
    "experiment/x.yaml": [
        ("hydra: {sweep: {dir: ../x}}", "'hydra' cannot be set here"),
        ("hydra: {run: {dir: ../x}}", "'hydra' cannot be set here"),
        ("hydra: {searchpath: [file:///tmp]}", "'hydra' cannot be set here"),
        ("hydra: {launcher: {_target_: joblib.load}}", "'hydra' cannot be set here"),
        ("hydra: {launcher: {n_jobs: 2, x: 1}}", "'hydra' cannot be set here"),
        ("hydra: {launcher: {n_jobs: '${k}'}}", "'hydra' cannot be set here"),
        ('"\\x68ydra": {launcher: {}}', "'hydra' cannot be set here"),
        ("x: &a {hydra: 1}\n<<: *a", "are not read here"),
        ("x: &a [b, c]\ny: *a", "are not read here"),
        ("x: &a [*a]", "are not read here"),
        ("source: {_partial_: true}", "'_partial_' is not a known key"),
        ("source: [{_args_: []}]", "'_args_' is not a known key"),
        ("source: {(): os.system}", "'()' is not a known key"),
        ("k: !!python/object/apply:os.system [touch x]", "makes more than text and numbers"),
        ("k: !!binary aGk=", "makes more than text and numbers"),
        ("k: ${oc.env:HOME}", "would be read from elsewhere"),
        ('k: "\\x24{oc.env:HOME}"', "would be read from elsewhere"),
        ("k: ${oc.decode:'1'}", "would be read from elsewhere"),
        ("k: ${${a}:HOME}", "would be read from elsewhere"),
        ("k: ${hydra.runtime.cwd}", "would be read from elsewhere"),
        ("fetch: {files: {data/x.parquet: 'postgresql://me:pw@h/d'}}", "the value holds a password"),
        ("source: {description: 'host=h password = pw'}", "the value holds a password"),
        ("x: {'http://me:p@h': 1}", "the value holds a password"),
        ("defaults: [/../x]", "is no choice of a defaults list"),
        ("defaults: [file:///tmp/x]", "is no choice of a defaults list"),
        ("defaults: [pkg://os/x]", "is no choice of a defaults list"),
        ("defaults: [{override /source: ../x}]", "is no choice of a defaults list"),
        ("defaults: [{override /hydra/sweeper: basic}]", "is no choice of a defaults list"),
        ("defaults: [{/scaler@hydra.callbacks: none}]", "is no choice of a defaults list"),
        ("defaults: [/scaler/none@hydra]", "is no choice of a defaults list"),
        ("defaults: [/decisions]", "is no choice of a defaults list"),
        ("defaults: [{source: '${scaler}'}]", "is no choice of a defaults list"),
        ("defaults: [[source]]", "is no choice of a defaults list"),
        ("#@package hydra.job_logging\nk: 2", "a file belongs where it lies"),
        ("x: " + "[" * 500 + "'!'", "is nested too deep"),
    ],
    "hydra/launcher/x.yaml": [("n_jobs: 2", "cannot say what Hydra is made of")],
    "decisions.yaml": [("selected: !!python/name:os.system", "makes more than text and numbers")],
}


@pytest.mark.parametrize(("path", "text", "what"), [(path, *case) for path, cases in FILES.items() for case in cases])
def test_a_file_that_reaches_out_is_refused_by_name(tmp_path: Path, path: str, text: str, what: str) -> None:
    file = tmp_path / "conf" / path
    file.parent.mkdir(parents=True)
    file.write_text(text + "\n")
    with pytest.raises(ConfigError) as error:
        check_conf(tmp_path / "conf")
    assert what in error.value.what
    assert error.value.where.startswith(f"conf/{path}")


def test_links_do_not_leave_the_project(tmp_path: Path) -> None:
    (tmp_path / "project/conf/source").mkdir(parents=True)
    (tmp_path / "project/data.dvc").touch()
    link = tmp_path / "project/conf/pins.yaml"
    link.symlink_to("../data.dvc")
    check_conf(tmp_path / "project/conf")
    for target in ("/etc/passwd", "../../../x", ".", "../pins.yaml"):
        (tmp_path / "project/conf/source/x.yaml").symlink_to(target)
        if target == "../pins.yaml":
            check_conf(tmp_path / "project/conf")
        else:
            with pytest.raises(ConfigError, match="is a link to"):
                check_conf(tmp_path / "project/conf")
        (tmp_path / "project/conf/source/x.yaml").unlink()
    os.mkfifo(tmp_path / "project/conf/source/x.sql")
    with pytest.raises(ConfigError, match="is no plain file"):
        check_conf(tmp_path / "project/conf")


OVERRIDES = {
    "hydra.run.dir=../x": "'hydra.run.dir' cannot be set",
    "hydra.sweep.dir=../x": "'hydra.sweep.dir' cannot be set",
    "hydra.searchpath=[file:///tmp]": "'hydra.searchpath' cannot be set",
    "+hydra={callbacks:{}}": "'hydra' cannot be set",
    "hydra/sweeper=basic": "'hydra/sweeper' cannot be set",
    "hydra/job_logging=default": "'hydra/job_logging' cannot be set",
    "+hydra/launcher=basic": "'hydra/launcher' cannot be set",
    "hydra/launcher=basic,joblib": "'hydra/launcher' cannot be set",
    "hydra/launcher=../x": "is not a name",
    "hydra.launcher._target_=joblib.load": "cannot be set",
    "hydra.launcher.n_jobs=all": "cannot be set",
    "hydra.mode=MULTIRUN": "cannot be set",
    "+source._target_=os.system": "'_target_' is not a known key",
    "+source.x={y:[{_partial_:true}]}": "'_partial_' is not a known key",
    "+source={\\(\\):x}": "'()' is not a known key",
    "k=${oc.env:HOME}": "would be read from elsewhere",
    "k=$\\{oc.env:HOME\\}": "would be read from elsewhere",
    "k='${oc.env:HOME}'": "would be read from elsewhere",
    "k=2,${oc.env:HOME}": "would be read from elsewhere",
    "k=choice('${oc.env:HOME}')": "would be read from elsewhere",
    "+x={a:[${oc.decode:b}]}": "would be read from elsewhere",
    "k=${hydra.runtime.cwd}": "would be read from elsewhere",
    "+source.fetch.files={data/x.parquet:'postgresql://me:***@h/d'}": "the value holds a password",
    "+x=[a,'host=h;Pwd=***']": "the value holds a password",
    "k=${b": "cannot be read",
    "k=[1": "cannot be read",
    "--config-dir=/tmp": "cannot be read",
    "-cd=/tmp": "cannot be read",
    "k": "cannot be read",
    "k=" + "[" * 500: "cannot be read",
    "k=" + "a" * 5000: "an override of 5,002 signs",
    "source@hydra.callbacks=mall": "is not a known key",
    "a$b=1": "is not a known key",
    "~source": "source cannot be taken out",
    "~source=mall": "source cannot be taken out",
    "source=[mall,completejourney]": "is not a name",
    "source=null": "is not a name",
    "source=../../x": "is not a name",
    "source=/etc/x": "is not a name",
    "source=mall,../x": "is not a name",
    "experiment=[smoke,../x]": "is not a name",
    "k=range(2,1000000000)": "these make 999,999,998 runs",
    "k=range(0,inf)": "runs",
}


@pytest.mark.parametrize("override", OVERRIDES, ids=lambda text: text[:40])
def test_an_override_that_reaches_out_is_refused_by_name(override: str) -> None:
    with pytest.raises(ConfigError) as error:
        check_overrides(["k=3", override], GROUPS)
    assert OVERRIDES[override] in error.value.what
    assert override[:100] in error.value.where
    assert len(str(error.value)) < 2000


def test_what_is_meant_to_be_said_can_be_said(here: Path) -> None:
    check_overrides(
        [
            *("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "+hydra.launcher.n_jobs=-1"),
            *("k=2,3", "k=range(2,8)", "source=mall,completejourney", "source={name: mall}", "+source.currency='€'"),
            *("~source.currency", "++sweep.k_max=${sweep.k_min}", "experiment=[smoke,mall]", "experiment=null"),
        ],
        GROUPS,
    )
    (here / "conf/decisions.yaml").write_text('names: {mall: {S1: {name: "${5}", because: a, by: b, at: c}}}\n')
    written_by_dvc = (here / "conf/config.yaml").read_text().replace("experiment: null", "experiment:")
    (here / "conf/config.yaml").write_text(written_by_dvc)
    (here / "conf/experiment/mine.yaml").write_text(
        "# @package _global_\n# costs 5 $ & more\ndefaults:\n  - smoke\n  - override /source: mall\n  - override /hydra/launcher: basic\nk: ${sweep.k_max}\n"
    )
    config = load(["experiment=mine"], here)
    assert (config.source.name, config.k, config.decisions.names["mall"]["S1"].name) == ("mall", 4, "${5}")


@pytest.mark.slow
def test_a_multirun_writes_its_note_into_one_folder(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["fit", "-m", "k=2,3"]) == 2  # there are no features
    assert sorted(path.name for path in here.iterdir()) == ["conf", "data.dvc", "dvc.yaml", "multirun"]
    assert [path.name for path in (here / "multirun").iterdir()] == ["multirun.yaml"]


@pytest.mark.slow
def test_members_of_a_grid_are_names_and_interpolations_end(here: Path) -> None:
    (here / "secret.yaml").write_text("name: secret\n")
    with pytest.raises(ConfigError, match="is not a name"):
        load(["sweep.scalers=[../../secret]"], here)
    with pytest.raises(ConfigError, match="Recursive interpolation"):
        load(["source.description=${source.currency}", "source.currency=${source.description}"], here)
    (here / "conf/experiment/x.yaml").write_text("# @package _global_\ndefaults: [{override /source: [mall, mall]}]\n")
    with pytest.raises(ConfigError):
        load(["experiment=x"], here)


@pytest.mark.parametrize(
    ("text", "what", "where"),
    [
        (f"k: {'9' * 5000}", "mine.yaml is not valid YAML: Exceeds the limit", "conf/experiment/mine.yaml"),
        ("null: 1", "mine.yaml is not valid YAML: Incompatible key", "conf/experiment/mine.yaml"),
        ("- k", "mine.yaml is not valid YAML: it is a list", "conf/experiment/mine.yaml"),
        ("yes: 1", "True: keys should be strings", "1"),
        ("sweep: {4: 1}", "keys should be strings", "sweep.4"),
    ],
)
def test_what_yaml_reads_in_its_own_way_is_one_error(here: Path, text: str, what: str, where: str) -> None:
    (here / "conf/experiment/mine.yaml").write_text(f"# @package _global_\n{text}\n")
    with pytest.raises(ConfigError, match=what) as error:
        load(["experiment=mine"], here)
    assert error.value.where == where


# --- odd overrides, drawn by lot --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_odd_overrides_are_done_or_refused_in_three_lines(fresh_record: Path) -> None:
    assert fuzz(12, 0, fresh_record) == []  # `make fuzz` asks thousands


def test_what_the_lot_would_find_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A traceback, another exit code, a long error, a file beside the project: each is a finding."""
    ends: Iterator[Callable[[], int]] = iter(
        [
            *[lambda: 0] * 4,  # the project is made
            lambda: 1 // 0,
            lambda: 1,
            lambda: sys.stderr.write("segments data: " + "a" * 5000) and 2,
            lambda: Path("../beside").touch() or 0,
            lambda: Path("conf/config.yaml").write_text("") or 3,
            lambda: 3,
        ]
    )
    monkeypatch.setattr(cli, "main", lambda words: next(ends)())
    seen = [finding.split("]: ", 1)[1].strip() for finding in fuzz(6, 0)]
    assert [text.split(":")[0] for text in seen] == [
        *(
            "a traceback",
            "exit code 1",
            "not one error in three lines",
            "made or changed beside",
            "made or changed project/conf/config.yaml",
        ),
    ]


@pytest.mark.slow
def test_secrets_of_the_environment_are_not_recorded(monkeypatch: pytest.MonkeyPatch, fresh_record: Path) -> None:
    """Neither who signs in to the tracking server nor an address with a password: not in MLflow, not in files, not on the screen."""
    secret = "sesame-open"
    with small_project(fresh_record) as project:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:{secret}@127.0.0.1:9")
        for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "PGPASSWORD"):
            monkeypatch.setenv(name, secret)
        assert cli.main(["fit", "k=2", "sweep.workers=1"]) == 0
        refused = f"tracking.uri=http://me:{secret}@127.0.0.1:9"
        assert cli.main(["fit", "k=2", refused]) == 2
        files = [path for path in project.rglob("*") if path.is_file()]
        assert len([path for path in files if path.name == "candidate.json"]) == 1
        assert [path for path in files if secret.encode() in path.read_bytes()] == []

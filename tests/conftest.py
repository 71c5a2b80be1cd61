"""What tests share: where the reference data lie, a small project to run the real pipeline in, and which tests run where and when."""

from __future__ import annotations

import gc
import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import settings

import dealing
import machine
import remembered
from segments.io.tracking.moved import mend_moved
from small_project import SmallProject, make, make_record

PROJECT = Path(__file__).resolve().parent.parent
MEMORY = tempfile.TemporaryDirectory(prefix="segments-configs-")  # as long as this process
remembered.install(Path(MEMORY.name))
gc.set_threshold(
    100_000, 50, 100
)  # as the command has it (segments.app.cli): libraries make millions of objects, none of them garbage

# The same examples every time and no limit by the clock, so that what fails is the change at hand; `--hypothesis-profile=default` looks for new ones.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


# --- which tests run, where and when -------------------------------------------------------------------------------

LEFT_OUT = pytest.StashKey[dict[str, int]]()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
    """Run long ones first, so that no worker is left with one at the end, and leave out what this machine cannot run."""
    for item in items:
        if "reproduced" in getattr(item, "fixturenames", ()):  # a whole pipeline for the first of them
            item.add_marker("slow")
    result = yield  # here -k and -m choose
    items.sort(key=lambda item: dealing.turn(item.path.stem, slow=item.get_closest_marker("slow") is not None))
    absent = machine.missing()
    lacks = {item: machine.lacking(getattr(item, "fixturenames", ()), absent) for item in items}
    without = [item for item in items if lacks[item]]
    if without and not machine.is_failure(os.environ):
        items[:] = [item for item in items if not lacks[item]]
        config.hook.pytest_deselected(items=without)
        config.stash[LEFT_OUT] = machine.count([lacks[item] for item in without])
    return result


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Which tests go to one worker together; not by `--dist loadgroup`, which does nothing since pytest 9.2 (pytest-xdist issue 1386)."""
    from xdist.scheduler import LoadScopeScheduling

    class Dealing(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return dealing.unit(nodeid)

    config.option.loadscopereorder = False  # in the order of `turn`
    return Dealing(config, log)


def pytest_collection_finish() -> None:
    """What is imported and collected by now stays: a look for garbage need not go through it."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test that is not left out has what it needs, or fails."""
    if lacks := machine.lacking(getattr(item, "fixturenames", ()), machine.missing()):
        pytest.fail(f"CI must run this too, and there is no {' and no '.join(lacks)}: run {machine.advice(lacks)}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker hands on what it left out: it has no terminal to say it on."""
    gc.unfreeze()  # what DuckDB's binding still finds at the end it calls a leak
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = session.config.stash.get(LEFT_OUT, {})


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take it over: every worker left out the same."""
    node.config.stash[LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", {})


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if said := machine.left_out(config.stash.get(LEFT_OUT, {})):
        terminalreporter.write_line(said, yellow=True)


# --- what they share ---------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def mlflow_forgets() -> Iterator[None]:
    """MLflow keeps addresses for the whole process: no test may find another one's registry."""
    yield
    if "mlflow" in sys.modules:
        import mlflow

        mlflow.set_tracking_uri(None)  # type: ignore[arg-type]
        mlflow.set_registry_uri(None)  # type: ignore[arg-type]
        os.environ.pop("MLFLOW_REGISTRY_URI", None)  # which that leaves


@pytest.fixture(scope="session")
def project() -> Path:
    """The checkout under test."""
    return PROJECT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data laid beside the project; never committed."""
    folder = PROJECT.parent / "shared" / "data"
    assert folder.is_dir(), f"the reference data are missing: put them at {folder}"
    return folder


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Make something in a folder that all workers share: the first makes it while the others wait. Nobody may change it."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent

    def made(name: str, make: Callable[[Path], object]) -> Path:
        folder = shared / f"once-{name}"
        folder.mkdir(exist_ok=True)
        with FileLock(folder / "lock"):
            if not (folder / "made").exists():
                make(folder / name)
                (folder / "made").touch()
        return folder / name

    return made


@pytest.fixture(scope="session")
def fresh_record(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """An empty `mlflow.db`, to be copied: MLflow takes seconds to make one."""
    return made_once("mlflow.db", make_record)


@pytest.fixture(scope="session")
def new_project(shared_data: Path, fresh_record: Path) -> Callable[[Path], SmallProject]:
    """Make a small project at a path: raw data fetched, nothing run, an empty record."""
    return lambda root: make(root, shared_data / "mall" / "Mall_Customers.csv", fresh_record)


@pytest.fixture(scope="session")
def reproduced(
    made_once: Callable[[str, Callable[[Path], object]], Path],
    new_project: Callable[[Path], SmallProject],
    tmp_path_factory: pytest.TempPathFactory,
) -> SmallProject:
    """A small project after its first `dvc repro`, committed. For reading only: change a copy (``small_project``)."""

    def first_repro(root: Path) -> None:
        project = new_project(root)
        project.repro()
        project.commit()

    # A copy for each worker: also who only reads a database leaves files beside it for a while.
    project = SmallProject(made_once("reproduced", first_repro)).copy(tmp_path_factory.mktemp("reproduced") / "project")
    mend_moved(project.root)
    return project


@pytest.fixture(scope="session")
def postgres() -> Iterator[Any]:
    """A PostgreSQL that runs (:class:`postgresql.Postgres`)."""
    from postgresql import cluster

    with cluster() as made:
        yield made


@pytest.fixture
def small_project(reproduced: SmallProject, tmp_path: Path) -> Callable[[], SmallProject]:
    """A factory: each call gives a copy of the reproduced project to change."""
    numbers = itertools.count()
    return lambda: reproduced.copy(tmp_path / f"copy{next(numbers)}")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_record: Path) -> Path:
    """A project to track into, with an empty record."""
    shutil.copyfile(fresh_record, tmp_path / "mlflow.db")
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "config.yaml").write_text("")
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def spark() -> Any:
    """A session of a Spark in this process, which lives as long as the process."""
    import spark_server
    from segments.config.engine import Engine
    from segments.io.engines import spark as engine

    os.environ["JDK_JAVA_OPTIONS"] = spark_server.JAVA
    engine.LOCAL.update(spark_server.SMALL)
    with engine.spark_session(Engine(connect="local[2]"), "tests") as made:
        return made

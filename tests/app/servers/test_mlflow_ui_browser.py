"""MLflow's pages as a person sees them: every link that ``segments ui`` prints, opened in a headless Chromium."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import machine
import smallest_config
from segments.app.servers import child, mlflow_ui
from segments.config.registry import TrackingConfig
from segments.io.store.cache import finished_candidates
from segments.io.tracking import ui_views
from segments.io.tracking.candidates import track_candidates, track_curves
from segments.io.tracking.connection import connect
from segments.io.tracking.sweeps import track_sweep
from small_project import LIMIT, STAGES, SmallProject
from small_record import PNG, sweep_record

pytestmark = [pytest.mark.slow, pytest.mark.browser]

BENIGN_REQUESTS = (
    "/ajax-api/2.0/mlflow/users/current",  # asks who is logged in; a server without log-in answers 404
    # MLflow 3.18 asks first for an address in a cloud's store, and takes the file from the server when there is none.
    "/artifacts/presigned-download-url",
    "&presigned=true",
)
BENIGN_CONSOLE = (
    "ResizeObserver loop completed",  # a chart was laid out twice in one frame
    "AG Grid: since v",  # MLflow calls its table by old names
    "Failed to load resource",  # the requests are checked one by one, see `Visit.failed`
)


@dataclass
class Visit:
    """A page and what it did: requests that failed, requests that wanted to leave this machine, errors."""

    page: Any
    failed: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Served:
    """A running ``segments ui``: what it said, and its links by label."""

    said: str
    links: dict[str, str]
    process: subprocess.Popen[str]


@dataclass(frozen=True)
class Record:
    """What the pipeline made: names of the candidates best first, the finalists, and the cells of the grid."""

    folder: Path
    best_first: list[str]
    finalists: list[str]
    cells: list[tuple[str, str]]
    sweep_id: str
    reason: str
    segments: list[str]
    params: dict[str, tuple[str, str, int]]


# --- the pipeline's own record --------------------------------------------------------------------------------------

SMALL = [
    "source=mall",
    "sweep.scalers=[none,standard,robust]",
    "sweep.k_max=4",
    "selection.finalists=6",
    "algorithm.starts=2",
    "algorithm.max_fits=6",
]


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory, new_project: Callable[[Path], SmallProject]) -> Record:
    """Every stage run on the mall data: 12 cells of 3 candidates, more than the ten that MLflow shows at first."""
    project = new_project(tmp_path_factory.mktemp("browser") / "project")
    for stage in STAGES:
        project.run(
            "segments",
            stage,
            *SMALL,
            "source.feature_sets=[income_spending,age_spending,age_income,age_income_spending]",
        )
    table = project.table("selection/candidates.parquet")
    table["name"] = [f"{row.feature_set} · {row.scaler} · k={row.k}" for row in table.itertuples()]
    by_id = table.set_index("candidate_id")
    choice = json.loads((project / "artifacts/selection/choice.json").read_text())
    sweep_id = json.loads((project / "artifacts/sweep/sweep.json").read_text())["sweep_id"]
    record = json.loads((project / f"record/sweeps/{sweep_id}/record.json").read_text())
    an_experiment_aside(project)
    return Record(
        folder=project.root,
        best_first=by_id.loc[record["ranking"], "name"].tolist(),
        finalists=[by_id.loc[identity, "name"] for identity in choice["finalists"]],
        cells=list(dict.fromkeys(zip(table["feature_set"], table["scaler"], strict=True))),
        sweep_id=sweep_id,
        reason=choice["reason"],
        segments=project.table("profiles/profiles.parquet")["segment"].tolist(),
        params={row["name"]: (row["feature_set"], row["scaler"], row["k"]) for row in table.to_dict("records")},
    )


def an_experiment_aside(project: SmallProject) -> None:
    """What `dvc exp run --temp` leaves in the record: a later sweep, of three candidates that are the folder's own too."""
    folder = project / ".dvc/tmp/exps/tmp1"
    shutil.copytree(project / "conf", folder / "conf")
    shutil.copy(project / "dvc.yaml", folder)
    with contextlib.chdir(folder):
        known = sorted(finished_candidates(), key=lambda fact: str(fact["name"]))[:3]
        ids = [fact["candidate_id"] for fact in known]
        with connect(TrackingConfig(), "mall") as tracker:
            for fact in known:
                track_candidates(tracker, [fact], "aside")
            track_curves(tracker, {"aside": (known, lambda: PNG)}, "aside")
            started = int(time.time() * 1000)
            track_sweep(tracker, sweep_record("aside", ids, aside=True, started_ms=started), folder, "Aside.\n")


# --- a server and a browser ----------------------------------------------------------------------------------------

SERVE = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from smallest_config import config
from segments.app.servers import mlflow_ui
sys.exit(mlflow_ui.run_mlflow_ui(config(port={port}, timeout_seconds=120), "sqlite:///" + {database!r}))
"""


def start(database: Path, port: int) -> subprocess.Popen[str]:
    code = SERVE.format(tests=str(Path(smallest_config.__file__).parent), database=str(database), port=port)
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/"
    )


def said_until_ready(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Stop with"):
            return "".join(lines)
    pytest.fail("segments ui ended:\n" + "".join(lines))


@pytest.fixture(scope="module")
def served(tracked: Record) -> Iterator[Served]:
    """``segments ui`` on a port that is free, beside one that is taken."""
    with socket.create_server((child.HOST, 0)) as taken:
        process = start(tracked.folder / "mlflow.db", taken.getsockname()[1])
        said = said_until_ready(process)
        assert f"Port {taken.getsockname()[1]} is taken; using " in said
    urls = re.findall(r"^ +(http://\S+)$", said, re.MULTILINE)
    labels = re.findall(r"^  (\w+) ", said, re.MULTILINE)
    yield Served(said, dict(zip(labels, urls, strict=True)), process)
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=LIMIT)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One fresh browser for all tests: views must not depend on what was opened before, so all share its memory."""
    from playwright.sync_api import sync_playwright

    quiet = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",  # also for MLflow's worker, which no route() sees
    ]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=machine.chromium(), args=quiet)
        context = running.new_context(viewport={"width": 1600, "height": 1200})
        context.set_default_timeout(180_000)
        yield context
        running.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Visit]:
    """A new page; afterwards: nothing failed, nothing left this machine."""
    seen = Visit(browser.new_page())

    def route(route: Any) -> None:
        if re.match(r"http://(127\.0\.0\.1|localhost):\d+/|data:|blob:", route.request.url):
            route.continue_()
        else:
            seen.left.append(route.request.url)
            route.abort()

    seen.page.route("**/*", route)
    seen.page.on("response", lambda answer: seen.failed.append(answer.url) if answer.status >= 400 else None)
    seen.page.on("console", lambda message: seen.errors.append(message.text) if message.type == "error" else None)
    seen.page.on("pageerror", lambda error: seen.errors.append(str(error)))
    yield seen
    seen.page.close()
    assert seen.left == []
    assert [url for url in seen.failed if not any(benign in url for benign in BENIGN_REQUESTS)] == []
    assert [text for text in seen.errors if not any(benign in text for benign in BENIGN_CONSOLE)] == []


def listed(page: Any) -> list[str]:
    """Names of the runs in the list, from the top (MLflow draws only the rows that fit)."""
    page.locator(".ag-pinned-left-cols-container .ag-row a").first.wait_for()
    rows = page.evaluate(
        """() => [...document.querySelectorAll('.ag-pinned-left-cols-container .ag-row')]
            .map(row => [+row.getAttribute('row-index'), row.querySelector('a')?.innerText ?? ''])"""
    )
    return [name for _, name in sorted(rows) if name]


def matching(page: Any) -> int:
    """How many runs the page says match."""
    text = page.get_by_text(re.compile(r"^\d+ matching runs?$")).inner_text()
    return int(text.split()[0])


def visible(page: Any) -> int:
    return int(page.locator(".is-visibility-toggle-checkbox:checked").count())


def card(page: Any, title: str, nth: int = 0) -> Any:
    """A chart by its title, scrolled into sight: MLflow draws charts when they come near it."""
    area = page.get_by_test_id("experiment-view-compare-runs-chart-area")
    cards = page.get_by_test_id("experiment-view-compare-runs-card")
    found = cards.filter(has=page.get_by_text(title, exact=True)).nth(nth)
    cards.first.wait_for()
    give_up = time.monotonic() + LIMIT
    while not found.count():
        assert time.monotonic() < give_up, f"no chart '{title}'"
        area.evaluate(DOWN)
        page.wait_for_timeout(250)
    found.scroll_into_view_if_needed()
    return found


def wait_for(page: Any, found: Any, count: int) -> None:
    """Until there are so many, and an instant later no more."""
    found.nth(count - 1).wait_for(state="attached")
    page.wait_for_timeout(300)
    assert found.count() == count


# A page further down, and from the end back to the top: charts come as MLflow draws them.
DOWN = "area => { const at = area.scrollTop; area.scrollBy(0, 300); if (area.scrollTop === at) area.scrollTo(0, 0); }"
# What can be scrolled sideways, with how much more there is than fits.
TOO_WIDE = """() => [...document.querySelectorAll('*')]
    .filter(e => ['auto', 'scroll'].includes(getComputedStyle(e).overflowX) && e.scrollWidth > e.clientWidth + 1)
    .map(e => [e.className.toString(), e.scrollWidth, e.clientWidth])"""
WIDTHS = "images => images.map(image => image.naturalWidth)"


# --- what a person sees --------------------------------------------------------------------------------------------


def test_every_link_is_said(served: Served) -> None:
    assert list(served.links) == ["candidates", "table", "curves", "finalists", "sweep", "champion", "registry"]
    assert "somebody else's" not in served.said


def test_candidates_are_listed_best_first_and_the_best_ten_are_drawn(
    served: Served, visit: Visit, tracked: Record
) -> None:
    page = visit.page
    page.goto(served.links["candidates"])
    assert listed(page)[:20] == tracked.best_first[:20]
    assert (matching(page), visible(page)) == (len(tracked.best_first), 10)
    for score in ui_views.BARS:
        wait_for(page, card(page, score).locator(".bars .point"), 10)
    grid = card(page, "clusters")
    pictures = grid.locator("img.rc-image-img")
    wait_for(page, pictures, 10)
    assert all(width > 0 for width in pictures.evaluate_all(WIDTHS))
    text = grid.inner_text()
    assert {name for name in tracked.best_first if name in text.splitlines()} == set(tracked.best_first[:10])
    assert "No image logged" not in text
    parallel = card(page, "Parallel Coordinates")
    assert "Showing all runs" in parallel.inner_text()
    axes = parallel.locator(".parcoords .dimension .label")
    wait_for(page, axes, 7)
    assert axes.all_text_contents() == [
        "feature_set",
        "scaler",
        "k",
        "smallest_share",
        "jaccard_min",
        "silhou...erence",  # MLflow shortens it
        "excess",
    ]


def test_the_table_shows_parameters_and_scores_best_first_and_leads_to_each_candidate(
    served: Served, visit: Visit, tracked: Record
) -> None:
    page = visit.page
    page.goto(served.links["table"])
    assert listed(page)[:20] == tracked.best_first[:20]
    headers = page.locator(".ag-header-cell").evaluate_all(
        """cells => cells.sort((a, b) => a.getBoundingClientRect().x - b.getBoundingClientRect().x)
            .map(cell => cell.getAttribute('col-id'))"""
    )
    columns = [name for name in headers if name.startswith(("params.", "metrics.", "tags."))]
    assert columns[:8] == [
        ui_views.BEST_FIRST,
        *(f"params.`{name}`" for name in ("feature_set", "scaler", "k")),
        *ui_views.VERDICT,
        *(f"metrics.`{score}`" for score in ui_views.SCORE_METRICS[:2]),
    ]
    cells = page.locator(".ag-center-cols-container .ag-row[row-index='0'] .ag-cell")
    by_column = dict(cells.evaluate_all("cells => cells.map(cell => [cell.getAttribute('col-id'), cell.innerText])"))
    feature_set, scaler, k = tracked.params[tracked.best_first[0]]
    assert [by_column[column] for column in columns[:4]] == ["01", feature_set, scaler, str(k)]
    assert tracked.best_first[0] == tracked.finalists[0], "the chosen one comes first"
    # A candidate says how it is made again; the note of the chosen one is the model's card.
    name = next(name for name in tracked.best_first if name != tracked.finalists[0])
    page.get_by_role("link", name=name, exact=True).first.click()
    page.get_by_text("Made again by").first.wait_for(state="attached")
    page.get_by_text("A Tester").first.wait_for(state="attached")  # created by
    page.get_by_text("mall (").first.wait_for(state="attached")  # the data set


def test_all_curves_overlay_in_one_chart_each_in_its_colour(served: Served, visit: Visit, tracked: Record) -> None:
    page = visit.page
    page.goto(served.links["curves"])
    assert sorted(listed(page)) == sorted(f"{feature_set} · {scaler}" for feature_set, scaler in tracked.cells)
    assert visible(page) == len(tracked.cells) > 10
    expected = set(ui_views.colours(tracked.cells).values())
    for score in ("wcss", "silhouette"):
        lines = card(page, score).locator(".scatterlayer .js-line")
        lines.nth(len(tracked.cells) - 1).wait_for(state="attached")
        page.wait_for_timeout(300)
        drawn = lines.evaluate_all(
            "lines => lines.map(line => [getComputedStyle(line).stroke, line.getAttribute('d')])"
        )
        assert {hexadecimal(stroke) for stroke, _ in drawn} == expected
        assert all(path.startswith("M") and "L" in path for _, path in drawn)


def hexadecimal(stroke: str) -> str:
    return "#" + "".join(f"{int(channel):02x}" for channel in re.findall(r"\d+", stroke)[:3])


def test_the_finalists_stand_side_by_side(served: Served, visit: Visit, tracked: Record) -> None:
    page = visit.page
    page.goto(served.links["finalists"])
    assert listed(page) == tracked.finalists
    assert visible(page) == len(tracked.finalists)
    for title, nth in (("clusters", 0), ("evidence", 0), ("silhouette", 1)):
        pictures = card(page, title, nth).locator("img.rc-image-img")
        wait_for(page, pictures, len(tracked.finalists))
        assert all(width > 0 for width in pictures.evaluate_all(WIDTHS))
        boxes = pictures.evaluate_all("images => images.map(image => image.getBoundingClientRect())")
        if title != "evidence":  # a card is as wide as a page
            # a name of two lines moves its picture down a little
            assert abs(boxes[0]["top"] - boxes[1]["top"]) < 30, "two pictures fit beside each other on a usual screen"
            assert boxes[1]["left"] >= boxes[0]["right"]


def test_the_sweep_says_what_won_and_shows_it(served: Served, visit: Visit, tracked: Record) -> None:
    """On a small screen too, where MLflow has half a page for it: no table and no picture of the note widens the page."""
    page = visit.page
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(served.links["sweep"])
    page.get_by_role("heading", name=f"sweep {tracked.sweep_id}").wait_for()
    page.get_by_text(f"{tracked.finalists[0]}").first.wait_for()
    board = page.locator("img[src*='finalists.png']")
    board.wait_for()
    page.wait_for_function("image => image.naturalWidth > 0", arg=board.element_handle())
    page.get_by_role("button", name="Close").first.click()  # MLflow's assistant
    page.get_by_text("Show more").first.click()
    page.wait_for_timeout(1000)
    note = page.get_by_test_id("note-editor-preview-content").first
    assert note.evaluate("note => note.scrollWidth <= note.clientWidth")
    assert page.evaluate(TOO_WIDE) == []


def test_a_sweep_aside_leads_to_its_own_candidates(served: Served, visit: Visit) -> None:
    """From the list of runs, as nothing else links to it."""
    page = visit.page
    runs = served.links["table"].partition("?")[0]
    page.goto(f"{runs}?workflowType=machine_learning&searchFilter=tags.%60segments.aside%60%20%3D%20'true'")
    page.get_by_role("link", name="sweep aside").first.click()
    page.get_by_text("This sweep ran aside").wait_for()
    page.get_by_text("Show more").first.click()
    with page.expect_popup() as opened:
        page.get_by_role("link", name="every candidate of this sweep, best first").click()
    opened.value.get_by_text("3 matching runs").wait_for()
    opened.value.close()


def test_the_champion_has_its_note_and_its_model(served: Served, visit: Visit, tracked: Record) -> None:
    page = visit.page
    page.goto(served.links["champion"])
    page.get_by_role("heading", name=tracked.finalists[0]).wait_for()
    page.get_by_role("cell", name=tracked.segments[0]).wait_for()
    page.get_by_role("link", name=re.compile("customer-segments")).first.wait_for()


def test_the_registry_page_shows_alias_and_description(served: Served, visit: Visit, tracked: Record) -> None:
    page = visit.page
    page.goto(served.links["registry"])
    page.get_by_role("heading", name="Version 1").wait_for()
    page.get_by_text(tracked.reason.partition(". ")[0]).first.wait_for()
    page.get_by_text(re.compile(r"@\s*champion")).first.wait_for()
    page.get_by_role("link", name=tracked.finalists[0]).wait_for()
    for title in ("Data", "Features and k", "Evidence", "Limits", "Intended use", "Put in use"):
        page.get_by_role("heading", name=title, exact=True).wait_for()


def test_whoever_comes_without_our_links_is_led_past_mlflows_first_page_to_every_view(
    tracked: Record, visit: Visit, served: Served
) -> None:
    """MLflow opens an experiment on its GenAI pages, and the links of its description in a new tab; the server goes by another name here."""
    place = served.links["table"].partition("/#/")[0].replace(child.HOST, "localhost")
    page = visit.page
    page.goto(f"{place}/#/experiments/1")
    page.get_by_text(re.compile(r"^Open candidates")).first.wait_for()
    assert "workflowType=genai" in page.url
    page.get_by_role("button", name="Got it").click()  # MLflow advertises
    for view, runs in (
        ("candidates", len(tracked.best_first)),
        ("curves", len(tracked.cells)),
        ("finalists", len(tracked.finalists)),
    ):
        with page.expect_popup() as opened:
            page.get_by_role("link", name=view, exact=True).first.click()
        assert opened.value.url.startswith(f"{place}/#/")
        opened.value.get_by_text(f"{runs} matching runs").wait_for()
        assert f"viewStateShareKey={view}" in opened.value.url
        opened.value.close()


# --- the server ----------------------------------------------------------------------------------------------------


def test_only_this_machine_can_reach_the_server(served: Served) -> None:
    port = int(served.links["table"].split(":")[2].split("/")[0])
    listeners = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    addresses = {
        line[1].split(":")[0] for line in listeners if line[3] == "0A" and int(line[1].split(":")[1], 16) == port
    }
    assert addresses == {"0100007F"}  # 127.0.0.1, and no other


def test_the_server_sends_nothing_home(served: Served) -> None:
    """The pages hand their events to the server, which would forward them."""
    url = served.links["table"].partition("/#")[0] + "/ajax-api/3.0/mlflow/ui-telemetry"
    request = urllib.request.Request(url, b'{"records": []}', {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=LIMIT) as answer:
        assert json.load(answer) == {"status": "disabled"}


def test_a_record_without_sweep_or_champion_is_served_and_says_what_to_run(tmp_path: Path) -> None:
    from mlflow import MlflowClient

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = MlflowClient(uri, registry_uri=uri)
    client.search_experiments()
    assert mlflow_ui.records(smallest_config.config(), uri) == []
    experiment = client.create_experiment("mall")
    for key, value in ui_views.view_states().items():
        client.set_experiment_tag(experiment, key, value)
    client.create_registered_model("customer-segments")  # without a version, so without the alias
    assert mlflow_ui.records(smallest_config.config(), uri) == [ui_views.Record("mall", experiment)]


def test_the_default_port_is_mlflows_own() -> None:
    assert TrackingConfig().port == 5000


def test_a_signal_ends_it_cleanly_and_frees_the_port(served: Served) -> None:
    """The last one here that needs the server."""
    port = int(served.links["table"].split(":")[2].split("/")[0])
    assert child.taken(child.HOST, port)
    served.process.send_signal(signal.SIGINT)  # the others: test_child
    rest, _ = served.process.communicate(timeout=LIMIT)
    assert (served.process.returncode, rest.strip()) == (0, "Stopped.")
    assert child.taken(child.HOST, port) is None

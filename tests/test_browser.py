"""MLflow's pages as a person sees them: every link that ``segments ui`` prints, opened in a headless Chromium."""

from __future__ import annotations

import io
import json
import math
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from segments import ui, views
from segments.config import TrackingConfig

pytestmark = [pytest.mark.slow, pytest.mark.browser]

CELLS = [
    (feature_set, scaler)
    for feature_set in ("rfm", "habits", "breadth")
    for scaler in ("none", "standard", "robust", "power")
]
KS = range(2, 7)
BENIGN_REQUESTS = ("/ajax-api/2.0/mlflow/users/current",)  # asks who is logged in; a server without log-in answers 404
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


# --- a record like the pipeline's ----------------------------------------------------------------------------------


def scores(cell: int, k: int) -> dict[str, float]:
    """Scores of a made-up candidate: a different best k and a different silhouette for every cell."""
    silhouette = 0.6 * math.exp(-abs(k - 2 - cell % 5) / 4) - 0.013 * cell - 0.001 * k
    return {
        "wcss": 1000 * (cell + 1) / k,
        "silhouette": silhouette,
        "davies_bouldin": 1 - silhouette,
        "calinski_harabasz": 900 * silhouette,
        "smallest_share": 0.5 / k,
        "largest_share": 1.2 / k,
        "n_iter": 10 + k,
        "seconds": 0.01 * k,
    }


NAMES = {(cell, k): f"{CELLS[cell][0]} · {CELLS[cell][1]} · k={k}" for cell in range(len(CELLS)) for k in KS}
BEST_FIRST = sorted(NAMES, key=lambda candidate: -scores(*candidate)["silhouette"])
FINALISTS = BEST_FIRST[:6]


def drawing(text: str, k: int) -> bytes:
    """A PNG with k clouds of points: square and small, so that two stand side by side on a usual screen."""
    from PIL import Image, ImageDraw

    numbers = random.Random(text)
    image = Image.new("RGB", (260, 260), "white")
    pen = ImageDraw.Draw(image)
    pen.text((8, 8), text, fill="black")
    for _ in range(k):
        x, y, colour = numbers.uniform(40, 220), numbers.uniform(40, 220), f"hsl({numbers.randrange(360)},70%,45%)"
        for _ in range(30):
            a, b = numbers.gauss(x, 14), numbers.gauss(y, 14)
            pen.ellipse((a - 2, b - 2, a + 2, b + 2), fill=colour)
    buffer = io.BytesIO()
    image.save(buffer, "png")
    return buffer.getvalue()


def make_record(folder: Path) -> None:
    """Write into ``folder`` what the tracking room writes for one sweep, its champion registered."""
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.models.model import Model

    uri = f"sqlite:///{folder / 'mlflow.db'}"
    client = MlflowClient(uri, registry_uri=uri)
    experiment = client.create_experiment(
        "completejourney", artifact_location=(folder / "mlruns" / "completejourney").as_uri()
    )
    client.create_experiment("somebody else's")
    now = int(time.time() * 1000)
    colours = views.colours(CELLS)

    def log(
        name: str,
        tags: dict[str, str],
        params: dict[str, Any],
        metrics: list[tuple[str, float, int]],
        pictures: dict[str, bytes],
    ) -> str:
        tags = {**tags, "segments.sweep_id": "s1", "mlflow.loggedImages": "True"}
        run = client.create_run(experiment, start_time=now - 500, tags=tags, run_name=name)
        images = Path(run.info.artifact_uri.removeprefix("file://")) / "images"
        images.mkdir(parents=True)
        for key, png in pictures.items():
            for end in (".png", "+compressed.png"):
                (images / f"{key}+step+0+timestamp+{now}+{run.info.run_id}{end}").write_bytes(png)
        client.set_terminated(run.info.run_id, end_time=now)
        client.log_batch(
            run.info.run_id,
            [Metric(key, value, now, step) for key, value, step in metrics],
            [Param(key, str(value)) for key, value in params.items()],
            [RunTag("segments.complete", "true")],
        )
        return str(run.info.run_id)

    runs = {}
    for cell, (feature_set, scaler) in enumerate(CELLS):
        params = {
            "source": "completejourney",
            "feature_set": feature_set,
            "scaler": scaler,
            "algorithm": "kmeans",
            "seed": 0,
            "n_init": 20,
        }
        for k in KS:
            name = NAMES[cell, k]
            tags = {
                "segments.kind": "candidate",
                "segments.candidate_id": name,
                "segments.finalist": str((cell, k) in FINALISTS).lower(),
            }
            pictures = {"clusters": drawing(name, k), "silhouette": drawing(f"silhouette {name}", 1)}
            runs[cell, k] = log(
                name, tags, {**params, "k": k}, [(key, value, k) for key, value in scores(cell, k).items()], pictures
            )
        name = f"{feature_set} · {scaler}"
        tags = {"segments.kind": "curve", "mlflow.runColor": colours[feature_set, scaler]}
        log(
            name,
            tags,
            params,
            [(key, value, k) for k in KS for key, value in scores(cell, k).items()],
            {"elbow": drawing(name, 1)},
        )

    champion = runs[BEST_FIRST[0]]
    sweep = log("sweep s1", {"segments.kind": "sweep"}, {"config_hash": "abc"}, [("candidates", len(NAMES), 0)], {})
    board = folder / "board.png"
    board.write_bytes(drawing("finalists", 6))
    client.log_artifact(sweep, str(board), "pictures")
    client.set_tag(
        sweep,
        "mlflow.note.content",
        f"**{NAMES[BEST_FIRST[0]]}** won.\n\n{views.picture(sweep, 'pictures/board.png', 'finalists')}",
    )
    client.set_tag(champion, "segments.champion", "true")
    client.set_tag(
        champion,
        "mlflow.note.content",
        "The champion.\n\n| segment | share |\n| --- | --- |\n| frequent high spenders | 31 % |",
    )

    model = Path(client.get_run(champion).info.artifact_uri.removeprefix("file://")) / "model"
    model.mkdir()
    Model(run_id=champion).save(str(model / "MLmodel"))
    client.create_registered_model("customer-segments")
    version = client.create_model_version(
        "customer-segments", f"runs:/{champion}/model", champion, description="Chosen from 60 candidates."
    )
    client.set_registered_model_alias("customer-segments", "champion", version.version)

    record = views.Record("completejourney", experiment, sweep, champion, "customer-segments", str(version.version))
    for key, value in {
        **views.view_states("s1"),
        "mlflow.note.content": f"{views.menu(record)}\n\nHow to read it.",
    }.items():
        client.set_experiment_tag(experiment, key, value)


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project folder with a record in it."""
    folder = tmp_path_factory.mktemp("project")
    os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}
    make_record(folder)
    return folder


# --- a server and a browser ----------------------------------------------------------------------------------------

SERVE = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_ui import config
from segments import ui
sys.exit(ui.serve(config(port={port}, timeout_seconds=10), "sqlite:///" + {database!r}))
"""


def start(database: Path, port: int) -> subprocess.Popen[str]:
    code = SERVE.format(tests=str(Path(__file__).parent), database=str(database), port=port)
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
def served(tracked: Path) -> Iterator[Served]:
    """``segments ui`` on a port that is free, beside one that is taken."""
    with socket.create_server((ui.HOST, 0)) as taken:
        process = start(tracked / "mlflow.db", taken.getsockname()[1])
        said = said_until_ready(process)
        assert f"Port {taken.getsockname()[1]} is taken; using " in said
    urls = re.findall(r"^ +(http://\S+)$", said, re.MULTILINE)
    labels = re.findall(r"^  (\w+) ", said, re.MULTILINE)
    yield Served(said, dict(zip(labels, urls, strict=True)), process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One fresh browser for all tests: views must not depend on what was opened before, so all share its memory."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert chromium, "no Chromium found: install the package chromium"
    quiet = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # also for MLflow's worker, which no route() sees
    ]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=quiet)
        context = running.new_context(viewport={"width": 1600, "height": 1200})
        context.set_default_timeout(30_000)
        yield context
        running.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Visit]:
    """A new page; afterwards: nothing failed, nothing left this machine."""
    seen = Visit(browser.new_page())

    def route(route: Any) -> None:
        if re.match(r"http://127\.0\.0\.1:\d+/|data:|blob:", route.request.url):
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
    area.evaluate("area => area.scrollTo(0, 0)")
    for _ in range(40):
        if found.count():
            found.scroll_into_view_if_needed()
            return found
        area.evaluate("area => area.scrollBy(0, 300)")
        page.wait_for_timeout(250)
    pytest.fail(f"no chart '{title}'")


def wait_for(page: Any, found: Any, count: int) -> None:
    found.nth(count - 1).wait_for(state="attached")
    page.wait_for_timeout(300)
    assert found.count() == count


WIDTHS = "images => images.map(image => image.naturalWidth)"


# --- what a person sees --------------------------------------------------------------------------------------------


def test_every_link_is_said(served: Served) -> None:
    assert list(served.links) == ["candidates", "table", "curves", "finalists", "sweep", "champion", "registry"]
    assert "somebody else's" not in served.said


def test_candidates_are_listed_best_first_and_the_best_ten_are_drawn(served: Served, visit: Visit) -> None:
    page = visit.page
    page.goto(served.links["candidates"])
    assert listed(page)[:20] == [NAMES[candidate] for candidate in BEST_FIRST[:20]]
    assert (matching(page), visible(page)) == (len(NAMES), 10)
    for score in views.BARS:
        wait_for(page, card(page, score).locator(".bars .point"), 10)
    pictures = card(page, "clusters").locator("img.rc-image-img")
    wait_for(page, pictures, 10)
    assert all(width > 0 for width in pictures.evaluate_all(WIDTHS))
    parallel = card(page, "Parallel Coordinates")
    assert "Showing all runs" in parallel.inner_text()
    axes = parallel.locator(".parcoords .dimension .label")
    wait_for(page, axes, 6)
    assert axes.all_text_contents() == ["feature_set", "scaler", "k", "smallest_share", "davies_bouldin", "silhouette"]


def test_the_pictures_are_those_of_the_best_ten(served: Served, visit: Visit) -> None:
    visit.page.goto(served.links["candidates"])
    grid = card(visit.page, "clusters")
    wait_for(visit.page, grid.locator("img.rc-image-img"), 10)
    text = grid.inner_text()
    assert [candidate for candidate in BEST_FIRST if NAMES[candidate] in text.splitlines()] == BEST_FIRST[:10]
    assert "No image logged" not in text


def test_the_table_shows_parameters_and_scores_best_first(served: Served, visit: Visit) -> None:
    page = visit.page
    page.goto(served.links["table"])
    assert listed(page)[:20] == [NAMES[candidate] for candidate in BEST_FIRST[:20]]
    headers = page.locator(".ag-header-cell").evaluate_all(
        """cells => cells.sort((a, b) => a.getBoundingClientRect().x - b.getBoundingClientRect().x)
            .map(cell => cell.getAttribute('col-id'))"""
    )
    columns = [name for name in headers if name.startswith(("params.", "metrics."))]
    assert columns[:5] == [
        "params.`feature_set`",
        "params.`scaler`",
        "params.`k`",
        "metrics.`silhouette`",
        "metrics.`davies_bouldin`",
    ]
    cells = page.locator(".ag-center-cols-container .ag-row[row-index='0'] .ag-cell")
    by_column = dict(cells.evaluate_all("cells => cells.map(cell => [cell.getAttribute('col-id'), cell.innerText])"))
    cell, k = BEST_FIRST[0]
    assert [by_column[column] for column in columns[:3]] == [*CELLS[cell], str(k)]


def test_all_curves_overlay_in_one_chart_each_in_its_colour(served: Served, visit: Visit) -> None:
    page = visit.page
    page.goto(served.links["curves"])
    assert sorted(listed(page)) == sorted(f"{feature_set} · {scaler}" for feature_set, scaler in CELLS)
    assert visible(page) == len(CELLS) > 10
    expected = set(views.colours(CELLS).values())
    for score in ("wcss", "silhouette"):
        lines = card(page, score).locator(".scatterlayer .js-line")
        lines.nth(len(CELLS) - 1).wait_for(state="attached")
        page.wait_for_timeout(300)
        drawn = lines.evaluate_all(
            "lines => lines.map(line => [getComputedStyle(line).stroke, line.getAttribute('d')])"
        )
        assert {hexadecimal(stroke) for stroke, _ in drawn} == expected
        assert all(path.startswith("M") and "L" in path for _, path in drawn)


def hexadecimal(stroke: str) -> str:
    return "#" + "".join(f"{int(channel):02x}" for channel in re.findall(r"\d+", stroke)[:3])


def test_the_finalists_stand_side_by_side(served: Served, visit: Visit) -> None:
    page = visit.page
    page.goto(served.links["finalists"])
    assert listed(page) == [NAMES[candidate] for candidate in FINALISTS]
    assert visible(page) == len(FINALISTS)
    for title, nth in (("clusters", 0), ("silhouette", 1)):
        pictures = card(page, title, nth).locator("img.rc-image-img")
        wait_for(page, pictures, len(FINALISTS))
        assert all(width > 0 for width in pictures.evaluate_all(WIDTHS))
        tops = pictures.evaluate_all("images => images.map(image => image.getBoundingClientRect().top)")
        assert tops[0] == tops[1], "two pictures fit beside each other on a usual screen"


def test_the_sweep_says_what_won_and_shows_it(served: Served, visit: Visit) -> None:
    page = visit.page
    page.goto(served.links["sweep"])
    page.get_by_role("heading", name="sweep s1").wait_for()
    page.get_by_text(f"{NAMES[BEST_FIRST[0]]}").first.wait_for()
    board = page.locator("img[src*='board.png']")
    board.wait_for()
    page.wait_for_function("image => image.naturalWidth > 0", arg=board.element_handle())


def test_the_champion_has_its_note_and_its_model(served: Served, visit: Visit) -> None:
    page = visit.page
    page.goto(served.links["champion"])
    page.get_by_role("heading", name=NAMES[BEST_FIRST[0]]).wait_for()
    page.get_by_role("cell", name="frequent high spenders").wait_for()
    page.get_by_role("link", name=re.compile("customer-segments")).first.wait_for()


def test_the_registry_page_shows_alias_and_description(served: Served, visit: Visit) -> None:
    page = visit.page
    page.goto(served.links["registry"])
    page.get_by_role("heading", name="Version 1").wait_for()
    page.get_by_text("Chosen from 60 candidates.").wait_for()
    page.get_by_text(re.compile(r"@\s*champion")).first.wait_for()
    page.get_by_role("link", name=NAMES[BEST_FIRST[0]]).wait_for()


def test_the_experiments_description_leads_to_every_view(served: Served, visit: Visit) -> None:
    """Also for a person who started a bare ``mlflow ui``; MLflow opens the links of a description in a new tab."""
    page = visit.page
    page.goto(served.links["table"])
    listed(page)
    for view, runs in (("curves", len(CELLS)), ("finalists", len(FINALISTS)), ("candidates", len(NAMES))):
        with page.expect_popup() as opened:
            page.get_by_role("link", name=view, exact=True).first.click()
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
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert json.load(answer) == {"status": "disabled"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly_and_frees_the_port(tracked: Path, number: signal.Signals) -> None:
    port = ui.free_port(21_000)
    process = start(tracked / "mlflow.db", port)
    said_until_ready(process)
    process.send_signal(number)
    rest, _ = process.communicate(timeout=30)
    assert (process.returncode, rest.strip()) == (0, "Stopped.")
    assert ui.free_port(port) == port


def test_a_record_without_sweep_or_champion_is_served_and_says_what_to_run(tmp_path: Path) -> None:
    from mlflow import MlflowClient

    from test_ui import config

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = MlflowClient(uri, registry_uri=uri)
    client.search_experiments()
    assert ui.records(config(), uri) == []
    experiment = client.create_experiment("mall")
    for key, value in views.view_states().items():
        client.set_experiment_tag(experiment, key, value)
    client.create_registered_model("customer-segments")  # without a version, so without the alias
    assert ui.records(config(), uri) == [views.Record("mall", experiment)]


def test_a_damaged_record_is_one_error(tmp_path: Path) -> None:
    from segments.errors import TrackingError
    from test_ui import config

    database = tmp_path / "mlflow.db"
    database.write_bytes(b"this is no database" * 100)
    with pytest.raises(TrackingError):
        ui.serve(config(port=ui.free_port(22_000)), f"sqlite:///{database}")


def test_the_default_port_is_mlflows_own() -> None:
    assert TrackingConfig().port == 5000

"""The dashboard as a person sees it, in a headless Chromium: every page, its main tasks, and that nothing leaves this machine.

With SEGMENTS_SCREENSHOTS=FOLDER it looks at a copy of this checkout's own artifacts (after ``make repro``) and keeps a picture of each page there; otherwise
at a small project. A page fails the test on an exception box, a console error, a chart without marks, a chart or picture or table that a screen reader has no
name for, and a request to any other machine.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import machine
from segments.app.servers.child import HOST
from small_project import CHECKOUT, LIMIT, SmallProject

pytestmark = [pytest.mark.slow, pytest.mark.browser]
PICTURES = os.environ.get("SEGMENTS_SCREENSHOTS", "")
PAGES = {
    "overview": "",
    "performance": "performance",
    "compare": "compare",
    "segments": "segments",
    "what-if": "what-if",
    "monitor": "monitor",
}
BENIGN = (
    "ResizeObserver loop",  # a wide table lays itself out twice in one frame
    "Failed to load resource",  # the requests are checked one by one, see `Visit.failed`
)
# Opened at the address of a page, Streamlit first asks for its server below that address.
SOUGHT = re.compile(r"/[\w-]+/_stcore/(health|host-config)$")
UNNAMED = """() => [...document.querySelectorAll(
        '[data-testid="stMain"] :is(img, input, button, [role=slider], [data-testid="stVegaLiteChart"], [data-testid="stDataFrame"])')]
    .filter(one => one.checkVisibility() && !(one.getAttribute('aria-label') || one.alt || one.title || one.innerText || one.labels?.length
        || one.querySelector('[aria-label]'))).map(one => one.outerHTML.slice(0, 200))"""
# In the server's own processes: every name they look up and every address they speak to that is not this machine's.
WATCH = """import sys
def watch(event, args):
    where = args[1] if event in ("socket.connect", "socket.sendto") else args if event == "socket.getaddrinfo" else None
    if isinstance(where, tuple) and str(where[0]) not in ("127.0.0.1", "localhost", "::1", "None"):
        say(f"{event} {where[0]}")
def say(text):
    with open(%r, "a") as log:
        log.write(text + chr(10))
say("watching")
sys.addaudithook(watch)
"""
# Bars may all be 0 where nothing drifted: then the lines of the limits are there.
MARKED = """chart => [...chart.querySelectorAll('svg.marks .role-mark path, svg.marks .role-mark line')].some(one => {
    const box = one.getBoundingClientRect();
    return one.tagName === 'line' ? box.width + box.height > 9 : box.width * box.height > 9;
})"""
# Every text in sight: is it whole, and does it stand out from its ground (WCAG 2: 4.5 : 1, large letters 3 : 1)?
UNREAD = r"""() => {
    const rgba = text => { const n = (text.match(/[\d.]+/g) || []).map(Number); return [n[0] || 0, n[1] || 0, n[2] || 0, n.length > 3 ? n[3] : 1]; };
    const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
    const ground = one => {
        const layers = [];
        for (let at = one; at && !(layers.length && layers.at(-1)[3] === 1); at = at.parentElement) {
            const colour = rgba(getComputedStyle(at).backgroundColor);
            if (colour[3] > 0) layers.push(colour);
        }
        return layers.reduceRight((under, top) => over(top, under), [255, 255, 255, 1]);
    };
    const light = colour => {
        const [r, g, b] = colour.slice(0, 3).map(x => { x /= 255; return x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4; });
        return .2126 * r + .7152 * g + .0722 * b;
    };
    const ratio = (a, b) => (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    const main = document.querySelector('[data-testid="stMain"]'), said = [];
    const scrolls = one => {  // what is wider than its place can be scrolled to
        for (let at = one.parentElement; at && at !== main; at = at.parentElement)
            if (/auto|scroll/.test(getComputedStyle(at).overflowX) && at.scrollWidth > at.clientWidth) return true;
        return false;
    };
    if (main.scrollWidth > main.clientWidth + 1) said.push(`the page is ${main.scrollWidth} wide, of ${main.clientWidth}`);
    const walk = document.createTreeWalker(main, NodeFilter.SHOW_TEXT);
    let texts = 0;
    while (walk.nextNode()) {
        const text = walk.currentNode, one = text.parentElement, name = text.data.trim().slice(0, 50);
        if (!name || !one.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
        // tables are drawn on a canvas; icons are letters of a font
        if (one.closest('style, script, [data-testid="stDataFrame"], [data-testid="stIconMaterial"], [aria-hidden="true"], [disabled]')) continue;
        const range = document.createRange();
        range.selectNodeContents(text);
        const box = range.getBoundingClientRect();
        if (!box.width || box.height < 3) continue;
        texts += 1;
        const svg = one.closest('svg'), style = getComputedStyle(one), size = parseFloat(style.fontSize);
        if ((box.right > innerWidth + 1 || box.left < -1) && !scrolls(one)) said.push(`clipped: ${name}`);
        for (let at = one; !svg && at !== main; at = at.parentElement)
            if (/hidden|clip/.test(getComputedStyle(at).overflowX) && at.clientWidth > 1 && box.right > at.getBoundingClientRect().right + 1 && !scrolls(one))
                said.push(`cut off: ${name}`);
        const thumb = one.closest('[data-testid="stSliderThumbValue"]')?.parentElement;  // its value stands above it
        const under = ground(svg ? svg.parentElement : thumb ? thumb.parentElement : one), ink = rgba(svg ? style.fill : style.color);
        ink[3] *= parseFloat(style.opacity) * (svg ? parseFloat(style.fillOpacity) : 1);
        const large = size >= 24 || (size >= 18.66 && +style.fontWeight >= 700), found = ratio(light(over(ink, under)), light(under));
        if (found < (large ? 3 : 4.5)) said.push(`contrast ${found.toFixed(2)}: ${name}`);
    }
    return texts ? [...new Set(said)] : ['no text was measured'];
}"""
SCREENS = ((1280, 800), (1920, 1080), (390, 844))
# The page has the ground that was asked for, and its texts and charts have stopped moving.
TURNED = """scheme => {
    const n = getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor.match(/[\\d.]+/g).map(Number);
    return (n[0] + n[1] + n[2] > 384) === (scheme === 'light');
}"""
STILL = """() => {
    const places = [...document.querySelectorAll('[data-testid="stMain"] :is(p, svg, h1, h2, h3, td, canvas)')]
        .map(one => { const box = one.getBoundingClientRect(); return [box.x, box.y, box.width, box.height].map(Math.round).join(); }).join(' ');
    const [before, times] = window.still || ['', 0];
    window.still = [places, places === before ? times + 1 : 0];
    return window.still[1] >= 2;
}"""
HEIGHT = """() => document.querySelector('[data-testid="stMain"]').scrollHeight"""
ANSWER_OTHER_THAN = """before => JSON.stringify([...document.querySelectorAll('[data-testid="stMetricValue"]')].map(one => one.innerText))
    !== JSON.stringify(before)"""
LOADED = (
    """() => [...document.querySelectorAll('[data-testid="stImage"] img')].every(image => image.naturalWidth > 0)"""
)
READY = """() => document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState === 'notRunning'
    && !document.querySelector('[data-testid="stSkeleton"]') && document.querySelector('h1')"""


@dataclass
class Visit:
    """A page, and what it did."""

    page: Any
    url: str
    left: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def open(self, name: str) -> None:
        self.page.goto(f"{self.url}/{PAGES[name]}")
        self.settle()

    def settle(self) -> None:
        """Wait until the page has been computed and drawn, and look for what must not be there."""
        for _ in range(2):  # what was clicked or typed is sent a moment later
            self.page.wait_for_timeout(700)
            self.page.wait_for_function(READY)
        boxes = self.page.locator('[data-testid="stException"]')
        assert boxes.count() == 0, boxes.first.inner_text()
        self.assert_charts()
        assert self.page.evaluate(UNNAMED) == []

    def has_charts(self, count: int) -> None:
        """Wait until there are so many."""
        from playwright.sync_api import expect

        expect(self.page.locator('[data-testid="stVegaLiteChart"]')).to_have_count(count, timeout=180_000)

    def assert_charts(self) -> None:
        """Every chart in sight has marks that take some module; its axes and texts do not count."""
        for chart in self.page.locator('[data-testid="stVegaLiteChart"]').all():
            if not chart.is_visible():
                continue
            chart.locator("svg.marks").first.wait_for(state="attached")
            self.page.wait_for_function(MARKED, arg=chart.element_handle())  # until then the chart is blank

    def fits(self, title: str) -> None:
        """The page has a title of its own, and is read on a laptop, a large screen and a telephone, by day and by night."""
        assert self.page.title() == f"{title} · customer segments"
        before = self.page.viewport_size
        grounds = set()
        for width, height in SCREENS:
            self.page.set_viewport_size({"width": width, "height": height})
            for scheme in ("light", "dark"):
                self.page.emulate_media(color_scheme=scheme)
                self.page.wait_for_function(TURNED, arg=scheme)
                self.stand_still()
                grounds.add(
                    self.page.evaluate(
                        "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"
                    )
                )
                assert self.page.evaluate(UNREAD) == [], f"{title}, {width} wide, {scheme}"
        assert len(grounds) == 2, "the page does not follow the system"
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size(before)
        self.page.wait_for_function(TURNED, arg="light")
        self.stand_still()  # what is opened while the page still moves is closed again

    def stand_still(self) -> None:
        """Wait until nothing moves."""
        self.page.evaluate("window.still = undefined")
        self.page.wait_for_function(STILL, polling=100)

    def keep(self, name: str) -> None:
        if PICTURES:
            self.picture(CHECKOUT / PICTURES / f"dashboard-{name}.png")

    def picture(self, path: Path) -> None:
        """The whole page: its main part scrolls by itself, so the window is made as high as that is."""
        before = self.page.viewport_size
        self._set_height(600)  # low, so that a short page stays short
        for _ in range(2):  # a higher window may make some of it higher
            self._set_height(self.page.evaluate(HEIGHT))
        self.page.screenshot(path=path, animations="disabled")
        self._set_height(before["height"])

    def _set_height(self, height: int) -> None:
        self.page.set_viewport_size({"width": self.page.viewport_size["width"], "height": height})
        self.settle()


@pytest.fixture(scope="module")
def looked_at(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """The project whose dashboard is opened, with two scored batches."""
    if PICTURES:
        return pictured(tmp_path_factory.mktemp("dashboard") / "project")
    project = request.getfixturevalue("reproduced").copy(tmp_path_factory.mktemp("dashboard") / "project")
    features = project.table("features/customers.parquet")
    for name, table in (("same", features), ("older", features.assign(age=features["age"] + 30))):
        table.to_csv(project.root.parent / f"{name}.csv", index=False)
        project.run("segments", "score", f"../{name}.csv", "-o", f"../{name}-scored.csv")
    foresee(project)
    return project


def foresee(project: SmallProject) -> None:
    """Risk and value, as of a source with a log."""
    known = project.table("profiles/segments.parquet")[["customer_id", "cluster", "segment_id", "segment"]]
    risk = known.assign(churn_risk=0.25, expected_value=99.0, outside_learned=False)
    risk.to_parquet(project / "artifacts/prediction/customers.parquet", index=False)


def pictured(root: Path) -> SmallProject:
    """This checkout's artifacts and record with two batches and a migration. A copy: what is scored for a picture is no batch of the person's."""
    for name in ("conf", "artifacts", "mlruns", "record"):
        shutil.copytree(CHECKOUT / name, root / name, ignore=shutil.ignore_patterns("monitoring"))
    (root / "src").mkdir()
    (root / "src/segments").symlink_to(CHECKOUT / "src/segments")  # this checkout's code, whatever is installed
    for path in (CHECKOUT / "dvc.yaml", CHECKOUT / "data.dvc", *CHECKOUT.glob("mlflow.db*")):
        shutil.copy(path, root)
    (root / "data").symlink_to(CHECKOUT / "data")
    project = SmallProject(root)
    log = pd.read_parquet(root / "data/completejourney/transactions.parquet")
    late = log["transaction_timestamp"] >= "2017-07-01"
    for name, lines in (("whole-year", log), ("second-half", log[late])):
        lines.to_parquet(root.parent / f"{name}.parquet")
        project.run("segments", "score", f"../{name}.parquet", "-o", f"../{name}-scored.parquet")
    project.run("segments", "migration", "from=2017-07-01")
    return project


@pytest.fixture(scope="module")
def served(looked_at: SmallProject) -> Iterator[str]:
    """A running ``segments dashboard``, beside a port that is taken; its server asks no other machine either."""
    asked = looked_at.root.parent / "asked.txt"
    watcher = looked_at / "src/sitecustomize.py"
    watcher.parent.mkdir(exist_ok=True)
    watcher.write_text(WATCH % str(asked))
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        process = subprocess.Popen(
            ["segments", "dashboard", f"dashboard.port={port}"],
            cwd=looked_at.root,
            env=looked_at.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("Stop with"):
                break
    said = "".join(lines)
    match = re.search(r"Dashboard: (http://\S+)", said)
    assert match, said
    yield match[1]
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=LIMIT)
    assert (process.returncode, rest.strip()) == (0, "Stopped.")
    assert set(asked.read_text().splitlines()) == {"watching"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    quiet += [
        "--disable-component-update",
        "--disable-sync",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=machine.chromium(), args=quiet)
        context = running.new_context(viewport={"width": 1440, "height": 1800}, device_scale_factor=1)
        context.set_default_timeout(180_000)
        yield context
        running.close()


@pytest.fixture
def visit(browser: Any, served: str) -> Iterator[Visit]:
    """A new page; afterwards: nothing left this machine, and the console has no errors."""
    seen = Visit(browser.new_page(), served)

    def route(route: Any) -> None:
        if re.match(r"http://127\.0\.0\.1:\d+/|data:|blob:", route.request.url):
            route.continue_()
        else:
            seen.left.append(route.request.url)
            route.abort()

    seen.page.route("**/*", route)
    seen.page.on("response", lambda answer: seen.failed.append(answer.url) if answer.status >= 400 else None)
    seen.page.on("websocket", lambda ws: None if ws.url.startswith("ws://127.0.0.1:") else seen.left.append(ws.url))
    seen.page.on("console", lambda message: seen.errors.append(message.text) if message.type == "error" else None)
    seen.page.on("pageerror", lambda error: seen.errors.append(str(error)))
    yield seen
    seen.page.close()
    assert seen.left == []
    assert [url for url in seen.failed if not SOUGHT.search(url)] == []
    assert [text for text in seen.errors if not any(benign in text for benign in BENIGN)] == []


def test_overview_says_who_is_in_use_and_since_when(visit: Visit) -> None:
    visit.open("overview")
    page = visit.page
    page.get_by_role("heading", name="Overview").wait_for()
    page.get_by_text("Which model this is").click()
    page.get_by_text("customer-segments v").first.wait_for()
    page.get_by_text(re.compile(r"^20\d\d-\d\d-\d\d$")).first.wait_for()
    page.locator('[data-testid="stVegaLiteChart"]').nth(1).wait_for()
    visit.keep("overview")
    visit.fits("Overview")
    page.set_viewport_size({"width": 1280, "height": 800})
    what_to_do = page.get_by_test_id("stTable").bounding_box()
    assert what_to_do["y"] + what_to_do["height"] < 800, "a manager sees all segments without scrolling"


def test_a_list_is_made_its_results_are_read_and_five_questions_answered(visit: Visit, tmp_path: Path) -> None:
    visit.open("performance")
    page = visit.page
    if PICTURES:
        page.get_by_text(re.compile("^Who moved in")).wait_for()
    else:
        page.get_by_text("has no transactions").wait_for()
    visit.keep("performance")
    visit.fits("Performance")
    page.get_by_text("Make a list with a control group").click()
    page.get_by_text("respond anyway").wait_for()
    page.get_by_label("Campaign", exact=True).fill("summer")
    page.keyboard.press("Enter")
    visit.settle()
    page.get_by_role("button", name="Make the list").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download the list").click()
    listed = pd.read_csv(saved.value.path(), dtype="str")
    assert set(listed["group"]) == {"treatment", "control"}
    results = listed[["customer_id"]].assign(responded=(listed["group"] == "treatment").astype(int))
    results.to_csv(tmp_path / "results.csv", index=False)
    page.get_by_text("Read what a campaign brought").click()
    page.get_by_label("Campaign of the results").fill("summer")
    page.keyboard.press("Enter")
    page.locator("input[type=file]").set_input_files(tmp_path / "results.csv")
    visit.settle()
    page.get_by_role("button", name="Read the results").click()
    page.get_by_role("heading", name="Campaign summer: effect").wait_for()
    page.get_by_text("+100.0 points").last.wait_for()
    visit.open("overview")
    page.set_viewport_size({"width": 1280, "height": 800})
    table = page.get_by_test_id("stTable").first
    heads = table.locator("thead th").all_inner_texts()
    rows = table.locator("tbody tr").all()
    # who are they, who is leaving, what do I do on Monday: a line a segment, without a click
    assert len(rows) >= 2
    for row in rows:
        cells = dict(zip(heads, row.locator("th, td").all_inner_texts(), strict=True))
        assert re.match(r"S\d+ · \S", cells["segment"]) and re.match(r"[\d,]+ \(\d+ %\)", cells["customers"])
        assert re.fullmatch(r"\d+(\.\d+)? %", cells["leaving"])
        assert len(cells["what to do"]) > 10
    # is it still true: a sentence above it, and on one click what the last batch says
    page.get_by_text(re.compile("^(Not f|F)irm")).first.wait_for()
    page.get_by_role("link", name="Monitor").click()
    visit.settle()
    page.get_by_text(re.compile("(Refit: |Keep)")).first.wait_for()
    # did the last campaign work: one click
    page.get_by_role("link", name="Overview").click()
    visit.settle()
    page.get_by_role("link", name="Performance").click()
    visit.settle()
    # the table is drawn on a canvas: its rows are tested without a browser; without any there is neither it nor this sentence
    page.get_by_label(re.compile("^Campaigns: ")).first.wait_for()
    page.get_by_text("Gain: treated less control").wait_for()


def test_compare_shows_curves_and_pictures_side_by_side(visit: Visit) -> None:
    visit.open("compare")
    page = visit.page
    page.get_by_role("heading", name="Why this one").wait_for()
    visit.has_charts(3)
    pictures = page.locator('[data-testid="stImage"] img')
    pictures.nth(3).wait_for()
    page.wait_for_function(LOADED)
    page.get_by_text(re.compile(r"^In use: A is S1, .+; B is S2, ")).wait_for()
    link = page.get_by_role("link", name="MLflow run").first
    assert "?workflowType=machine_learning" in link.get_attribute("href")
    page.get_by_role("heading", name="Curves over k").scroll_into_view_if_needed()
    visit.keep("compare")
    visit.fits("Compare")
    score = page.get_by_role("combobox", name=re.compile("Score on the left"))
    score.click()
    page.get_by_role("option", name=re.compile("Davies-Bouldin")).click()
    visit.settle()


def test_segments_are_described_and_members_searched(visit: Visit, looked_at: SmallProject) -> None:
    visit.open("segments")
    page = visit.page
    customer = str(looked_at.table("features/customers.parquet")["customer_id"].iloc[3])
    page.get_by_label("Customer's id").fill(customer)
    page.keyboard.press("Enter")
    visit.settle()
    page.get_by_text("Confidence", exact=True).first.wait_for()
    visit.keep("segments")
    visit.fits("Segments")
    for tab in ("Rules", "Demographics", "Playbook", "Members"):
        page.get_by_role("tab", name=tab).click()
        visit.settle()
    page.get_by_label("Search by id").fill(customer[0])
    page.keyboard.press("Enter")
    visit.settle()
    page.get_by_text(re.compile(r"[\d,]+ customers; 50 a page")).wait_for()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Export as CSV").click()
    assert Path(saved.value.path()).read_text().startswith('"customer_id","segment_id","segment"')


def test_a_slider_moves_the_answer_and_a_file_is_scored(visit: Visit, looked_at: SmallProject, tmp_path: Path) -> None:
    visit.open("what-if")
    page = visit.page
    before = page.get_by_test_id("stMetricValue").all_inner_texts()
    slider = page.get_by_role("slider").first
    slider.focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight", delay=30)  # as a person without a mouse would
    page.wait_for_function(ANSWER_OTHER_THAN, arg=before)
    visit.settle()
    visit.keep("what-if")
    visit.fits("What if")
    table = looked_at.table("features/customers.parquet").head(50).astype("object")
    column = json.loads((looked_at / "artifacts/registry/segmentation.json").read_text())["space"]["columns"][0]
    table.loc[1, column] = "many"
    table.to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "other.csv").write_text("customer_id,colour\n1,red\n")
    page.get_by_role("tab", name="A file").click()
    for name, message in (("other.csv", "the file has no column"), ("rows.csv", "49 rows of rows.csv scored")):
        page.locator("input[type=file]").set_input_files(tmp_path / name)
        visit.settle()
        page.get_by_role("button", name="Score", exact=True).click()
        page.get_by_text(re.compile(message)).first.wait_for()
        visit.settle()
    page.get_by_text(f"{column} is not a number").wait_for()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download the answers").click()
    assert len(Path(saved.value.path()).read_text().splitlines()) == 50


def test_a_picture_holds_the_whole_page(visit: Visit, tmp_path: Path) -> None:
    visit.open("compare")
    visit.picture(tmp_path / "compare.png")
    width, height = (int.from_bytes((tmp_path / "compare.png").read_bytes()[at : at + 4]) for at in (16, 20))
    assert width == 1440
    assert height == visit.page.evaluate(HEIGHT) > 1800
    assert visit.page.viewport_size == {"width": 1440, "height": 1800}


def test_monitor_shows_lights_and_says_refit_or_keep(visit: Visit) -> None:
    visit.open("monitor")
    page = visit.page
    page.get_by_text(re.compile("Refit: |Keep")).first.wait_for()
    visit.has_charts(4)
    visit.keep("monitor")
    visit.fits("Monitor")
    batch = page.get_by_role("combobox", name=re.compile("^Batch|Batch$|. Batch"))
    batch.first.click()
    page.get_by_role("option").last.click()
    visit.settle()
    page.get_by_text(re.compile("Refit: |Keep")).first.wait_for()


def test_only_this_machine_can_reach_it_and_under_no_other_name(served: str) -> None:
    port = int(served.rsplit(":", 1)[1])
    listeners = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    addresses = {one[1].split(":")[0] for one in listeners if one[3] == "0A" and int(one[1].split(":")[1], 16) == port}
    assert addresses == {"0100007F"}  # 127.0.0.1, and no other
    with urllib.request.urlopen(f"{served}/_stcore/health", timeout=LIMIT) as answer:
        assert answer.status == 200

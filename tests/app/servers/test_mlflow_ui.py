"""Links, views and errors of the MLflow UI; nothing here starts MLflow (tests/test_browser.py does)."""

from __future__ import annotations

import http.server
import json
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segments.app.load import checked
from segments.app.servers import child, mlflow_ui
from segments.config.registry import TrackingConfig
from segments.errors import ConfigError, TrackingError
from segments.io.tracking import ui_views
from segments.io.tracking.mlflow_internals import TAG
from segments.io.tracking.ui_views import Record
from smallest_config import config

WHOLE = Record("mall", "7", sweep_run_id="s1", champion_run_id="c1", model="customer-segments", version="3")
FACETS = {
    "searchFilter",
    "orderByKey",
    "orderByAsc",
    "startTime",
    "lifecycleFilter",
    "modelVersionFilter",
    "datasetsFilter",
}


# --- links ----------------------------------------------------------------------------------------------------------


def test_a_link_opens_the_training_pages_and_names_its_view_and_nothing_else() -> None:
    """MLflow ignores the view of a link that bears a parameter of the list; without the workflow it opens GenAI."""
    for link in ui_views.links("http://127.0.0.1:5000", WHOLE):
        address, _, query = link.url.partition("?")
        parameters = parse_qs(query)
        assert address.startswith("http://127.0.0.1:5000/#/")
        assert parameters["workflowType"] == ["machine_learning"]
        assert not FACETS & set(parameters)


def test_a_page_of_a_run_is_that_of_the_links() -> None:
    by_label = {link.label: link.url for link in ui_views.links("http://127.0.0.1:5000", WHOLE)}
    assert ui_views.run_page("http://127.0.0.1:5000", "7", "s1") == by_label["sweep"]
    assert ui_views.run_page("", "7", "s1") == "#/experiments/7/runs/s1?workflowType=machine_learning"


def test_the_record_decides_which_links_there_are() -> None:
    always = ["candidates", "table", "curves", "finalists"]
    assert [link.label for link in ui_views.links("", Record("mall", "7"))] == always
    assert [link.label for link in ui_views.links("", WHOLE)] == [*always, "sweep", "champion", "registry"]
    by_label = {link.label: link.url for link in ui_views.links("", WHOLE)}
    assert by_label["sweep"].startswith("#/experiments/7/runs/s1?")
    assert by_label["champion"].startswith("#/experiments/7/runs/c1?")
    assert by_label["registry"].startswith("#/models/customer-segments/versions/3?")
    assert parse_qs(by_label["table"].partition("?")[2])["compareRunsMode"] == ["TABLE"]


def test_a_base_url_may_end_in_a_slash_and_a_model_name_may_need_quoting() -> None:
    odd = Record("mall", "7", champion_run_id="c1", model="our model/é", version="3")
    url = ui_views.links("http://h:1/", odd)[-1].url
    assert url.startswith("http://h:1/#/models/our%20model%2F%C3%A9/versions/3?")


def test_every_view_that_a_link_names_is_a_tag() -> None:
    named = {
        parse_qs(link.url.partition("?")[2]).get("viewStateShareKey", [""])[0]
        for link in ui_views.links("", Record("mall", "7"))
    }
    assert {TAG + key for key in named} == set(ui_views.view_states("s1"))


def test_the_menu_is_one_line_of_markdown() -> None:
    """An experiment's description shows only its first line until it is unfolded."""
    menu = ui_views.menu(WHOLE)
    assert "\n" not in menu
    assert re.findall(r"\[(\w+)\]\((#/[^ )]+)\)", menu) == [
        (link.label, link.url) for link in ui_views.links("", WHOLE)
    ]


# --- view states ----------------------------------------------------------------------------------------------------


def state(key: str, *arguments: Any) -> dict[str, Any]:
    return json.loads(ui_views.view_states(*arguments)[TAG + key])


def test_the_filter_names_the_kind_and_the_sweep() -> None:
    assert (
        state("candidates", "s1")["searchFilter"]
        == "tags.`segments.kind` = 'candidate' and tags.`segments.sweep_id.s1` = 'true'"
    )
    assert state("curves", "s1")["searchFilter"] == "tags.`segments.kind` = 'curve' and tags.`segments.sweep_id` = 's1'"
    assert (
        state("finalists")["searchFilter"] == "tags.`segments.kind` = 'candidate' and tags.`segments.finalist` = 'true'"
    )


def test_the_best_candidates_come_first() -> None:
    for key in ("candidates", "table"):
        assert (state(key, "s1")["orderByKey"], state(key, "s1")["orderByAsc"]) == ("tags.`segments.rank`", True)
    columns = state("table")["selectedColumns"]
    assert columns[0] == "tags.`segments.rank`"
    assert columns[4:6] == ["tags.`segments.grade`", "tags.`segments.gates`"]


def test_finalists_stand_in_the_order_they_were_ranked() -> None:
    assert (state("finalists")["orderByKey"], state("finalists")["orderByAsc"]) == ("tags.`segments.place`", True)


def test_ten_candidates_are_visible_and_all_curves() -> None:
    """More visible candidates would only change which ten have pictures; ten curves would leave out the rest."""
    visible = {key: state(key)["runsHiddenMode"] for key in ("candidates", "curves", "finalists")}
    assert visible == {"candidates": "FIRST_10_RUNS", "curves": "SHOW_ALL", "finalists": "SHOW_ALL"}


@pytest.mark.parametrize("key", ["candidates", "curves", "finalists"])
def test_mlflow_finds_nothing_to_add_to_a_view(key: str) -> None:
    """It adds a chart for each score and picture without one; a deleted chart counts."""
    charts = state(key)["compareRunCharts"]
    assert sorted(c["metricKey"] for c in charts if "metricKey" in c) == sorted(ui_views.SCORE_METRICS)
    assert sorted(picture for c in charts for picture in c.get("imageKeys", [])) == sorted(ui_views.PICTURES)
    sections = {section["uuid"] for section in state(key)["compareRunSections"]}
    drawn = [c for c in charts if not c.get("deleted")]  # the others lie in no section: a tag holds 5,000 characters
    assert {c["metricSectionId"] for c in drawn} == sections
    assert len({c["uuid"] for c in drawn}) == len(drawn)


def test_a_state_fits_into_a_tag() -> None:
    """MLflow takes 20,000 characters, some databases 5,000."""
    assert max(map(len, ui_views.view_states("f" * 64).values())) < 5000


@pytest.mark.slow
@given(st.integers(1, 8), st.integers(1, 6))
def test_every_curve_has_its_own_colour(sets: int, scalers: int) -> None:
    cells = [(f"set{i}", f"scaler{j}") for i in range(sets) for j in range(scalers)]
    colours = ui_views.colours(cells)
    assert list(colours) == cells
    assert len(set(colours.values())) == len(cells)
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours.values())


@pytest.mark.parametrize("port", [0, 80, 70000])
def test_a_port_nobody_may_listen_on_is_refused(port: int) -> None:
    with pytest.raises(ConfigError, match="out of range"):
        checked(TrackingConfig, {"port": port})


# --- what a person reads --------------------------------------------------------------------------------------------


def test_an_empty_record_says_what_to_run() -> None:
    assert "dvc repro" in mlflow_ui.describe_record("http://127.0.0.1:5000", [])


def test_without_a_champion_it_says_what_to_run() -> None:
    text = mlflow_ui.describe_record("http://127.0.0.1:5000", [Record("mall", "7")])
    assert "No champion is registered yet: run `dvc repro`" in text
    assert "No champion" not in mlflow_ui.describe_record("http://127.0.0.1:5000", [WHOLE, Record("mall", "7")])


def test_every_link_is_printed_whole_on_its_own_line() -> None:
    lines = [line.strip() for line in mlflow_ui.describe_record("http://127.0.0.1:5000", [WHOLE]).splitlines()]
    assert all(link.url in lines for link in ui_views.links("http://127.0.0.1:5000", WHOLE))


# --- servers --------------------------------------------------------------------------------------------------------


class _Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


def test_a_remote_record_gets_its_links_and_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "run_child", lambda *a, **k: pytest.fail("something was started"))
    monkeypatch.setattr(mlflow_ui, "records", lambda config, uri: [WHOLE])
    said: list[str] = []
    with http.server.HTTPServer((child.HOST, 0), _Healthy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://{child.HOST}:{server.server_port}"
        assert mlflow_ui.run_mlflow_ui(config(), url + "/", said.append) == 0
        server.shutdown()
    assert f"{url}/#/experiments/7/runs/c1?workflowType=machine_learning" in said[0]


@pytest.mark.slow
@pytest.mark.parametrize("uri", ["http://127.0.0.1:{port}", "https://127.0.0.1:{port}/mlflow"])
def test_a_remote_server_that_does_not_answer_is_one_error(uri: str) -> None:
    with socket.create_server((child.HOST, 0)) as server:  # accepts, and never answers
        url = uri.format(port=server.getsockname()[1])
        with pytest.raises(TrackingError, match="does not answer") as caught:
            mlflow_ui.run_mlflow_ui(config(), url)
    assert caught.value.where == url
    assert "tracking.uri" in caught.value.fix


@pytest.mark.parametrize("form", ["sqlite:///{}", "sqlite:////{}"])
def test_no_record_yet_is_one_error_and_none_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """MLflow would make an empty database, unlocked, under the feet of a sweep that starts."""
    monkeypatch.chdir(tmp_path)
    path = "mlflow.db" if form.count("/") == 3 else str(tmp_path / "mlflow.db").lstrip("/")
    with pytest.raises(TrackingError, match="no MLflow record yet") as caught:
        mlflow_ui.run_mlflow_ui(config(), form.format(path))
    assert caught.value.where == str(tmp_path / "mlflow.db")
    assert "dvc repro" in caught.value.fix
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"this is no database" * 100, b""], ids=["text", "nothing"])
def test_a_damaged_record_is_one_error_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """MLflow would try for minutes."""
    monkeypatch.setattr(child, "run_child", lambda *_, **__: pytest.fail("a server was started"))
    database = tmp_path / "mlflow.db"
    database.write_bytes(content)
    with pytest.raises(TrackingError, match="record cannot be used") as caught:
        mlflow_ui.run_mlflow_ui(config(), f"sqlite:///{database}")
    assert "segments track" in caught.value.fix
    assert database.read_bytes() == content


def test_the_server_is_started_beside_its_record_and_on_this_machine_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: dict[str, Any] = {}

    def run_child(command: Any, **given: Any) -> int:
        seen.update(given, words=command(5001))
        return 0

    monkeypatch.setattr(child, "run_child", run_child)
    monkeypatch.setattr(mlflow_ui, "look_local", lambda _: None)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    assert mlflow_ui.run_mlflow_ui(config(port=5001), uri) == 0
    options = dict(zip(seen["words"][4::2], seen["words"][5::2], strict=True))
    assert options == {"--backend-store-uri": uri, "--workers": "1", "--host": "127.0.0.1", "--port": "5001"}
    assert (seen["port"], seen["folder"]) == (5001, tmp_path)


def test_importing_the_room_imports_no_mlflow() -> None:
    heavy = {"mlflow", "pandas", "sklearn", "numpy", "hydra"}
    code = f"import sys, segments.app.servers.mlflow_ui, segments.io.tracking.ui_views; print(sorted({{m.split('.')[0] for m in sys.modules}} & {heavy}))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )

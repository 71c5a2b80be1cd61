"""The ``segments`` command. Comes in: a command and overrides. Goes out: an exit code; heavy libraries are imported only by the command that needs them.

Exit codes: 0 done, 2 something a person can mend (one message, no traceback), 3 done but for the rows that `score` rejected, 130 and 143 interrupted.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

from segments.errors import ConfigError, SegmentsError

if TYPE_CHECKING:
    from segments.config.root import Config

STAGES = {
    "data": "raw files -> clean tables, and a report of every row dropped or repaired",
    "features": "clean tables -> one row per customer, all columns",
    "explore": "features -> pictures, their numbers, and warnings",
    "sweep": "features -> every candidate of the grid, tracked in MLflow",
    "evidence": "candidates -> how stable each is, and whether there are clusters at all",
    "selection": "candidates and evidence -> the chosen one, the runner-up, the reason",
    "sensitivity": "the chosen one -> how much of it stays under other seeds, scalers, features, dates",
    "identity": "chosen clusters and the champion -> ids, names and colours that stay",
    "prediction": "features up to a day, purchases after it -> churn risk and expected value per customer",
    "profiles": "chosen clusters -> what each segment is like, rules for who is in it",
    "playbook": "segments -> what to do with each: goal, offer, channel, with the evidence",
    "briefing": "profiles -> one HTML report for a manager, with its pictures",
    "registry": "all of it -> a registered model and the sweep's record in MLflow",
}
COMMANDS = {
    "fetch": "bring the raw files of a source under data/ and pin them  [source=NAME] [from=PATH] [accept=true]",
    "describe": "draft conf/source/NAME.yaml from a raw file               FILE",
    "fit": "make ONE candidate, or many with -m                       [feature_set=NAME] [scaler=NAME] [k=N]",
    "select": "choose a candidate by hand, or return to the rule          CANDIDATE_ID|rule --because WHY",
    "rename": "name a segment by hand                                     SEGMENT_ID NAME --because WHY",
    "verify": "make a registered version again and compare                [VERSION]",
    "promote": "put a registered version in use                            VERSION --because WHY",
    "rollback": "put the champion before this one in use                    [--because WHY]",
    "migration": "who moved between two dates or versions, and why           from=DATE|VERSION [to=DATE|VERSION]",
    "export": "a target list with a control group                         [OUT.csv|OUT.parquet] [campaign=NAME] [segment=S1|NAME] [columns=[a,b]] [overwrite=true]",
    "uplift": "what a campaign brought, by segment                        [FILE] campaign=NAME",
    "track": "rebuild MLflow's record from what is on disk",
    "score": "give every row of a file its segment, by the registered model   INPUT -o OUTPUT [--model models:/NAME@ALIAS] [--no-record] [read.encoding=NAME]",
    "serve": "answer requests on 127.0.0.1 with the registered model     [port=N] [model=models:/NAME@ALIAS]",
    "server": "MLflow for a team: PostgreSQL, artifacts, sign-in           --database ADDRESS [--artifacts FOLDER] [--port N] [--host ADDRESS --allowed-hosts NAMES --auth FILE]",
    "ui": "MLflow's page on 127.0.0.1, with links to the right views",
    "dashboard": "a page on 127.0.0.1: champion, segments, customers, drift   [dashboard.port=N]",
    "summary": "what the last run chose and why",
    "catalog": "every file a stage hands on: rows, columns, units          [STAGE|FILE]",
}
WITHOUT_PROJECT = ("describe", "server")  # these take no overrides
# Words of a command's own, beside the overrides: a word in its place, an option `--name VALUE`, a flag `--name`, or `name=VALUE`;
# and the parameter of its stage they go to. "!" behind the parameter: it may not be left out. "/": a path, from where the person stands.
# "?": a flag without a value, which says "false".
WORDS: dict[str, dict[str, str]] = {
    "catalog": {"1": "what"},
    "select": {"1": "candidate!", "--because": "because"},
    "rename": {"1": "segment!", "2": "name!", "--because": "because!"},
    "verify": {"1": "version"},
    "promote": {"1": "version!", "--because": "because!"},
    "rollback": {"--because": "because"},
    "migration": {"from=": "start!", "to=": "end"},
    "fetch": {"from=": "origin/", "accept=": "accept"},
    "export": {
        "1": "file/",
        "campaign=": "campaign",
        "segment=": "segment",
        "columns=": "columns",
        "overwrite=": "overwrite",
    },
    "uplift": {"1": "file/", "campaign=": "campaign!"},
    "score": {
        "1": "input!/",
        "-o": "output!/",
        "--output": "output!/",
        "--model": "model",
        "--no-record": "record?",
        "read.encoding=": "encoding",
        "read.separator=": "separator",
        "read.decimal=": "decimal",
    },
    "serve": {"port=": "port", "model=": "model", "host=": "host"},
    "server": {
        "--database": "database!",
        "--artifacts": "artifacts",
        "--port": "port",
        "--host": "host",
        "--allowed-hosts": "allowed_hosts",
        "--auth": "auth",
    },
}
USAGE = {
    "score": """usage: segments score INPUT -o OUTPUT [--model models:/NAME@ALIAS] [--no-record] [read.KEY=VALUE ...] [KEY=VALUE ...]

INPUT   CSV or parquet, read in chunks. Either feature rows: an id (customer_id, or as the source calls it) and the columns of the model; other columns
        and their order do not matter. Or a transaction log as the source describes it, summed up as of source.as_of=YYYY-MM-DD.
OUTPUT  CSV or parquet, by its suffix; written whole or not at all. Same ids in the same order; cluster, segment, distance, margin, and whatever else
        the model says. Rows that cannot be scored, or are not as long as the header, go to OUTPUT's stem + .rejected.csv with row number, id and
        reason. Lines of a log that the source's policy leaves out (source.policy: returns, zero amounts, lines after the as-of date) are no
        faults: they are counted in what is printed and in the record, but are neither in that file nor in the exit code. A log with a line
        that is not as long as its header is refused.

--model      models:/NAME@ALIAS or models:/NAME/VERSION; the champion by default.
--no-record  leave no record. Otherwise artifacts/monitoring/ and MLflow's experiment `monitoring` keep counts and drift figures, no customers;
             the same file scored twice by the same version is one record.
read.encoding=cp1251, 'read.separator=;', read.decimal=,
             how this CSV is written, where neither the source's own `read` nor the file itself tells it right.

exit code: 0 all rows scored, 3 some rejected (the others are scored), 2 no row scored.""",
    "serve": """usage: segments serve [port=N] [model=models:/NAME@ALIAS] [KEY=VALUE ...]

MLflow's model server on 127.0.0.1, with limits on what it takes (section `serving` of conf/config.yaml). It says its address and an example once the
model is loaded and has answered. Stop it with Ctrl-C.

POST /invocations with Content-Type: application/json, and the columns of your model (here those of the bundled data's)
  {"dataframe_records": [{"monetary": 2500.0, "basket_value": 31.0, "departments": 12.0, "trend": 0.1}]}     or
  {"dataframe_split": {"columns": ["monetary", "basket_value", "departments", "trend"], "data": [[2500.0, 31.0, 12.0, 0.1]]}}
answer: {"predictions": [{"cluster": 0, "segment": "...", "distance": 0.1, "margin": 0.2, ...}]}, one per row, in order.
A request that cannot be answered gets {"error": "one sentence"}: 400 wrong columns or values, 413 too large, 415 another type, 503 too many at once.
GET /health answers 200.""",
    "export": """usage: segments export [OUT.csv|OUT.parquet] [campaign=NAME] [segment=S1|NAME] [columns=[a,b]] [overwrite=true] [KEY=VALUE ...]

A target list, and what it can show. Of each segment, export.control_share is left alone, drawn by a keyed hash of campaign and customer: the same
customers however often a list is made.

OUT       artifacts/export/CAMPAIGN.csv by default.
campaign  names the draw, by which `segments uplift` finds it again; always-on by default.
segment   one segment, by its id or else its name; all by default.
columns   customer_id, segment, confidence, action and group by default; also segment_id, playbook, channel, offer (empty for controls), every
          feature, and churn_risk and expected_value where they are predicted. Without group or action nobody could tell the controls, so
          they are not in the file: the summary says how many.

In CSV, text that a spreadsheet would take for a formula gets an apostrophe in front.""",
    "uplift": """usage: segments uplift [FILE] campaign=NAME [KEY=VALUE ...]

What a campaign brought, by segment: treatment against control, with 95 % intervals. Without FILE, a past campaign of the source is described.

FILE    CSV, parquet or xlsx with a header and one row for EVERY customer of the exported list, controls too:
  customer_id  as in the list
  responded    1 or 0, yes or no, true or false     } one of the two, or both;
  spend        money in the campaign's time         } 0 for who did nothing, never left out
  group        treatment or control; needed only when `segments export` did not draw the campaign, and then no effect is claimed
Other columns are left alone.

No effect is claimed when more than 10 % of a segment's exported customers have no row, or when only those who bought are in the file.""",
}
EPILOG = """Stages and commands take overrides in Hydra's grammar (sweep.k_max=8, source=mall, experiment=mall); with -m they run once
per combination (segments fit -m k='range(2,8)' scaler=robust,power). --timings prints where the time goes. `dvc repro` runs all stages."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Words after ``segments``; those of the process by default.

    Returns
    -------
    int
        Exit code.

    Examples
    --------
    >>> main(["--version"])
    segments 0.1.0
    0
    """
    # Libraries make a million objects as they are imported, none of them garbage: looking at them again and again took an eighth of every start.
    gc.set_threshold(100_000, 50, 100)
    # Whoever is interrupted has the process beside it that clears up what processes shared; it need not say what it found.
    os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker")
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help", "help"):
        print(_help())
        return 0
    if words[0] == "--version":
        from segments import __version__

        print(f"segments {__version__}")
        return 0
    command, rest = words[0], words[1:]
    if "-h" in rest or "--help" in rest:
        print(_help(command))
        return 0
    try:
        signal.signal(signal.SIGTERM, _terminated)
        started = time.perf_counter()
        _run(command, rest)
        if "--timings" in rest:
            sys.stderr.write(f"{command}: {time.perf_counter() - started:.2f} s in all\n")
        return 0
    except SegmentsError as error:
        sys.stderr.write(f"segments {command}: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write(f"\nsegments {command}: interrupted; what is finished is kept, the same command continues\n")
        return 130
    except BrokenPipeError:
        # the reader of our output (`| head`) has gone; nothing is left to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(command: str, words: list[str]) -> None:
    if command == "describe":
        if len(words) != 1:
            raise ConfigError(
                "describe takes one file", where="segments describe", fix="write `segments describe FILE`"
            )
        from pathlib import Path

        from segments.data.files import describe_file

        print(describe_file(Path(words[0])), end="")
        return
    if command == "server":  # needs no project
        given, stray = _own_words(command, words)
        if stray:
            raise ConfigError(
                f"'{stray[0]}' is not expected here", where="segments server", fix="see `segments --help`"
            )
        from segments.app.servers.mlflow_team import serve

        serve(**given)
    if command not in (*STAGES, *COMMANDS):
        from difflib import get_close_matches

        close = get_close_matches(command, [*STAGES, *COMMANDS], n=1)
        raise ConfigError(
            f"there is no command '{command}'",
            where="segments",
            fix=(f"did you mean '{close[0]}'? " if close else "") + "`segments --help` lists them",
        )

    os.environ.setdefault("MPLBACKEND", "agg")
    from segments.io.store.files import find_project

    many = [word for word in words if word in ("-m", "--multirun")]
    overrides = [word for word in words if word not in (*many, "--timings")]
    own, overrides = _own_words(command, overrides)
    os.chdir(find_project())
    if stray := [word for word in overrides if "=" not in word and not word.startswith("~")]:
        raise ConfigError(
            f"'{stray[0]}' is not an override", where=f"segments {command}", fix="write KEY=VALUE, such as source=mall"
        )
    if command == "summary":
        from segments.io.store.files import artifact, read_text

        print(read_text(artifact("registry", "summary.txt")), end="")
    elif many:
        from segments.app.load import multirun

        multirun(overrides, partial(_stage, command))
    else:
        from segments.app.load import load

        started = time.perf_counter()
        config = load(overrides)
        if "--timings" in words:
            import_module(_module(command))
            sys.stderr.write(f"{command}: {time.perf_counter() - started:.2f} s to start\n")
        if command == "ui":
            from segments.app.servers import mlflow_ui
            from segments.io.tracking.connection import tracking_uri

            raise SystemExit(mlflow_ui.serve(config, tracking_uri(config.tracking)))
        if command == "dashboard":
            from segments.app.servers import dashboard

            raise SystemExit(dashboard.serve(config, overrides))
        _stage(command, config, **own)


def _module(command: str) -> str:
    return f"segments.app.{'stages' if command in STAGES else 'commands'}.{command}"


def _stage(command: str, config: Config, /, **own: str) -> None:
    said = import_module(_module(command)).run(config, **own)
    text, code = said if isinstance(said, tuple) else (said, 0)
    if text:
        print(text, flush=True)
    if code:
        raise SystemExit(code)


def _own_words(command: str, words: list[str]) -> tuple[dict[str, str], list[str]]:
    """A command's own words by parameter, and the overrides."""
    spec = WORDS.get(command, {})
    usage = (
        f"segments {command} {(STAGES | COMMANDS)[command].split('  ')[-1].strip()}`; see `segments {command} --help"
    )
    own: dict[str, str] = {}
    overrides: list[str] = []
    places = iter([key for key in spec if key.isdigit()])
    rest = iter(words)
    for word in rest:
        key, given, value = word.partition("=")
        if key in spec and spec[key].endswith("?"):
            own[spec[key]] = "false"
        elif key.startswith("-") and key in spec:
            own[spec[key]] = value if given else next(rest, "")
            if not own[spec[key]]:
                raise ConfigError(f"{key} needs a value", where=f"segments {command}", fix=f"write `{usage}`")
        elif given and f"{key}=" in spec:
            own[spec[f"{key}="]] = value
        elif (given and " " not in key) or word.startswith("~") or not spec:
            overrides.append(word)
        elif not word.startswith("-") and (place := next(places, "")):
            own[spec[place]] = word
        else:
            raise ConfigError(f"'{word}' is not expected here", where=f"segments {command}", fix=f"write `{usage}`")
    for key, parameter in spec.items():
        if "!" in parameter and not own.get(parameter):
            name = parameter.rstrip("!/") if key.isdigit() else key
            taken = f" ('{overrides[0]}' was taken for a setting, as it has a '=')" if overrides else ""
            raise ConfigError(f"{name} is missing{taken}", where=f"segments {command}", fix=f"write `{usage}`")
    return {
        parameter.rstrip("!/?"): os.path.abspath(value) if parameter.endswith("/") else value  # noqa: PTH100 - still text
        for parameter, value in own.items()
    }, overrides


def _help(command: str = "") -> str:
    known = STAGES | COMMANDS
    if command in USAGE:
        return USAGE[command]
    if command in WITHOUT_PROJECT:
        what, words = (part.strip() for part in known[command].split("  ", 1))
        return f"usage: segments {command} {words}\n\n{command}: {what}"
    if command in known:
        return f"usage: segments {command} [KEY=VALUE ...]\n\n{command}: {known[command]}\n\n{EPILOG}"
    lines = ["usage: segments COMMAND [KEY=VALUE ...]", "", "stages, in the order `dvc repro` runs them:"]
    lines += [f"  {name:<11} {text}" for name, text in STAGES.items()]
    lines += ["", "commands:"]
    lines += [f"  {name:<11} {text}" for name, text in COMMANDS.items()]
    return "\n".join([*lines, "", EPILOG])


def _terminated(signum: int, frame: object) -> NoReturn:
    sys.stderr.write("\nsegments: terminated; what is finished is kept, the same command continues\n")
    raise SystemExit(143)

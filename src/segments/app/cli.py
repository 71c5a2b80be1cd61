"""The ``segments`` command. Comes in: a command and overrides. Goes out: an exit code; heavy libraries are imported only by the command that needs them.

Exit codes: 0 done, 2 something a person can mend (one message, no traceback), 3 done but for the rows that `score` rejected or files that `forget` left, 129, 130 and 143 interrupted.

A command is declared here (:mod:`segments.app.declare` says how): its own words, its help, and the import of what it runs.
"""

from __future__ import annotations

import errno
import gc
import os
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import NoReturn

import click

from segments import __version__
from segments.app import declare
from segments.app.declare import EPILOG, Command, Here, Place, Run, argument, because, print_lines, raw
from segments.errors import ConfigError, SegmentsError, quoted_part

ENDINGS = (signal.SIGTERM, signal.SIGHUP)  # a service manager, a closed terminal
COMPLETE = "_SEGMENTS_COMPLETE"
STAGES = {
    "data": "raw files -> clean tables, and a report of every row dropped or repaired",
    "features": "clean tables -> one row per customer, all columns",
    "explore": "features -> pictures, their numbers, and warnings",
    "sweep": "features -> every candidate of the grid, tracked in MLflow",
    "evidence": "candidates -> how stable each is, and whether there are clusters at all",
    "usefulness": "candidates of one horizon ago, purchases after it -> how much of these each explains",
    "sensitivity": "candidates that pass -> how much of each stays under other seeds, scalers, features, dates",
    "selection": "candidates and all that was measured -> the chosen one, the runner-up, the reason",
    "identity": "chosen clusters and the champion -> ids, names and colours that stay",
    "prediction": "features up to a day, purchases after it -> churn risk and expected value per customer",
    "profiles": "chosen clusters -> what each segment is like, rules for who is in it",
    "playbook": "segments -> what to do with each: goal, offer, channel, with the evidence",
    "performance": "purchase log and segments -> each segment month by month, who moved, targets met or missed",
    "briefing": "profiles -> one HTML report for a manager, with its pictures",
    "registry": "all of it -> a registered model and the sweep's record in MLflow",
}


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
    # pandera imports PySpark where it is installed; what goes between it and us is Arrow, and pandas has no part in it.
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    if asked := os.environ.get(COMPLETE):  # a shell asks what could come next
        from click.shell_completion import shell_complete

        return shell_complete(app, {}, "segments", COMPLETE, asked)
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] == "help":
        words = ["--help"]
    try:
        for number in ENDINGS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
                signal.signal(number, _terminated)
        # not app.main(), which has words and exit codes of its own for errors
        with nothing_swallowed(), app.make_context("segments", list(words)) as context:
            return int(app.invoke(context) or 0)
    except click.exceptions.Exit as done:  # --help, --version
        return done.exit_code
    except (SegmentsError, click.UsageError) as error:
        said = _as_config_error(error) if isinstance(error, click.UsageError) else error
        sys.stderr.write(f"segments {quoted_part(words[0], 40)}: {said}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write(f"\nsegments {words[0]}: interrupted; what is finished is kept, the same command continues\n")
        return 130
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:  # wherever it came from: typed, or from a config
            name = quoted_part(str(error.filename), 100)
            said = ConfigError(
                f"no file can be called {name}", where="a name that is too long", fix="give a shorter one"
            )
            sys.stderr.write(f"segments {quoted_part(words[0], 40)}: {said}\n")
            return 2
        if not isinstance(error, BrokenPipeError):
            raise
        # the reader of our output (`| head`) has gone; nothing is left to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


# --- what all commands have in common -----------------------------------------------------------------------------------


class Group(click.Group):
    """Stages and commands."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List them in their order, stages apart."""
        for title, names in (("Stages, in the order `dvc repro` runs them", STAGES), ("Commands", COMMANDS)):
            with formatter.section(title):
                formatter.write_dl(list(names.items()))


@click.group(
    "segments",
    cls=Group,
    epilog=f"{EPILOG} `segments COMMAND --help` says more.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 140},
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def app() -> None:
    """Raw customers in; a registered, reproducible segmentation out, chosen on evidence."""


of_project = partial(declare.of_project, app)


def _as_config_error(error: click.UsageError) -> ConfigError:
    """Errors of click in this project's shape."""
    said = " ".join(error.format_message().split()).rstrip(".")
    ctx = error.ctx or app.make_context("segments", [], resilient_parsing=True)
    usage, place = ctx.get_usage().split(maxsplit=1)[1], ctx.command_path
    return ConfigError(
        said[:1].lower() + said[1:], where=place, fix=f"write `{' '.join(usage.split())}`; `{place} --help` says more"
    )


def _terminated(signum: int, frame: object) -> NoReturn:
    """End in order: what is half-made is cleared up, and nothing that comes meanwhile stops that."""
    for number in ENDINGS:
        signal.signal(number, signal.SIG_IGN)
    try:
        sys.stderr.write("\nsegments: terminated; what is finished is kept, the same command continues\n")
        sys.stderr.flush()
    except OSError:  # the terminal is gone: nobody reads what else is said
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(nowhere, stream)
    raise SystemExit(128 + signum)


@contextmanager
def nothing_swallowed() -> Iterator[None]:
    """Raise an interrupt again that came while Python cleared an object away: it only prints what is raised there, and goes on."""
    before = sys.unraisablehook

    def look(found: sys.UnraisableHookArgs) -> None:
        swallowed = found.exc_value
        if not isinstance(swallowed, KeyboardInterrupt | SystemExit):
            before(found)
            return

        def again(signum: int, frame: object) -> NoReturn:
            raise swallowed

        signal.signal(signal.SIGALRM, again)
        signal.setitimer(signal.ITIMER_REAL, 0.01)  # at once it would be in here, and swallowed too

    sys.unraisablehook = look
    try:
        yield
    finally:
        sys.unraisablehook = before


# --- stages -------------------------------------------------------------------------------------------------------------


def _stage(name: str) -> Run:
    run: Run = import_module(f"segments.app.stages.{name}").run
    return run


for _name, _text in STAGES.items():
    of_project(name=_name, text=_text, stage=True)(partial(_stage, _name))

# --- commands -----------------------------------------------------------------------------------------------------------


@app.command(cls=Command)
@argument("folder", type=click.Path())
@click.option("--from", "origin", metavar="FILE", type=click.Path(), help="A raw file to segment: drafts its source.")
def new(folder: str, origin: str = "") -> None:
    """Make a project in a new folder, ready for `dvc repro`.

    It needs no checkout of this repository: conf/, dvc.yaml, DVC's settings and a README come with the package. With --from,
    conf/source/NAME.yaml is drafted as `segments describe` does, with a feature set, chosen in conf/config.yaml, and the file is
    copied under data/ and pinned.
    """
    from segments.app.commands.new import run

    click.echo(run(folder, origin))


@of_project(
    click.option("--from", "origin", metavar="PATH", type=Here(), help="Take the file from here."),
    click.option("--accept", metavar="true", help="Accept a file other than the pinned one."),
)
def fetch() -> Run:
    """Bring the raw files of a source under data/ and pin them."""
    from segments.app.commands.fetch import run

    return run


@app.command(cls=Command)
@argument("file", required=False, type=click.Path())
@click.option(
    "--check", metavar="NAME", help="Say whether conf/source/NAME.yaml and its files, or FILE, agree; with counts."
)
def describe(file: str = "", check: str = "") -> int:
    """Draft conf/source/NAME.yaml from a raw file, or from several of the same columns ('sales/*.csv').

    In a project the feature set that the draft names is written beside it: conf/feature_set/NAME.yaml.
    """
    from pathlib import Path

    from segments.app.commands.describe import draft_with_features
    from segments.data.drafting.draft import describe_file
    from segments.io.store.files import find_project

    if check:
        from segments.app import load
        from segments.app.commands.check import run

        given = Path(file).absolute() if file else None
        os.chdir(find_project())
        return print_lines(run(load.load([f"source={check}", "sweep.feature_sets=[rfm]"]), given))
    if not file:
        raise ConfigError(
            "no file is named",
            where="segments describe",
            fix="segments describe FILE, or segments describe --check NAME",
        )
    try:
        conf = find_project() / "conf"
    except SegmentsError:  # to look at a file needs no project
        click.echo(describe_file(Path(file)).text, nl=False)
        return 0
    draft, beside = draft_with_features(Path(file), conf)
    click.echo(draft, nl=False)
    for line in beside:
        click.echo(line, err=True)
    return 0


@of_project(together=True)
def fit() -> Run:
    """Make ONE candidate, or many with -m.

    `segments fit feature_set=rfm scaler=robust k=5` makes what the sweep would make of these; with -m all combinations are
    made side by side, on sweep.workers processes.
    """
    from segments.app.commands.fit import run

    return run


@of_project(argument("candidate"), because())
def select() -> Run:
    """Choose a candidate by hand, by its id; `segments select rule` returns to the rule."""
    from segments.app.commands.select import run

    return run


@of_project(argument("segment"), argument("name"), because(required=True))
def rename() -> Run:
    """Name a segment by hand."""
    from segments.app.commands.rename import run

    return run


@of_project(argument("version", required=False))
def verify() -> Run:
    """Make a registered version again and compare; the champion by default."""
    from segments.app.commands.verify import run

    return run


@of_project(argument("version"), because(required=True))
def promote() -> Run:
    """Put a registered version in use."""
    from segments.app.commands.promote import run

    return run


@of_project(because())
def rollback() -> Run:
    """Put the champion before this one in use."""
    from segments.app.commands.rollback import run

    return run


@of_project(
    click.option("--from", "start", metavar="DATE|VERSION", required=True, help="Before."),
    click.option(
        "--to", "end", metavar="DATE|VERSION", help="After: the source's as-of date, or the champion, by default."
    ),
)
def migration() -> Run:
    """Who moved between two dates or versions, and why."""
    from segments.app.commands.migration import run

    return run


@of_project(
    argument("file", required=False, metavar="[OUT]", type=Here()),
    click.option(
        "--campaign",
        metavar="NAME",
        help="Names the draw, by which `segments uplift` finds it again; always-on by default.",
    ),
    click.option("--segment", metavar="S1|NAME", help="One segment, by its id or else its name; all by default."),
    click.option("--overlay", metavar="NAME", help="Only customers with this trait of conf/settings/overlay.yaml."),
    click.option("--columns", metavar="[a,b]", help="Columns of the file."),
    click.option("--overwrite", metavar="true", help="Replace a file that is there."),
    raw,
)
def export() -> Run:
    """Write a target list with a control group.

    Of each segment, export.control_share is left alone, drawn by a keyed hash of campaign and customer: the same customers
    however often a list is made.

    OUT      CSV or parquet, by its suffix; artifacts/export/CAMPAIGN.csv by default.
    columns  customer_id, segment, confidence, action and group by default; also segment_id, playbook, channel, offer (empty
             for controls), every feature, and churn_risk and expected_value where they are predicted. Without group or
             action nobody could tell the controls, so they are not in the file: the summary says how many.
    """
    from segments.app.commands.export import run

    return run


@of_project(
    argument("file", required=False, type=Here()),
    click.option(
        "--campaign", metavar="NAME", required=True, help="As it was exported, or as the source calls a past one."
    ),
)
def uplift() -> Run:
    """What a campaign brought, by segment.

    Treatment against control, with 95 % intervals. Without FILE, a past campaign of the source is described.

    FILE  CSV, parquet or workbook with a header and one row for EVERY customer of the exported list, controls too:
      customer_id  as in the list
      responded    1 or 0, yes or no, true or false     } one of the two, or both;
      spend        money in the campaign's time         } 0 for who did nothing, never left out
      group        treatment or control; needed only when `segments export` did not draw the campaign, and then no
                   effect is claimed
    Other columns are left alone.

    No effect is claimed when more than 10 % of a segment's exported customers have no row, or when only those who bought
    are in the file.
    """
    from segments.app.commands.uplift import run

    return run


@of_project()
def track() -> Run:
    """Rebuild MLflow's record from what is on disk."""
    from segments.app.commands.track import run

    return run


@of_project(
    argument("input", type=Place()),
    click.option(
        "-o",
        "--output",
        metavar="OUTPUT",
        required=True,
        type=Place(),
        help="CSV or parquet, by its suffix; of Spark a folder or address.",
    ),
    click.option("--model", metavar="URI", help="models:/NAME@ALIAS or models:/NAME/VERSION; the champion by default."),
    raw,
    click.option("--record/--no-record", default=True, help="Keep counts and drift figures; yes by default."),
    click.option(
        "--read.encoding",
        "encoding",
        metavar="NAME",
        help="How this CSV is written, where its source and the file itself tell it wrong.",
    ),
    click.option("--read.separator", "separator", metavar="SIGN", help="The same."),
    click.option("--read.decimal", "decimal", metavar="SIGN", help="The same."),
    click.option(
        "--connect",
        "spark",
        metavar="PLACE",
        help="Score on Spark: local[N] in this process, or sc://HOST:PORT, a Connect server.",
    ),
)
def score() -> Run:
    """Give every row of a file its segment, by the registered model.

    INPUT   CSV or parquet, read in chunks. Either feature rows: an id (customer_id, or as the source calls it) and the
            columns of the model; other columns and their order do not matter. Or a customers table with the headers and
            values of the source's own, cleaned as that was (days and ages as of source.as_of=YYYY-MM-DD). Or a transaction
            log as the source describes it, summed up as of that day.
    OUTPUT  Written whole or not at all. Same ids in the same order; cluster, segment, distance, margin, and whatever else
            the model says. Rows that cannot be scored, or are not as long as the header, go to OUTPUT's stem +
            .rejected.csv with row number, id and reason. Lines of a log that the source's policy leaves out
            (source.policy: returns, zero amounts, lines after the as-of date) are no faults: they are counted in what is
            printed and in the record, but are neither in that file nor in the exit code. A log with a line that is not as
            long as its header is refused.

    With connect, Spark scores where the rows lie, to the same bits: INPUT is table:NAME of its catalog, or parquet (a file, a folder,
    an address) of feature rows; OUTPUT a folder or address where nothing is yet, for parquet, in no order. Rejected rows go to
    OUTPUT.rejected with id and reason. Its workers need this package. No drift figures.

    The record: record/monitoring/ and MLflow's experiment `monitoring` keep counts and drift figures, no customers; the
    same file scored twice by the same version is one record.

    Exit code: 0 all rows scored, 3 some rejected (the others are scored), 2 no row scored.
    """
    from segments.app.commands.score import run

    return run


@of_project(
    click.option("--dialect", metavar="NAME", help="duckdb (by default), postgres, spark, bigquery or snowflake."),
    click.option("--table", metavar="NAME", help="Table of feature rows; SCHEMA.TABLE too; customers by default."),
    click.option("--id", metavar="COLUMN", help="Column of the ids; customer_id by default."),
    click.option("--model", metavar="URI", help="models:/NAME@ALIAS or models:/NAME/VERSION; the champion by default."),
)
def sql() -> Run:
    """Print the registered model as one SELECT, for tables that stay in their database.

    `segments sql dialect=postgres table=shop.customers > segments.sql`. The table has the model's columns under their names, numbers
    as numbers and categories as text. The SELECT gives every row once, with what `segments score` says of it: cluster, segment,
    distance, margin, confidence and so on; a row that cannot be scored has the reason in the column `reason` and nothing else.

    Equal to `segments score` on DuckDB, PostgreSQL and Spark (same segment, numbers to nine digits); BigQuery's and Snowflake's
    begin with `-- not run here`. No drift figures, and no raw headers, texts for numbers or logs: that is `segments score`.
    """
    from segments.app.commands.sql import run

    return run


@of_project(
    click.option("--port", metavar="N", help="serving.port by default."),
    click.option("--model", metavar="URI", help="models:/NAME@ALIAS or models:/NAME/VERSION; the champion by default."),
    click.option("--host", metavar="ADDRESS", hidden=True),
    serves=True,
)
def serve() -> Run:
    """Answer requests on 127.0.0.1 with the registered model.

    The protocol of MLflow's model server, with limits on what it takes (section `serving` of conf/config.yaml). It says its address
    and an example once the model is loaded and has answered. The version that is put in use later answers within seconds. Stop it with Ctrl-C.

    POST /invocations with Content-Type: application/json, and the columns of your model (here those of the bundled data's)
      {"dataframe_records": [{"gap_days_mean": 6.5, "stores": 3.0, "weekend_share": 0.3, "morning_share": 0.2, "evening_share": 0.4}]}
    or
      {"dataframe_split": {"columns": ["gap_days_mean", "stores", "weekend_share", "morning_share", "evening_share"],
                           "data": [[6.5, 3.0, 0.3, 0.2, 0.4]]}}
    or {"inputs": {"COLUMN": [VALUE, ...], ...}};
    answer: {"predictions": [{"cluster": 0, "segment": "...", "distance": 0.1, "margin": 0.2, ...}]}, one per row, in order.
    A request that cannot be answered gets {"error": "one sentence"}: 400 wrong columns or values, 408 a body that does
    not come in time, 413 too large, 415 another type, 503 too much at once. GET /health answers 200 however many wait, /version the model, /metrics Prometheus's text,
    /customers/ID what the last run knew of a customer: segment, confidence, churn risk and expected value, what to do.

    POST /events with purchases that no run has seen yet, every column of the clean log in each (`segments catalog data` lists them;
    order_id only where the source names orders, else a day is one)
      {"customer_id": "7", "events": [{"order_id": "a1", "purchased_at": "2024-07-02T10:00", "amount": 12.5}]}
    answer: {"customer_id": "7", "as_of": "2024-07-02", "features": {...}, "prediction": {...}}, the customer's segment after them, as if the whole log had
    been summed up with them as of that day. Nothing is kept: the next run reads the purchases from the raw files.
    """
    from segments.app.commands.serve import run

    return run


@app.command(cls=Command)
@click.option(
    "--database", metavar="ADDRESS", required=True, help="postgresql://USER@HOST:PORT/NAME, without a password."
)
@click.option("--artifacts", metavar="FOLDER", help="A folder, or an address such as s3://...")
@click.option("--port", metavar="N", help="5000 by default.")
@click.option("--host", metavar="ADDRESS", help="127.0.0.1 by default; for another, the next two are needed.")
@click.option("--allowed-hosts", metavar="NAMES", help="Names people reach the server by, separated by commas.")
@click.option("--auth", metavar="FILE", help="Configuration of MLflow's basic-auth app: people sign in.")
def server(**given: str) -> None:
    """MLflow for a team: PostgreSQL, artifacts, sign-in."""
    from segments.app.servers.mlflow_team import run_team_server

    run_team_server(**given)


@of_project(click.option("--yes", metavar="true", help="Remove it; without, only say how much it is."))
def clean() -> Run:
    """Remove finished work that nothing refers to: no run of MLflow, no version, nothing in artifacts/."""
    from segments.app.commands.clean import run

    return run


@of_project(
    click.option("--keep", metavar="N", required=True, help="How many sweeps of each source stay, the newest."),
    click.option("--yes", metavar="true", help="Do it; without, only say which would go."),
)
def prune() -> Run:
    """Let old sweeps go, with their runs in MLflow and what was finished for them alone.

    The last run's sweep stays, and so does one that a registered version was chosen from. `mlflow gc` frees the space of runs that were deleted.
    """
    from segments.app.commands.prune import run

    return run


@of_project(
    click.option("--from", "origin", metavar="FILE", type=Here(), help="A CSV or parquet with a column of ids."),
    click.option("--columns", metavar="[a,b]", help="More headers of raw files that hold these ids."),
    click.option("--yes", metavar="true", help="Do it; without, only say what would be done."),
    rest="ids",
)
def forget() -> Run:
    """Erase customers: from raw files, tables, lists, DVC's cache and the record, with a receipt.

    Without yes=true it only says what would be done. With it a keyed hash of each id goes into conf/decisions.yaml, by which the stage `data` leaves
    the customer out whenever he comes back with a raw file (counted as "erased" in its report); the key is record/erased.key. Then his rows are taken out of
    every table in the project, raw files pinned anew, and copies that DVC keeps removed. The receipt, record/erased/*.json, holds no id: what was
    looked at, how many rows went from which file, what must be rebuilt, what no longer verifies, what could not be reached.

    Without an ID: whoever was erased and is in the raw files again. An id with a '=' goes into a file: from=FILE.
    Killed in between, the same command goes on. Exit code: 0, or 3 when a file that names him was left; it is said which, and why.
    """
    from segments.app.commands.forget import run

    return run


@of_project(serves=True)
def ui() -> Run:
    """MLflow's page on 127.0.0.1, with links to the right views."""
    from segments.app.servers.mlflow_ui import run_mlflow_ui
    from segments.io.tracking.connection import tracking_uri

    return lambda config: ("", run_mlflow_ui(config, tracking_uri(config.tracking)))


@of_project(serves=True)
def dashboard() -> Run:
    """A page on 127.0.0.1: champion, segments, customers, drift."""
    from segments.app.servers.dashboard import run_dashboard

    return lambda config: ("", run_dashboard(config, click.get_current_context().params["overrides"]))


@app.command(cls=Command)
@click.option(
    "--json", "as_json", is_flag=True, help="For a machine: documents and tables of the catalog as one object."
)
def summary(as_json: bool = False) -> None:
    """What the last run chose and why."""
    from segments.app.commands.summary import run
    from segments.io.store.files import find_project

    os.chdir(find_project())
    click.echo(run(as_json=as_json, on_terminal=sys.stdout.isatty()))


@app.command(cls=Command)
def experiments() -> None:
    """What each DVC experiment changed, and what it brought.

    `dvc exp show --only-changed`, a line per param and figure and a column per experiment, so that it fits 120 columns.
    """
    from segments.app.commands.experiments import run

    click.echo(run())


@app.command(cls=Command)
@argument("what", required=False, metavar="[STAGE|FILE]")
def catalog(what: str | None = None) -> None:
    """Every file a stage hands on: what a row is, what each column means, its unit."""
    from segments.app.commands.catalog import run

    click.echo(run(what or ""))


@app.command(cls=Command, hidden=True)
def code() -> None:
    """First stage of a project that `segments new` made: which code of the installed package every stage depends on."""
    from segments.app.commands.code import run
    from segments.io.store.files import find_project

    os.chdir(find_project())
    run()


COMMANDS = {
    name: command.get_short_help_str()
    for name, command in app.commands.items()
    if name not in STAGES and not command.hidden
}

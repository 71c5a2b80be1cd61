"""How a command is declared. Comes in: its own words, and a function that imports what it runs. Goes out: a command of click.

Overrides in Hydra's grammar stand among the words in any place; what runs is imported only when the config is read.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from inspect import getdoc
from itertools import islice
from textwrap import indent
from typing import TYPE_CHECKING, Any

import click

from segments.app import terminal
from segments.errors import ConfigError, SegmentsError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

CLOCK_STEP = 10_000_000  # ns: a file system's clock may be that much behind
Run = Callable[..., Any]  # takes the config and the command's own words; returns what to say, or that and an exit code
EPILOG = """Overrides are in Hydra's grammar (sweep.k_max=8, source=mall, experiment=mall); with -m there is one run per combination
(segments fit -m k='range(2,8)' scaler=robust,power). Options may be written name=VALUE too. `dvc repro` runs all stages."""


class Command(click.Command):
    """Overrides may stand anywhere among the words, an option ``--name VALUE`` may be written ``name=VALUE``, and help is the docstring as it stands.

    Parameters
    ----------
    rest : str
        What the other words are to the command that takes any number of them; elsewhere they are an error.
    """

    def __init__(self, *args: Any, rest: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rest = rest

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the overrides out, give the rest to click, and leave out what was given empty."""
        options = {name: param for param in self.params if isinstance(param, click.Option) for name in param.opts}
        takes_overrides = any(param.name == "overrides" for param in self.params)
        words: list[str] = []
        overrides: list[str] = []
        rest = iter(args)
        for word in rest:
            key, given, value = word.partition("=")
            name = key if key in options else f"--{key}" if given else ""
            if name in options and not options[name].is_flag:
                words += [name, value] if given else [name, *islice(rest, 1)]
            # a name of several words may hold a '='
            elif takes_overrides and (word[:1] == "~" or (given and word[:1] != "-" and " " not in key)):
                overrides.append(word)
            else:
                words.append(word)
        try:
            left = super().parse_args(ctx, words)
            if ctx.resilient_parsing:  # a shell asks; it takes words apart at '='
                ctx.params["overrides"] = args
                return left
            for param in self.params:
                if param.required and ctx.params[str(param.name)] == "":
                    raise click.MissingParameter(ctx=ctx, param=param)
        except click.MissingParameter as error:
            taken = f"'{overrides[0]}' was taken for a setting, as it has a '='" if overrides else None
            raise click.MissingParameter(taken, ctx, error.param) from error
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise
        if (stray := ctx.params.get("overrides")) and not self.rest:
            raise ConfigError(
                f"'{stray[0]}' is not an override", where=ctx.command_path, fix="write KEY=VALUE, such as source=mall"
            )
        ctx.params = {name: value for name, value in ctx.params.items() if value not in (None, "")}
        if takes_overrides:
            ctx.params["overrides"] = overrides
        if self.rest:
            ctx.params[self.rest] = list(stray or ())
        return left

    def get_short_help_str(self, limit: int = 45) -> str:
        """Give the first line, whole."""
        return (self.help or "").split("\n")[0].rstrip(".")

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the lines as they are."""
        formatter.write(f"\n{indent(self.help or '', '  ')}\n")


class StageCommand(Command):
    """A stage: its help shows what can be set."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the keys of its section with comments and defaults, as conf/ has them."""
        for file, section in _settings(str(self.name)):
            formatter.write(f"\nSettings in {file}\n")
            formatter.write(indent(section, "  ") + "\n")
        super().format_epilog(ctx, formatter)


def _settings(stage: str) -> list[tuple[str, str]]:
    """The section of a stage in conf/config.yaml, and its file in conf/settings/: each file's name and text."""
    from segments.io.store.files import find_project

    try:
        conf = find_project() / "conf"
        text = (conf / "config.yaml").read_text(encoding="utf-8")
    except (SegmentsError, OSError):
        return []  # help is for who has no project yet, too
    section = re.search(rf"^{stage}:(?! {{}}).*\n(?:^[ \t].*\n)*", text, re.MULTILINE)
    found = [("conf/config.yaml", section[0].rstrip())] if section else []
    seldom = conf / "settings" / f"{stage}.yaml"
    if seldom.is_file():
        found.append((f"conf/settings/{stage}.yaml", seldom.read_text(encoding="utf-8").rstrip()))
    return found


def _written(stage: str, began: int) -> list[tuple[str, int | None]]:
    """Files of a stage that were written since a time (ns), tables first, with their rows."""
    from pyarrow.parquet import read_metadata

    from segments.io.store import catalog

    made = [file for one in catalog.CATALOG if one.stage == stage for file in one.files()]
    fresh = [file for file in made if file.stat().st_mtime_ns >= began - CLOCK_STEP]
    rows = {file: read_metadata(file).num_rows if file.suffix == ".parquet" else None for file in fresh}
    return sorted(((file.name, rows[file]) for file in fresh), key=lambda one: one[1] is None)


class Here(click.Path):
    """A path from where the person stands: commands run in the project's folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Make it absolute."""
        return os.path.abspath(value) if value else value  # noqa: PTH100 - still text


class Place(Here):
    """A path from where the person stands, or what an engine finds: ``table:NAME``, an address."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Leave the latter as it is."""
        # as `segments.config.source.is_foreign`, whose import takes half a second
        of_engine = isinstance(value, str) and (value.startswith("table:") or "://" in value)
        return value if of_engine else super().convert(value, param, ctx)


def suggest(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete what can be chosen from the folders of ``conf/`` (``source=…``); files too, where one may stand."""
    from click.shell_completion import CompletionItem

    from segments.io.store.files import find_project

    try:
        conf = find_project() / "conf"
        groups = re.findall(r"^  - (\w+): ", (conf / "config.yaml").read_text(), re.MULTILINE)
    except SegmentsError:
        groups = []
    names = {group: sorted(path.stem for path in (conf / group).glob("*.yaml")) for group in groups}
    before = [word for word in ctx.params.get("overrides", ()) if word != "="]
    # bash takes `source=ma` for three words, and wants the last one back
    found = names.get(before[-1] if before else "") or [f"{group}={name}" for group in names for name in names[group]]
    items = [CompletionItem(word) for word in found if word.startswith(incomplete)]
    return items + [CompletionItem(incomplete, type="file")] * isinstance(param.type, click.Path)


argument = partial(click.argument, shell_complete=suggest)
because = partial(click.option, "--because", metavar="WHY", help="The reason, kept with the decision.")
raw = click.option(
    "--raw",
    type=bool,
    metavar="true",
    help="Leave text in a CSV as it is; by default what a spreadsheet would take for a formula gets an apostrophe in front.",
)
COMMON = (
    argument("overrides", nargs=-1, metavar="[KEY=VALUE]..."),
    click.option("-m", "--multirun", is_flag=True, help="Run once per combination of swept overrides."),
    click.option("--timings", is_flag=True, help="Say where the time goes."),
)


def of_project(
    app: click.Group,
    *params: Callable[[Any], Any],
    together: bool = False,
    stage: bool = False,
    serves: bool = False,
    name: str = "",
    text: str = "",
    rest: str = "",
) -> Callable[[Callable[[], Run]], click.Command]:
    """Declare a command that runs in a project: the function under it imports and returns what to run.

    Parameters
    ----------
    app : click.Group
        What it becomes a command of.
    *params : callable
        click's arguments and options: the command's own words.
    together : bool
        Whether what runs takes a list of configs, to make the combinations of ``-m`` side by side.
    stage : bool
        Whether it is one: its help shows its settings, and it ends with a line that says what came out.
    serves : bool
        Whether it stays until it is stopped, and says itself what it does.
    name, text : str
        Command and help; the function's name and docstring by default.
    rest : str
        What words beside these are, where the command takes any number of them: ``ids``.
    """

    def declare(imports: Callable[[], Run]) -> click.Command:
        called, about = name or imports.__name__, text or getdoc(imports) or ""

        def run(timings: bool, multirun: bool, overrides: list[str], **own: Any) -> int:
            from segments.io.store.files import find_project

            started, codes = time.perf_counter(), [0]
            os.environ.setdefault("MPLBACKEND", "agg")
            os.chdir(find_project())
            from segments.app import load

            def said() -> AbstractContextManager[None]:
                return nullcontext() if serves else terminal.working(f"{called}: {about.splitlines()[0]}")

            def task(*configs: Any) -> None:
                began, clock = time.time_ns(), time.perf_counter()
                try:
                    with said() if multirun else nullcontext():
                        codes.append(print_lines(imports()(configs if together else configs[0], **own)))
                    if stage:
                        terminal.hush()
                        click.echo(terminal.done(called, _written(called, began), time.perf_counter() - clock))
                except Exception as error:
                    worded = _of_others(error)
                    if worded is None:
                        raise
                    raise worded from error

            if multirun:
                load.multirun(overrides, task, together)
            else:
                with said():  # settings and imports take a second, and more where the machine is busy
                    config = load.load(overrides)
                    imports()
                    if timings:
                        click.echo(f"{called}: {time.perf_counter() - started:.2f} s to start", err=True)
                    task(config)
            if timings:
                click.echo(f"{called}: {time.perf_counter() - started:.2f} s in all", err=True)
            return max(codes)

        words = argument("overrides", nargs=-1, metavar=f"[{rest.removesuffix('s').upper()}]... [KEY=VALUE]...")
        for param in reversed((*params, words if rest else COMMON[0], *COMMON[1:])):
            param(run)
        kind = StageCommand if stage else Command
        return app.command(called, cls=kind, rest=rest, help=about, epilog=EPILOG)(run)

    return declare


def print_lines(said: Any) -> int:
    """Print what a command says, line by line as it comes; returns its exit code."""
    text, code = said if isinstance(said, tuple) else (said, 0)
    for line in [text] if isinstance(text, str) else text or ():
        if line:
            terminal.hush()
            click.echo(line)
    return int(code)


def _of_others(error: Exception) -> SegmentsError | None:
    """An error of MLflow's record, or of a damaged table that is streamed, in this project's shape; ``None`` for any other."""
    if isinstance(error, SegmentsError):
        return None
    if type(error).__module__ == "_duckdb":
        from segments.io.store.files import damaged_table

        return damaged_table()
    if "mlflow" in sys.modules:
        from segments.io.tracking.connection import in_our_words

        return in_our_words(error)
    return None

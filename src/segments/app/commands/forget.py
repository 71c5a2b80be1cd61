"""Command `forget`: a customer is erased from everything this project has, and does not come back; a receipt says what was done, and what could not be.

First the keyed hash of the id goes into ``conf/decisions.yaml``, by which the stage `data` leaves him out from now on; then file after file, each as a whole.
Killed in between, the same command goes on.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from segments.config.decisions import Erasure
from segments.config.root import Config
from segments.config.source import CUSTOMER_ID, Reader, Source
from segments.data.erased import Erased, erased_in
from segments.data.reading import files
from segments.data.reading.query import asked
from segments.data.rows import find_header
from segments.errors import ConfigError
from segments.io.erasure.folders import Looked, Sources, erase, look, old_examples, sources_here
from segments.io.erasure.traces import Sought
from segments.io.store import raw_files
from segments.io.store.cache import history
from segments.io.store.decisions import erased_of, erasure_key, write_decisions
from segments.io.store.files import kept, read_json, write_json
from segments.io.store.fingerprints import now, person

_WHERE = "segments forget"
_RECEIPTS = "erased"  # folder under record/
_SHOWN = 12  # digits of a hash that name a customer in the receipt
_IN_MODELS = (
    "A model is centres, scales and deciles of all customers: no row of his is in it. The quantile scaler keeps the sorted values of each column, and arrays of "
    "finished candidates a cluster for each place of a list that is gone, without ids. What is made by `dvc repro` from now on has nothing of him"
)
_OUT_OF_REACH = (
    "what `dvc push` sent to a remote: after `dvc repro`, `dvc push` and `dvc gc --workspace --cloud` there",
    "files exported or copied out of this folder, and back-ups of it",
    "git's history, where somebody committed a file that names him",
    "other checkouts and clones: run the same there; the key is record/erased.key",
)


def run(
    config: Config, ids: list[str], origin: str = "", columns: str = "", yes: str = ""
) -> tuple[Iterator[str] | str, int]:
    """Say what would go, or erase it.

    Parameters
    ----------
    config : Config
        Its source is the customers'.
    ids : list of str
        Who; nobody named: whoever was erased and is in the raw files again.
    origin : str
        A CSV or parquet with a column of ids.
    columns : str
        More headers of raw files that hold these ids, as ``[a,b]``.
    yes : {"", "true"}
        Whether to do it.

    Returns
    -------
    str or iterator of str
        What to say.
    int
        Exit code: 0, or 3 when a file that names him was left.

    Raises
    ------
    ConfigError
        If nobody is named, or the source has no ids.
    """
    if yes not in ("", "true"):
        raise ConfigError(
            f"yes is '{yes}'", where=_WHERE, fix="write yes=true, or leave it out to see only what would go"
        )
    source = config.source
    headers = _headers(source, columns)
    named = [*dict.fromkeys(one.strip() for one in [*ids, *(_listed(Path(origin), headers) if origin else [])])]
    if not all(named):
        raise ConfigError("an id is empty", where=_WHERE, fix="write the id as the raw file has it")
    if not named and origin:
        raise ConfigError(f"{Path(origin).name} names nobody", where=origin, fix="write one id per row")
    if not named and not (named := come_back(config)):
        if not config.decisions.erased.get(source.name):
            return f"nobody of the source {source.name} was erased so far; `segments forget ID` erases", 0
        return "nobody who was erased is in the raw files", 0
    wanted = Sought(tuple(named), source.id_type, headers)
    sources = sources_here(source)
    looked = look(wanted, sources)
    if not yes:
        return "\n".join(_would(looked, wanted, config)), 0
    return _done(looked, wanted, config, sources)


def come_back(config: Config) -> list[str]:
    """Ids of erased customers that are in the raw files again, as they are written there."""
    source = config.source
    if (erased := erased_of(config.decisions, source)) is None:
        return []
    found: list[str] = []
    with asked(source, config.queries) as raw:
        if source.customers is not None and source.customers.id is not None:
            names = [source.customers.id, *source.customers.id_aliases]
            with files.open_customers(raw.files) as table:
                found += erased_in(table, names, source.customers.read, erased)[0]
        if source.transactions is not None and source.engine is None:  # what an engine reads is not ours to write
            with files.open_log(raw.files) as log:
                found += erased_in(log, [source.transactions.customer], source.transactions.read, erased)[0]
    return list(dict.fromkeys(found))


def _headers(source: Source, columns: str) -> tuple[str, ...]:
    """What a column of customers is called, in raw files and in ours."""
    names = [CUSTOMER_ID]
    if source.customers is not None and source.customers.id is not None:
        names += [source.customers.id, *source.customers.id_aliases]
    if source.transactions is not None:
        names.append(source.transactions.customer)
    if source.campaigns is not None:
        names.append(source.campaigns.customer)
    if len(names) == 1:
        raise ConfigError(
            f"the source {source.name} has no ids: its customers are numbered in the order of the file",
            where=f"conf/source/{source.name}.yaml",
            fix="take the row out of the raw file, run `segments fetch accept=true` and `dvc repro`",
        )
    more = [one.strip() for one in columns.strip("[]").split(",")] if columns else []
    return tuple(dict.fromkeys([*names, *filter(None, more)]))


def _listed(path: Path, headers: tuple[str, ...]) -> list[str]:
    """The ids of a file: its column of customers, or its only one."""
    cells = files.read_cells(path, Reader()).cells
    only = cells.columns[0] if len(cells.columns) == 1 else None
    if (column := find_header(list(cells.columns), headers) or only) is None:
        raise ConfigError(
            f"which column of {path.name} holds ids is not known",
            where=str(path),
            fix=f"call it {headers[-1]}, or leave one column",
        )
    return [str(one) for one in cells[column].dropna()]


def _shown(path: Path | str, wanted: Sought) -> str:
    text = str(path)
    for one in sorted(wanted.telling, key=len, reverse=True):
        text = text.replace(one, "[id]")
    return text


def _would(looked: Looked, wanted: Sought, config: Config) -> Iterator[str]:
    """What a dry run says."""
    yield from _looked(looked, wanted)
    for one in looked.findings:
        what = {
            "rows": f"{one.trace.rows:,} row{'s' * (one.trace.rows != 1)} would be taken out",
            "file": "the file would be removed",
            "left": f"would stay: {_shown(one.why, wanted)}",
        }
        yield f"  {_shown(one.path, wanted)}: {what[one.does]}"
    if not looked.findings:
        yield "  nothing here names them"
    yield from _unseen(looked, wanted, config.source)
    yield (
        f"Nothing was changed. With yes=true this is done, {len(wanted.ids)} keyed hash{'es go' if len(wanted.ids) != 1 else ' goes'} into conf/decisions.yaml, "
        "so that nobody of them comes back with the next raw file, and a receipt into record/erased/."
    )


def _looked(looked: Looked, wanted: Sought) -> Iterator[str]:
    yield f"{len(wanted.ids)} customer{'s' * (len(wanted.ids) != 1)}: looked into {sum(looked.files.values()):,} files, {sum(looked.mib.values()):,.1f} MiB"
    if short := len(wanted.ids) - len(wanted.telling):
        yield (
            f"  {short} id{'s are short: they are' if short != 1 else ' is short: it is'} looked for in columns of customers ({', '.join(wanted.headers)}), "
            "not in texts, where a number may be anything; columns=[NAME] names more"
        )


def _unseen(looked: Looked, wanted: Sought, source: Source) -> Iterator[str]:
    """A warning where only tables made of the raw files name him."""
    raw = any(one.path.parts[0] == raw_files.DATA for one in looked.findings)
    made = any(one.path.parts[0] == "artifacts" for one in looked.findings)
    if made and not raw:
        yield (
            f"  no raw file of {source.name} names them in a column of customers, but tables made of these do: "
            "say which column of the raw files does, columns=[NAME]"
        )


def _done(looked: Looked, wanted: Sought, config: Config, sources: Sources) -> tuple[Iterator[str], int]:
    """Erase, with the receipt begun before the first file and ended after the last."""
    erased = Erased(config.source.name, config.source.id_type, erasure_key(make=True))
    hashes = [erased.hash_of(one) for one in wanted.ids]
    known = config.decisions.erased.get(config.source.name, {})
    fresh = {one: Erasure(person(), now()) for one in hashes if one not in known}
    if fresh:
        own = {config.source.name: {**known, **fresh}}
        write_decisions(replace(config.decisions, erased={**config.decisions.erased, **own}))
    path = _receipt_path(hashes)
    examples = old_examples(wanted)
    receipt: dict[str, Any] = {
        "format": 1,
        "begun_at": now(),
        "ended_at": None,
        "by": person(),
        "source": config.source.name,
        "customers": [one[:_SHOWN] for one in hashes],
        "looked_at": {name: {"files": looked.files[name], "mib": round(looked.mib[name], 3)} for name in looked.files},
        "changed": read_json(path)["changed"] if path.is_file() else [],
        "left": [
            {"file": _shown(one.path, wanted), "why": _shown(one.why, wanted)}
            for one in looked.findings
            if one.does == "left"
        ],
    }
    receipt["left"] += [{"file": f"record/versions/{one}, and its model in MLflow", "why": _OF_OLD} for one in examples]
    write_json(path, receipt)
    for one in looked.findings:
        if one.does == "left":
            continue
        before, after = erase(one, wanted, sources)
        # Keyed, as a list of one row more could be tried out against a plain one.
        entry = {
            "file": _shown(one.path, wanted),
            "rows": one.trace.rows if one.does == "rows" else None,
            "did": "rows taken out" if one.does == "rows" else "file removed",
            "before": hmac.digest(erased.key, before.encode(), "sha256").hex(),
            "after": after,
        }
        receipt["changed"].append(entry)
        write_json(path, receipt)
    # What was left names him, and the copy that was removed shall not be back; nor what was edited, under the hash of before.
    left = {one.path.as_posix() for one in looked.findings if one.does == "left"}
    pins = {name: pin for name, pin in raw_files.read_pins().items() if name not in left and Path(name).is_file()}
    pins = {name: pin for name, pin in pins.items() if raw_files.pin_of(Path(name)) == pin}
    raw_files.fill_cache(Path().absolute(), pins)
    receipt |= {
        "ended_at": now(),
        "rebuild": _rebuild(config),
        "no_longer_verifies": _unproved(),
        "models": _IN_MODELS,
        "out_of_reach": [*_record(config), *_OUT_OF_REACH],
    }
    write_json(path, receipt)
    return _said(receipt, looked, wanted, path, config.source), 3 if receipt["left"] else 0


_OF_OLD = (
    "the model's input example holds his figures, without his id: it was made of the first customers then. "
    "Put the version that `dvc repro` makes in use, then delete this one in MLflow and this folder"
)


def _receipt_path(hashes: list[str]) -> Path:
    """Of one that was begun for the same customers and not ended, else of a new one."""
    folder, name = kept(_RECEIPTS), "-".join(one[:_SHOWN] for one in hashes[:1])
    numbers = range(1, 10_000)
    for number in numbers:
        path = folder / f"{name}-{number}.json"
        if not path.is_file():
            return path
        begun = read_json(path)
        if begun["ended_at"] is None and begun["customers"] == [one[:_SHOWN] for one in hashes]:
            return path
    raise ConfigError("too many receipts of one customer", where=str(folder), fix="move the old ones away")


def _rebuild(config: Config) -> list[str]:
    return [
        "dvc repro: every stage, from the raw files without them; it registers a version",
        "segments export ... overwrite=true: lists that are still to be sent; those here have lost the row",
        "segments verify: holds again for the version that this run makes",
    ]


def _unproved() -> list[str]:
    """Versions that were made with him: they answer, but the raw files to make them again of are gone."""
    folders = dict.fromkeys(f"{one['candidate_id']}-{one['model_hash'][:12]}" for one in history())
    return [
        f"version kept in record/versions/{one}: it answers and can be put in use, but cannot be made again"
        for one in folders
    ]


def _record(config: Config) -> list[str]:
    uri, engine = config.tracking.uri, config.source.engine
    found = [f"MLflow's server at {uri}: what it stores there was not looked at"] if uri else []
    if engine is not None:
        found.append(
            "raw files and tables that the engine keeps outside this folder: the next `dvc repro` leaves him out of the tables it keeps; "
            "his rows in the raw files are for whoever owns them"
        )
    return found


def _said(receipt: dict[str, Any], looked: Looked, wanted: Sought, path: Path, source: Source) -> Iterator[str]:
    yield from _looked(looked, wanted)
    for one in receipt["changed"]:
        yield f"  {one['file']}: " + (f"{one['rows']:,} rows taken out" if one["rows"] else "removed")
    yield from _unseen(looked, wanted, source)
    for title, key in (
        ("Left", "left"),
        ("Rebuild", "rebuild"),
        ("No longer verifies", "no_longer_verifies"),
        ("Out of reach", "out_of_reach"),
    ):
        if receipt[key]:
            yield f"{title}:"
            yield from (
                f"  {one}" if isinstance(one, str) else f"  {one['file']}: {one['why']}" for one in receipt[key]
            )
    yield receipt["models"] + "."
    yield f"Receipt: record/{_RECEIPTS}/{path.name}; commit conf/decisions.yaml and {raw_files.PINS}, keep record/erased.key secret and in your back-up."

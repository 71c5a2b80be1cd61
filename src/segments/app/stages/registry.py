"""Stage `registry`: everything made so far in, a registered model and the sweep's record out, with a receipt."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, replace

from segments.app.jobs.metrics import registry_metrics
from segments.app.jobs.versions import keep_version, made_again, put_in_use, register
from segments.config.root import Config
from segments.io.records import notes
from segments.io.records.sweep import is_left_alone, write_sweep_record
from segments.io.store import catalog
from segments.io.store.cache import sweep_record
from segments.io.store.documents import Receipt
from segments.io.store.files import read_json
from segments.io.tracking.connection import connect, lock_of
from segments.io.tracking.sweeps import track_sweep


def run(config: Config) -> str | None:
    """Write the sweep's record, track it, and register the chosen segmentation if there is one; returns what became of it."""
    catalog.check_source(catalog.SWEEP, config.source.name)
    choice = catalog.read(catalog.CHOICE)
    sweep = catalog.read(catalog.SWEEP)
    candidates = catalog.read(catalog.JUDGED_CANDIDATES)
    features = catalog.read(catalog.FEATURES)
    chosen = choice.chosen
    profiles = None if chosen is None else catalog.read(catalog.PROFILES)
    folder = sweep_record(sweep.sweep_id)
    not_foreseen = catalog.read(catalog.PREDICTION).not_shown
    sampled = "; ".join(filter(None, [notes.sample_in_words(), notes.everybody_in_words()]))
    if not (left_alone := is_left_alone(folder)):
        write_sweep_record(config, folder, sweep, choice, candidates, features, profiles, not_foreseen, sampled)
    receipt = Receipt(None, None, None, None, sweep.sweep_id, choice.candidate_id)
    if profiles is None:  # left over from an earlier choice
        catalog.drop(catalog.SEGMENTATION)
    with connect(config.tracking, config.source.name) as tracker, ExitStack() as beside:
        begun = None
        if chosen is not None and profiles is not None:
            with lock_of(tracker):  # experiments at once may come to the same model
                kept = keep_version(config, choice, chosen, features, profiles)
            # the proof's other process works while this one records
            begun = beside.enter_context(made_again(tracker, kept))
        if not left_alone:
            track_sweep(tracker, read_json(folder / "record.json"), folder / "files", (folder / "note.md").read_text())
        if chosen is not None and profiles is not None:
            version = register(tracker, kept)
            became = put_in_use(tracker, config, version, features, chosen=choice.overruled, begun=begun)
            receipt = replace(receipt, name=version.name, version=version.number, **became)
    catalog.write(catalog.RECEIPT, receipt)
    catalog.write(catalog.REGISTRY_METRICS, registry_metrics(receipt))
    firmness = catalog.read(catalog.FIRMNESS).firmness
    found = (choice.to_plain(), candidates, profiles, asdict(receipt), firmness, not_foreseen)
    ids = [] if profiles is None else catalog.read(catalog.SEGMENTS).ids
    said = notes.summary(config.source.name, *found, ids, sampled)
    catalog.write(catalog.SUMMARY, said + "\n")
    return receipt.verdict

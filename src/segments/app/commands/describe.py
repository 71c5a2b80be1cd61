"""Command `describe`: the draft of a source, and beside it the feature set that it names, so that what follows runs as drafted."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from segments.data.drafting.draft import describe_file
from segments.io.store.files import write_text


def draft_with_features(path: Path, conf: Path) -> tuple[str, list[str]]:
    """Draft a source; where no feature set of ``conf/`` can be named, draft one of its columns too.

    Parameters
    ----------
    path : Path
        The raw file.
    conf : Path
        A project's ``conf/``: the feature set is written there, unless one of that name lists columns of the draft already.

    Returns
    -------
    str, list of str
        The YAML of the source; and a sentence on the feature set, if there was something to say.
    """
    draft = describe_file(path)
    source = yaml.safe_load(draft.text)
    if not draft.features:
        return draft.text, []
    name, there = _place(conf / "feature_set", source["name"], [*draft.features, *draft.left_out])
    if not there:
        listed = "".join(f"  {column}: {{}}\n" for column in draft.features)
        listed += "".join(f"  # {column}: {{}} # {why}\n" for column, why in draft.left_out.items())
        text = f"# Drafted from {path.name}: these columns, each counting the same. Leave out what shall not decide.\n"
        write_text(conf / f"feature_set/{name}.yaml", f"{text}name: {name}\ncolumns:\n{listed}")
    text = re.sub(
        r"^feature_sets: \[\].*", f"feature_sets: [{name}] # conf/feature_set/{name}.yaml", draft.text, flags=re.M
    )
    said = "is there" if there else "was drafted beside it"
    return text, [f"conf/feature_set/{name}.yaml {said}: {', '.join(draft.features)}"]


def _place(folder: Path, name: str, columns: list[str]) -> tuple[str, bool]:
    """The name of the feature set, and whether it is there: a person may have changed what was drafted before."""
    for free in (f"{name}{end}" for end in ("", *(f"_{number}" for number in range(2, 1000)))):
        path = folder / f"{free}.yaml"
        if not path.exists():
            break
        try:
            listed = set(yaml.safe_load(path.read_text(encoding="utf-8"))["columns"])
        except (yaml.YAMLError, KeyError, TypeError, ValueError, RecursionError):
            continue
        if listed <= set(columns):
            return free, True
    return free, False

"""Texts that are safe in a YAML. Comes in: cells and names. Goes out: the same, quoted or on one line."""

from __future__ import annotations

import json
import re

LONGEST_CELL = 60


def quote(text: str) -> str:
    """Write a YAML string: JSON's double quotes are YAML's, which wants more signs to be named by number."""
    return re.sub(
        r"[^ -~\u00a0-\u2027\u2030-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]",
        lambda found: f"\\u{ord(found[0]):04x}",
        json.dumps(text, ensure_ascii=False),
    )


def comment(text: str) -> str:
    """A sentence that is safe in a comment, whole."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def one_line(text: str) -> str:
    """A cell or a name that is safe in a comment: one line; what is cut says so."""
    line = comment(str(text))
    return f"{line[:LONGEST_CELL]}…" if len(line) > LONGEST_CELL else line

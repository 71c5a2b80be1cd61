"""Texts for people, made from Jinja templates. Comes in: the name of a template and what it speaks of. Goes out: the text.

In HTML (``*.html.j2``) every value is escaped by the engine, in markdown (``*.md.j2``) every value is written by it as :func:`plain` has it:
names, offers and reasons come from data and people. A template says of what is markdown already that it is: ``{{ note | safe }}``.
Formats of figures are filters too, and stand here for all templates.
"""

from __future__ import annotations

import math
from functools import cache
from importlib.resources import files

import pandas as pd
from jinja2 import Environment, FunctionLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from segments.features.meanings import money_text

# What begins code, a tag, a sign's name, a table's cell or a link, as the page shows it and markdown does not read it.
_MARKS = str.maketrans({mark: f"&#{ord(mark)};" for mark in "`|["} | {"<": "&lt;", ">": "&gt;", "&": "&amp;"})

_LOOK_ALIKES = str.maketrans("`<>", "'‹›")


def fill(package: str, name: str, /, **context: object) -> str:
    """Fill a template.

    Parameters
    ----------
    package : str
        Package whose folder holds the template: ``__package__`` of the module that asks.
    name : str
        Path of the template in that folder.
    **context
        What the template names; one that is missing is an error.

    Returns
    -------
    str
        Text of whole lines; equal input gives equal text.

    Raises
    ------
    jinja2.UndefinedError
        If the template names what is not given.

    Examples
    --------
    >>> fill(__package__, "playbook.md.j2", plans=[], unused=["reactivate"], currency="", not_foreseen=[], draft="", silent="").splitlines()[0]
    '# Playbooks'
    """
    return _environment(markdown=name.endswith(".md.j2")).get_template(f"{package}:{name}").render(context)


def plain(text: str) -> str:
    """Write a text from data or people so that markdown takes it as text: in one line, no tag, no code, no link, no new cell.

    Examples
    --------
    >>> plain("a|b <script> `x`")
    'a&#124;b &lt;script&gt; &#96;x&#96;'
    """
    return " ".join(str(text).splitlines()).translate(_MARKS)


def code(text: str) -> Markup:
    """Write a text as code, with look-alikes of the signs that could end it or begin a tag.

    Examples
    --------
    >>> print(code("k='`2`' <b>"))
    `k=''2'' ‹b›`
    """
    return Markup("`" + " ".join(str(text).splitlines()).translate(_LOOK_ALIKES) + "`")  # noqa: S704 - nothing in it ends it


def percent(share: float) -> str:
    """A share as a person reads it.

    Examples
    --------
    >>> percent(0.307), percent(0.004), percent(0.995), percent(1.0)
    ('31 %', '0.4 %', '99.5 %', '100 %')
    """
    if pd.isna(share):
        return "–"
    near_an_end = 0 < abs(share) < 0.0095 or 0.9905 < share < 1
    return (f"{share:.1%}" if near_an_end else f"{share:.0%}").replace("%", " %")


def measure_text(name: str, value: float, currency: str) -> str:
    """A measure for a person.

    Examples
    --------
    >>> measure_text("revenue", 1234.5, "$"), measure_text("basket", 9.5, "$"), measure_text("coupon_share", 0.05, "$"), measure_text("visits", 1234.0, "$")
    ('$1,234', '$9.50', '5 %', '1,234')
    """
    if pd.isna(value):
        return "–"
    if name == "basket":
        return f"{value:,.2f} {currency}" if currency.isalpha() else f"{currency}{value:,.2f}"
    if name == "revenue":
        return money_text(value, currency)
    return percent(value) if name.endswith("_share") else f"{value:,.0f}"


def change(share: float) -> str:
    """A change in percent of what was before.

    Examples
    --------
    >>> change(0.031), change(-0.12), change(-0.001)
    ('+3 %', '-12 %', '±0 %')
    """
    said = f"{share * 100:+.0f}"
    return f"{'±0' if said in ('+0', '-0') else said} %"


def rate(share: float) -> str:
    """A share with one decimal, "–" where it is not known.

    Examples
    --------
    >>> rate(0.0512), rate(float("nan"))
    ('5.1 %', '–')
    """
    return f"{share * 100:.1f} %" if math.isfinite(share) else "–"


def points(difference: float) -> str:
    """A difference of shares in percentage points, "–" where it is not known.

    Examples
    --------
    >>> points(0.0512)
    '+5.1'
    """
    return f"{difference * 100:+.1f}" if math.isfinite(difference) else "–"


def money(value: float) -> str:
    """Money with two decimals, "–" where it is not known.

    Examples
    --------
    >>> money(1861.5)
    '1,861.50'
    """
    return f"{value:,.2f}" if math.isfinite(value) else "–"


def gain(value: float) -> str:
    """A difference of money, with its sign, "–" where it is not known.

    Examples
    --------
    >>> gain(1861.5)
    '+1,861.50'
    """
    return f"{value:+,.2f}" if math.isfinite(value) else "–"


def _source(at: str) -> str:
    package, _, name = at.partition(":")
    return files(package).joinpath(name).read_text(encoding="utf-8")


def _written(value: object) -> object:
    """Text as text; what a template calls safe, and figures, as they are."""
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _environment(*, markdown: bool) -> Environment:
    environment = Environment(
        loader=FunctionLoader(_source),
        autoescape=not markdown and select_autoescape(["html.j2"]),  # noqa: S701 - markdown has an escape of its own
        finalize=_written if markdown else None,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        **{"figure": format, "code": code, "percent": percent, "change": change},
        **{"rate": rate, "points": points, "money": money, "gain": gain},
    }
    environment.tests["finite"] = math.isfinite
    return environment

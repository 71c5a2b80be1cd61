"""What every section holds to: a misspelt key is an error, a number is finite, and what a rule refuses names its keys and what to do."""

from __future__ import annotations

from collections.abc import Sized
from datetime import date
from typing import Annotated, TypeVar
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

# A misspelt key is an error, and values are converted only where nothing is lost. An address may hold a password: no error repeats its input.
CLOSED = ConfigDict(extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)

T = TypeVar("T", bound=Sized)


def rule(what: str, fix: str, *keys: str) -> PydanticCustomError:
    """What a check of our own refuses; pydantic adds where in ``conf/`` it stands.

    Parameters
    ----------
    what, fix : str
        What is wrong, and what to do.
    *keys : str
        The keys it is about, seen from where it is raised; none when that is the key itself.

    Examples
    --------
    >>> rule("the range is reversed", "make k_max the larger one", "k_min", "k_max").message()
    'the range is reversed'
    """
    return PydanticCustomError("rule", "{what}", {"what": what, "fix": fix, "keys": keys})


def _day(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise rule(f"'{text}' is not a date", "write it as YYYY-MM-DD") from None
    return text


def _time_zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ValueError, OSError, KeyError):
        raise rule(f"'{text}' is not a time zone", "write one such as Europe/Berlin, America/New_York or UTC") from None
    return text


def without_password(fix: str) -> AfterValidator:
    """Refuse an address that holds a user or a password, and say where these go: a config is kept in MLflow and on disk."""

    def check(address: str) -> str:
        if "@" in parts_of(address).netloc:
            raise rule(
                "the address holds a user or a password, and configs are kept in MLflow", f"leave them out: {fix}"
            )
        return address

    return AfterValidator(check)


def parts_of(address: str) -> SplitResult:
    """The parts of an address; what cannot be read has none."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def filled(fix: str) -> AfterValidator:
    """Refuse an empty list, and say with what to fill it."""

    def check(listed: T) -> T:
        if not listed:
            raise rule("the list is empty", fix)
        return listed

    return AfterValidator(check)


def _each_once(names: list[str]) -> list[str]:
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise rule(f"named twice: {', '.join(doubled)}", "name each once")
    return names


Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
ClusterCount = Annotated[int, Field(ge=2, le=1000)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Port = Annotated[int, Field(ge=1024, le=65535)]
Day = Annotated[str, AfterValidator(_day)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
EachOnce = Annotated[list[str], AfterValidator(_each_once)]

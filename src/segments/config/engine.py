"""Key ``engine`` of a source: where its log is cleaned and summed up, when it is too large for one machine."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from segments.config.checks import CLOSED, rule

TOKEN = "SPARK_CONNECT_AUTHENTICATE_TOKEN"  # noqa: S105 - the name of a variable: the one secret Spark Connect knows
_PLACES = re.compile(r"local\[(\*|[1-9]\d*)\]|sc://[\w.-]+(:\d+)?(/(;[\w.-]+=[^;]*)*)?")

# Stores of clusters; `file:` and the like would lead a config out of the project. Azure's have a container before the @; nobody's key is taken.
_ADDRESS = re.compile(
    r"(s3[an]?|gs|abfss?|wasbs?|adl|hdfs|viewfs|dbfs|oss|cosn|obs)://([\w.-]+@)?[\w.-]*(:\d+)?(/\S*)?"
)


def is_address(text: str) -> bool:
    """Whether a text is the address of something in a cluster's store.

    Examples
    --------
    >>> is_address("s3a://shop/lines"), is_address("abfss://shop@account.dfs.core.windows.net/lines"), is_address("hdfs:///lines")
    (True, True, True)
    >>> is_address("file:///etc/passwd"), is_address("s3a://key:word@shop/lines"), is_address("data/lines.parquet")
    (False, False, False)
    """
    return bool(_ADDRESS.fullmatch(text))


def _place(text: str) -> str:
    if "@" in text or re.search(r";\s*(token|password|user_id)\s*=", text, re.IGNORECASE):
        raise rule(
            "the address holds a user or a secret, and configs are kept in MLflow",
            f"leave it out: the environment has it, as {TOKEN}",
        )
    if not _PLACES.fullmatch(text):
        raise rule(
            f"'{text}' is no place Spark runs at",
            "write local[*], local[2], or sc://HOST:PORT of a Spark Connect server",
        )
    return text


@dataclass(frozen=True, config=CLOSED)
class Engine:
    """Who cleans and sums up the purchase log of a source.

    Parameters
    ----------
    kind : {"spark"}
        PySpark 4.3; the extra ``spark`` brings it.
    connect : str
        ``local[*]`` or ``local[N]``: in this process, on so many cores. ``sc://HOST:PORT``: a Spark Connect server, whoever runs it; what
        it wants to know of us beyond a token is written behind it (``/;use_ssl=true``). The token is in the environment.
    folder : str, optional
        Where a cluster keeps its tables: an address that it can write (``s3a://…``). By default ``record/engine`` of this project, which
        only a server on this machine sees.
    sample : int
        Customers that come to this machine; where there are no more, all of them.
    """

    kind: Literal["spark"] = "spark"
    connect: Annotated[str, AfterValidator(_place)] = "local[*]"
    folder: str | None = None
    sample: Annotated[int, Field(ge=100)] = 200_000

    def __post_init__(self) -> None:
        if self.folder is not None and not (self.is_remote and is_address(self.folder)):
            raise rule(
                f"'{self.folder}' is no place for a cluster's tables",
                "write an address the cluster can write, such as s3a://bucket/segments, beside connect: sc://…; "
                "on this machine they lie in record/engine",
                "folder",
            )

    @property
    def is_remote(self) -> bool:
        """Whether a server does the work."""
        return self.connect.startswith("sc://")

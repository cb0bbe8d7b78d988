"""How does a view run on Spark? Its SQL over the lines of NDJSON, in a session on this machine or the one that is there."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from passerelle.fhir.view.plan import Plan
from passerelle.fhir.view.rows import Row
from passerelle.fhir.view.sql import statement
from passerelle.fhir.view.sql.spark import Spark
from passerelle.store.analytics.errors import AnalyticsError, told
from passerelle.store.analytics.values import reader


def stream(planned: Plan, files: tuple[Path, ...]) -> Iterator[Row]:
    """The rows of a view over NDJSON files, as Python values."""
    spark, read = session(), reader(planned)
    spark.read.text([str(file) for file in files]).createOrReplaceTempView("passerelle_view_lines")
    try:
        for row in spark.sql(query(planned)).toLocalIterator():
            yield read(tuple(row))
    except Exception as fault:
        raise told("spark", fault) from None


def query(planned: Plan) -> str:
    """The SQL of a view over the lines of a view of that name."""
    dialect, root = Spark(planned), planned.root.name
    checked = f"CASE WHEN {root}.resourceType IS NULL THEN CAST(raise_error('view-source-unreadable;') AS BOOLEAN) ELSE true END"
    lines = f"SELECT {dialect.packed('value')} FROM passerelle_view_lines WHERE trim(value) <> ''"  # noqa: S608
    return statement(planned, dialect, f"SELECT * FROM ({lines}) WHERE {checked}")  # noqa: S608


def session() -> Any:
    """The Spark session; on a machine without a cluster it runs inside this process."""
    try:
        from pyspark.sql import SparkSession
    except ModuleNotFoundError:
        raise AnalyticsError(
            "Spark is not installed. Install it: pip install 'pyspark>=4,<4.1' (it needs Java 17). "
            "Or run the view with --engine duckdb."
        ) from None
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("passerelle").config("spark.sql.session.timeZone", "UTC")
    return builder.config("spark.ui.enabled", "false").config("spark.log.level", "OFF").getOrCreate()

"""Check that a catalog still contains every table of an older one, byte for byte.

    python scripts/compare_catalogs.py OLD NEW [--other-polars]

OLD and NEW are two `data/catalog` folders. Tables and columns that exist only in NEW are ignored,
and so are rows of metrics that OLD did not have.
The rest of each table is written as Parquet and must equal the file in OLD: the same rows and
columns in the same order, with the same types and bits. Columns in `REDEFINED` are left out, and an
infinity in OLD is null in NEW.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

import polars as pl

# Columns that have been renamed since: table -> former name -> current name.
RENAMED: dict[str, dict[str, str]] = {"densities": {"eigenvalue": "grid_value"}}
# Columns that are computed in another way since, and are not compared: for means over pairs,
# `standard_error` was sd / sqrt(n), as if pairs that share a run were independent, and
# `measurement_error` added errors in quadrature, as if none were due to a shared draw. A phase's
# `reason` now begins with how sure the label is, and other reasons end with whether it was NaN.
REDEFINED: dict[str, list[str]] = {
    "cell_metrics": ["standard_error", "measurement_error", "reason"],
    "estimates": ["reason"],
    "phases": ["reason"],
}


def differences(old: Path, new: Path, *, same_polars: bool = True) -> list[str]:
    """The differences by which a newer catalog fails to contain an older one; empty if it does.

    Args:
        old: folder of the older tables.
        new: folder of the newer tables.
        same_polars: whether both were written by the installed version of Polars; if not, the
            older tables are rewritten before their bytes are compared.

    Raises:
        FileNotFoundError: if the older folder contains no tables.
    """
    tables = sorted(old.glob("*.parquet"))
    if not tables:
        raise FileNotFoundError(f"there are no tables in {old}")
    found = []
    for path in tables:
        if not (new / path.name).is_file():
            found.append(f"{path.stem}: the table is missing")
            continue
        content = path.read_bytes()
        wanted, today = pl.read_parquet(content), pl.read_parquet((new / path.name).read_bytes())
        if "metric" in wanted.columns and "metric" in today.columns:
            today = today.filter(pl.col("metric").is_in(wanted["metric"].unique().implode()))
        redefined = REDEFINED.get(path.stem, [])
        wanted, today = wanted.drop(redefined), today.drop(redefined)
        finite = _without_infinities(wanted)
        same_bytes = same_polars and not redefined and finite.equals(wanted)
        wanted = finite
        problem, kept = _old_columns(wanted, today, RENAMED.get(path.stem, {}))
        if problem is None:
            expected = content if same_bytes else written(wanted)
            problem = None if written(kept) == expected else _first_difference(wanted, kept)
        if problem is not None:
            found.append(f"{path.stem}: {problem}")
    return found


def _without_infinities(frame: pl.DataFrame) -> pl.DataFrame:
    """The table with null for infinities, which tables held before they had `not_finite`."""
    reals = pl.col(pl.Float64)
    return frame.with_columns(pl.when(reals.is_finite()).then(reals))


def written(frame: pl.DataFrame) -> bytes:
    """The bytes of a table as the catalog writes it."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", statistics=True)
    return buffer.getvalue()


def _old_columns(
    old: pl.DataFrame, new: pl.DataFrame, renamed: dict[str, str]
) -> tuple[str | None, pl.DataFrame]:
    """The columns of the older table, taken from the newer one under their former names."""
    today = {name: name if name in new.columns else renamed.get(name, name) for name in old.columns}
    missing = [name for name in old.columns if today[name] not in new.columns]
    if missing:
        return f"missing columns {', '.join(missing)}", new
    former = {now: name for name, now in today.items()}
    kept = new.select([name for name in new.columns if name in former]).rename(former)
    if kept.columns != old.columns:
        return f"the order of the columns differs: {', '.join(kept.columns)}", kept
    return None, kept


def _first_difference(old: pl.DataFrame, new: pl.DataFrame) -> str:
    if old.schema != new.schema:
        changed = [name for name in old.columns if old.schema[name] != new.schema[name]]
        return ", ".join(f"{n} is {new.schema[n]}, was {old.schema[n]}" for n in changed)
    if old.height != new.height:
        return f"{new.height} rows, were {old.height}"
    for name in old.columns:
        for row, (was, now) in enumerate(zip(old[name].to_list(), new[name].to_list())):
            if repr(was) != repr(now):
                return f"row {row}, {name}: {now!r}, was {was!r}"
    return "equal values, but different bytes"


def main() -> None:
    """Compare two folders; the exit code is 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument(
        "--other-polars",
        action="store_true",
        help="OLD was written by another version of Polars; rewrite its tables first",
    )
    arguments = parser.parse_args()
    found = differences(arguments.old, arguments.new, same_polars=not arguments.other_polars)
    for line in found:
        print(line)
    if not found:
        n_tables = len(list(arguments.old.glob("*.parquet")))
        print(f"all {n_tables} tables are byte-identical, ignoring added columns")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()

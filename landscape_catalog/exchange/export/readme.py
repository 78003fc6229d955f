"""The README files of what is exported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from landscape_catalog.catalog import TABLES
from landscape_catalog.exchange.export.citation import Credits, is_url, published_as
from landscape_catalog.schema.tables import Row

_TABLES_HEAD = """\
# Tables of a landscape catalog

{words}

`cells.{form}` has one wide row per cell: its parameters, its phase, and mean, standard deviation,
count, status and reason of each metric. `tables/` has every table; `columns.csv` says what each
column is, in which unit and of which type.

| table | rows | one row is |
|---|---|---|
{rows}

"""
_CSV_WORDS = """\
UTF-8, with a comma between columns and a header. Numbers have every digit that is needed to read
them back exactly. A value that is missing is empty; a text that is empty is `""`. Ids are text,
even those that look like numbers: take the types from `columns.csv`.
"""
_PARQUET_WORDS = """\
DuckDB: `SELECT * FROM 'cells.parquet'`. Polars: `pl.read_parquet("cells.parquet")`.
`landscape collect` with the path of `tables/` takes the tables into another project.
"""
_BUNDLE = """\
# {title}

{words}

| file | what it is |
|---|---|
{files}

## Reading it

With [DuckDB](https://duckdb.org), the tables alone, or with all views in a database:

```sh
duckdb -c "SELECT * FROM 'catalog/phases.parquet'"
cat schema.sql load.sql | duckdb catalog.duckdb
duckdb catalog.duckdb -c "SELECT width, batch_size, phase FROM cells"
```

With [Polars](https://pola.rs):

```python
import polars as pl

cells = pl.read_parquet("catalog/cells.parquet")
phases = pl.read_parquet("catalog/phases.parquet")
print(cells.join(phases, on="cell_id").select("width", "batch_size", "phase", "reason"))
```

In another project of {package}, where it stands beside one's own results:

```sh
landscape collect PATH-OF-THIS-FOLDER
landscape sql --all "SELECT origin, phase, count(*) FROM cells GROUP BY ALL ORDER BY ALL"
```

`sha256sum --check SHA256SUMS` checks every file.
{models}
## Citing it

{citing}```bibtex
{bibtex}
```

## Licence

{licence}
"""
_MODELS = """
## The models

`models.csv` has a row for each run: its place in the grid, its results, the phase of its cell, and
its file. `weights.safetensors` holds the state dict of the snapshot with the best training loss
(`weight/NAME`), those of other snapshots (`weight@SNAPSHOT/NAME`), and the history;
`record.json` has the specification that the run's id is a hash of.

```python
from safetensors.torch import load_file

arrays = load_file("models/RUN_ID/weights.safetensors")
start = "weight/"
state = {name.removeprefix(start): arrays[name] for name in arrays if name.startswith(start)}
```
"""


@dataclass(frozen=True)
class Facts:
    """What the README of a bundle says.

    Attributes:
        title: of the bundle.
        experiment: the row of the table `experiments`.
        files: its files or groups of files, with what they are.
        bibtex: the entry.
        credits: authors, licence and date.
        has_models: whether the weights are in it.
        source: its row of the table `sources`.
    """

    title: str
    experiment: Row
    files: Mapping[str, str]
    bibtex: str
    credits: Credits
    has_models: bool
    source: Row


def one_line(text: str) -> str:
    """A text without line breaks."""
    return " ".join(text.split())


def summary(experiment: Row) -> str:
    """What an experiment is, in a sentence."""
    count = experiment["n_runs"]
    runs = "" if count is None else f" and {count:,} {'run' if count == 1 else 'runs'}"
    what = one_line(" on ".join(filter(None, (experiment["model"], experiment["dataset"]))))
    n_cells = experiment["n_cells"]
    cells = f"{n_cells:,} {'cell' if n_cells == 1 else 'cells'}"
    return (
        f"A grid of {cells}{runs}{f' of {what}' if what else ''}, each cell with the phase of its "
        f"loss landscape."
    )


def tables_readme(experiment: Row, tables: Mapping[str, pl.DataFrame], form: str) -> str:
    """The README of exported tables."""
    rows = [
        f"| `{name}` | {tables[name].height:,} | {table.row} |" for name, table in TABLES.items()
    ]
    words = f"{summary(experiment)} {_ids(experiment)}"
    head = _TABLES_HEAD.format(words=words, form=form, rows="\n".join(rows))
    return head + (_CSV_WORDS if form == "csv" else _PARQUET_WORDS)


def bundle_readme(facts: Facts, package: str) -> str:
    """The README of a bundle."""
    words = [summary(facts.experiment), _ids(facts.experiment)]
    citing = ""
    name = published_as(facts.source)
    if name is not None:
        url = facts.source["url"]
        published = f"{name}, {url}" if is_url(url) and url != name else name
        words.append(f"The results were published by others: {published}.")
        citing = f"Cite the publication, {published}, and this bundle:\n\n"
    licence = facts.credits.licence
    return _BUNDLE.format(
        title=facts.title,
        words=" ".join(words),
        files="\n".join(f"| `{name}` | {what} |" for name, what in facts.files.items()),
        package=package,
        models=_MODELS if facts.has_models else "",
        citing=citing,
        bibtex=facts.bibtex,
        licence=f"{licence}: {facts.credits.licence_url}" if licence else _NO_LICENCE,
    )


_NO_LICENCE = "None was given: ask the authors what you may do with it."


def _ids(experiment: Row) -> str:
    return (
        f"Experiment `{experiment['experiment_id']}`, classification "
        f"`{experiment['classification_id']}`."
    )

"""Where rows come from: the column `origin` of every table in SQL, and the table `sources`."""

from __future__ import annotations

from landscape_catalog.schema.tables import INTEGER, TEXT, Column, Table

ORIGIN = Column("origin", TEXT, "the source that the row was read from, see `sources`")

SOURCES = Table(
    "a place where the results of an experiment were found",
    (
        ORIGIN._replace(meaning="`origin` of its rows in the other tables"),
        Column("name", TEXT, "`current`, the folder in data/collected, or the name of an import"),
        Column("kind", TEXT, "`current`, `imported` or `collected`"),
        Column("experiment_id", TEXT, "the experiment"),
        Column("classification_id", TEXT, "hash of the experiment and its thresholds"),
        Column("repository", TEXT, "URL or path of the Git repository; null: this project"),
        Column("revision", TEXT, "commit; null if it is not from one"),
        Column("refs", TEXT, "JSON: the branches, tags and DVC experiments at this commit"),
        Column("path", TEXT, "the catalog's folder in its repository"),
        Column("format", TEXT, "of published results: that of the importer"),
        Column("file", TEXT, "of published results: name of the imported file"),
        Column("sha256", TEXT, "of published results: SHA-256 of that file"),
        Column("citation", TEXT, "of published results: the publication"),
        Column("url", TEXT, "of published results: where they were published"),
        Column("schema_version", INTEGER, "version of the tables as they are stored"),
        Column("fingerprint", TEXT, "hash of the tables' content"),
        Column("note", TEXT, "what is to be known about these results"),
    ),
    ("origin", "kind", "name", "repository", "revision", "path"),
    enumerations={"kind": "source_kind"},
)

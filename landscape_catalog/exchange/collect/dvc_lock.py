"""The catalog's hash in a `dvc.lock`."""

from __future__ import annotations

import re
from typing import Any

from landscape_catalog.exchange.collect.unusable import Reason, UnusableError
from landscape_catalog.experiment.yaml_text import InvalidTextError, parse_yaml

LOCK_FILE = "dvc.lock"
CATALOG = "data/catalog"  # the output of the stage `aggregate`
_HASH = re.compile(r"[0-9a-f]{32}\.dir")
# What a stage has besides its outputs, as DVC writes it: a key of a stage, and all that is indented
# more, or is an item of a list at the same indent.
_OTHERS = re.compile(
    r"^    (?:cmd|deps|params):.*\n(?:(?:     |    - |[ \t\r]*$).*(?:\n|\Z))*", re.M
)


def catalog_hash(content: bytes) -> str | None:
    """The DVC hash of the folder `data/catalog`, as `<md5>.dir`; None if no stage makes it.

    Only outputs are parsed: that of dependencies and parameters would take ten times as long.

    Raises:
        UnusableError: if the text is no valid `dvc.lock`.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise UnusableError(Reason.LOCK, f"not UTF-8 text (byte {error.start + 1})") from None
    if CATALOG not in text:
        return None
    try:
        data = parse_yaml(_OTHERS.sub("", text))
    except InvalidTextError as error:
        raise UnusableError(Reason.LOCK, error.given) from None
    return next(filter(None, map(_hash_of, _outputs(data))), None)


def _outputs(data: Any) -> list[Any]:
    """The outputs of all stages."""
    stages = data.get("stages") if isinstance(data, dict) else None
    if not isinstance(stages, dict):
        raise UnusableError(Reason.LOCK, "it has no stages")
    outputs = [stage.get("outs") for stage in stages.values() if isinstance(stage, dict)]
    return [output for part in outputs if isinstance(part, list) for output in part]


def _hash_of(output: Any) -> str | None:
    """The hash of an output, if it is the catalog."""
    if not isinstance(output, dict) or output.get("path") != CATALOG:
        return None
    md5 = output.get("md5")
    return md5 if isinstance(md5, str) and _HASH.fullmatch(md5) else None

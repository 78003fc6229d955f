"""Parse the YAML text of an experiment, which is bounded in depth and size."""

from __future__ import annotations

import io
import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node

from landscape_catalog.errors import shown

DEEPEST = 20  # lists and mappings within one another
LARGEST = 2**19  # values, each counted as often as aliases repeat it; reading 10,000 takes a second
LONGEST = 2**22  # characters
VERSION = re.compile(r"^\ufeff?%YAML[ \t]+(\S+)", re.MULTILINE)


class InvalidTextError(Exception):
    """The text is not YAML, or not of a kind that experiments are written in.

    Attributes:
        given: what was found, or what is wrong with it; see `Problem`.
        allowed: what is allowed instead; may be empty.
    """

    def __init__(self, given: str, allowed: str = "") -> None:
        self.given, self.allowed = given, allowed
        super().__init__(given)


def parse_yaml(text: str) -> Any:
    """The value of a YAML text of version 1.2, which DVC reads.

    Raises:
        InvalidTextError: if it is not YAML, of another version, too deep or too large.
    """
    if len(text) > LONGEST:
        raise InvalidTextError(f"{len(text):,} characters", f"at most {LONGEST:,}")
    version = VERSION.search(text)
    if version is not None and version[1] != "1.2":
        given = f"the directive %YAML {shown(version[1], longest=20)[1:-1]}"
        raise InvalidTextError(given, "YAML 1.2, without this line")
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer, yaml.Constructor = _Composer, _Constructor
    try:
        return yaml.load(io.StringIO(text))
    except (YAMLError, ValueError, OverflowError) as error:
        raise InvalidTextError(f"not valid YAML: {_without_source(str(error))}") from None


def _without_source(message: str) -> str:
    """A message of the parser on one line, without the name of its stream and advice on Python."""
    words = " ".join(message.partition("To suppress this check")[0].split())
    return re.sub(r'in "<[\w ]+>",', "at", words)


class _Composer(Composer):
    """Stops where there are too many values, or nested too deeply, before the rest is read."""

    levels = values = 0

    def compose_node(self, parent: Node | None, index: Any) -> Any:
        if self.levels > DEEPEST:
            raise _too_deep()
        self.levels, self.values = self.levels + 1, self.values + 1
        if self.values > LARGEST:
            raise _too_many()
        node = super().compose_node(parent, index)
        self.levels -= 1
        return node


class _Constructor(SafeConstructor):
    """Counts the values before it makes any, and names a value that its tag rules out."""

    def construct_document(self, node: Node) -> Any:
        _count(node, {}, DEEPEST)
        return super().construct_document(node)

    def construct_object(self, node: Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep=deep)
        except ValueError as error:
            if "int_max_str_digits" not in str(error):
                raise
            problem = f"the number {shown(node.value)} has too many digits"
            raise ConstructorError(None, None, problem, node.start_mark) from error
        except (YAMLError, OverflowError):
            raise
        except Exception as error:  # of a tag such as `!!bool maybe`; each has its own errors
            kind = str(node.tag).replace("tag:yaml.org,2002:", "!!")
            problem = f"{shown(node.value)} is no value of the type {kind}"
            raise ConstructorError(None, None, problem, node.start_mark) from error


def _count(node: Node, known: dict[int, tuple[int, int]], levels: int) -> tuple[int, int]:
    """Number of values and of levels in a node; one that aliases repeat is counted once.

    Raises:
        InvalidTextError: if there are more than allowed, or the node contains itself.
    """
    if not isinstance(node, CollectionNode):
        return 1, 0
    if id(node) not in known:
        if levels == 0:  # also ends the walk through a node that contains itself
            raise _too_deep()
        pairs = node.value if isinstance(node, MappingNode) else [(part,) for part in node.value]
        inner = [_count(part, known, levels - 1) for pair in pairs for part in pair]
        size = 1 + sum(size for size, _ in inner)
        if size > LARGEST:
            raise _too_many()
        known[id(node)] = size, 1 + max((depth for _, depth in inner), default=0)
    if known[id(node)][1] > levels:
        raise _too_deep()
    return known[id(node)]


def _too_many() -> InvalidTextError:
    return InvalidTextError("too many values", f"at most {LARGEST:,}, with repetitions")


def _too_deep() -> InvalidTextError:
    return InvalidTextError("deeper nesting", f"at most {DEEPEST} levels of lists and mappings")

"""What `params.yaml` may be as YAML: messages about text that is no experiment, at once."""

from __future__ import annotations

import time

import pytest

from landscape_catalog.errors import SpecError
from landscape_catalog.experiment.reading import parse_experiment
from landscape_catalog.experiment.yaml_text import DEEPEST, parse_yaml
from tests.conftest import ROOT

DEFAULT = (ROOT / "params.yaml").read_text()


def aliases(first: str, each: str, count: int) -> str:
    """Each line repeats the value of the line before several times."""
    lines = [f"a0: &a0 {first}"]
    lines += [f"a{i}: &a{i} {each.replace('*', f'*a{i - 1}')}" for i in range(1, count)]
    return "\n".join(lines)


def with_noise(value: str) -> str:
    return DEFAULT.replace("label_noise: 0.0", f"label_noise: {value}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("%YAML 1.1\n---\n" + DEFAULT, "(file): got the directive %YAML 1.1; allowed: YAML 1.2"),
        ("%YAML 1.3\n---\n" + DEFAULT, "(file): got the directive %YAML 1.3; allowed: YAML 1.2"),
        ("\ufeff%YAML 1.1\n---\ny: 1", "(file): got the directive %YAML 1.1; allowed: YAML 1.2"),
        ("# words\n%YAML 2.0\n---\na: 1", "got the directive %YAML 2.0; allowed: YAML 1.2"),
        ("%YAML one\n---\na: 1", "got the directive %YAML one; allowed: YAML 1.2"),
        (with_noise("!!bool maybe"), "(file): not valid YAML: 'maybe' is no value of the type !!bool at line "),
        (with_noise("!!bool ''"), "(file): not valid YAML: '' is no value of the type !!bool at line "),
        (with_noise("!!int x"), "(file): not valid YAML: invalid literal for int"),
        (with_noise("1" * 5000), "(file): not valid YAML: the number '111"),
        (with_noise("1" * 5000), "' has too many digits at line "),
        (with_noise("!!timestamp x"), "(file): not valid YAML: failed to construct timestamp"),
        (with_noise("!!python/object:os.system x"), "(file): not valid YAML: could not determine a constructor"),
        (with_noise("!!set {1}"), "load.label_noise: got {1}; allowed: a number"),
        (with_noise("2020-01-01"), "load.label_noise: got datetime.date(2020, 1, 1); allowed: "),
        ("a: 1\n b: 2", "(file): not valid YAML: mapping values are not allowed here at line 2, col"),
        ("\tb: 2", "not valid YAML: while scanning for the next token found character '\\t' that cannot"),
        ("a: 1\na: 2", "not valid YAML: while constructing a mapping at line 1, column 1 found duplicate"),
        ("a: \x07", "(file): not valid YAML: unacceptable character #x0007: special characters"),
        ("- 1", "(file): got a list; allowed: a mapping of sections"),
        ("3", "(file): got 3; allowed: a mapping of sections"),
        ("a: " + "[" * 5000 + "]" * 5000, f"got deeper nesting; allowed: at most {DEEPEST} levels"),
        ("- " * 5000 + "a", f"got deeper nesting; allowed: at most {DEEPEST} levels"),
        ("\n".join(" " * i + "a:" for i in range(400)), "got deeper nesting; allowed: at most "),
        ("a: [" + "0.001, " * 600_000 + "1]", "got 4,200,006 characters; allowed: at most 4,194,304"),
        ("a: &a [*a]", "got deeper nesting; allowed: at most "),
        ("a: &a {b: *a}", "got deeper nesting; allowed: at most "),
        (aliases("[1, 2]", "[*, *]", 40), "got too many values; allowed: at most "),
        (aliases("[1, 2]", f"[{', '.join('*' * 10)}]", 10), "got too many values; allowed: at most "),
        (aliases("{x: 1}", "{<<: [*, *, *, *, *, *, *, *]}", 9), "got too many values; allowed: "),
    ],
)  # fmt: skip
def test_text_that_is_refused(text: str, said: str) -> None:
    started = time.monotonic()
    with pytest.raises(SpecError) as error:
        parse_experiment(text)
    assert said in str(error.value)
    assert len(str(error.value)) < 2000
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("%YAML 1.2\n---\na: 1", {"a": 1}),
        ("a: |\n  %YAML 1.1\n", {"a": "%YAML 1.1\n"}),
        ("a: !!bool true\nb: !!float 1", {"a": True, "b": 1.0}),
        ("a: &a {x: [1]}\nb: {<<: *a, y: 2}", {"a": {"x": [1]}, "b": {"x": [1], "y": 2}}),
        ("a: " + "[" * (DEEPEST - 1) + "]" * (DEEPEST - 1), None),
    ],
)
def test_text_that_is_read(text: str, value: object) -> None:
    found = parse_yaml(text)
    assert value is None or found == value

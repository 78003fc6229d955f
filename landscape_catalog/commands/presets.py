"""Presets: listed, explained, and written to `params.yaml`."""

from __future__ import annotations

import difflib
import re
import textwrap
from pathlib import Path

from landscape_catalog.commands.backups import keep_former
from landscape_catalog.errors import Problem, SpecError
from landscape_catalog.experiment.experiment import Experiment
from landscape_catalog.paths import Project
from landscape_catalog.pipeline.shared.workspace import lay_out
from landscape_catalog.presets import PRESETS, SCALES, Preset, Scale
from landscape_catalog.presets.render import render
from landscape_catalog.store.files import write_file


def list_presets() -> str:
    """Name and title of every preset."""
    width = max(map(len, PRESETS))
    return "\n".join(f"{name:<{width}}  {preset.title}" for name, preset in PRESETS.items())


def find_preset(name: str) -> Preset:
    """The preset of this name.

    Raises:
        SpecError: if there is none.
    """
    if name in PRESETS:
        return PRESETS[name]
    near = _of_figure(name) or difflib.get_close_matches(name, PRESETS, n=1, cutoff=0.4)
    meant = f"; did you mean `{near[0]}`?" if near else ""
    allowed = f"a name that `landscape preset list` shows{meant}"
    raise SpecError([Problem("preset", repr(name), allowed)], "landscape preset")


def _of_figure(name: str) -> list[str]:
    """The preset of the figure whose number a name has: `fig2`, `figure-02` or `2`."""
    found = re.match(r"(?:fig(?:ure)?)?[\s_-]*0*(\d+)(?!\d)", name, re.IGNORECASE)
    return [known for known in PRESETS if found and int(known[3:5]) == int(found[1])]


def show_preset(name: str, root: Path) -> str:
    """What a preset reproduces, what one should see, and its size at every scale."""
    preset = find_preset(name)
    parts = [
        f"{preset.name}: {preset.title}",
        *_paragraph("Reproduces", preset.reproduces),
        *_paragraph("One should see", preset.expect),
        *(_paragraph("Chosen here", preset.choices) if preset.choices else []),
        "",
    ]
    return "\n".join([*parts, *(size_line(preset, scale, root) for scale in SCALES)])


def _paragraph(title: str, text: str) -> list[str]:
    return ["", textwrap.fill(f"{title}: {text}", 100)]


def size_line(preset: Preset, scale: Scale, root: Path) -> str:
    """The data, axes and counts of a preset at one scale."""
    experiment = preset.experiment(scale)
    grid = lay_out(experiment, Project(root))
    axes = " x ".join(f"{axis.path} ({len(axis.values)})" for axis in grid.axes)
    variants = f", {len(grid.variants)} variants" if len(grid.variants) > 1 else ""
    return (
        f"{scale:<6} {experiment.model.name} on {experiment.dataset.name}: {axes}{variants}; "
        f"{len(grid.cells):,} cells, {len(grid.runs):,} runs"
    )


def preset_text(preset: Preset, scale: Scale) -> str:
    """A preset at one scale as the text of `params.yaml`."""
    heading = f"Preset {preset.name} at scale {scale}. {preset.reproduces}"
    return render(preset.experiment(scale), heading)


def use_preset(name: str, scale: Scale, root: Path) -> str:
    """Write a preset to `params.yaml`; says what became of the file that was there.

    A file that is no preset's text is kept as `params.yaml.bak`, or `.bak2` and so on: what is kept
    is never overwritten.

    Raises:
        SpecError: if there is no such preset, or `params.yaml` is a folder.
    """
    project, preset = Project(root), find_preset(name)
    if project.params.is_dir():
        raise SpecError([Problem("(file)", "a folder", "a file, or none")], project.params.name)
    text, kept = preset_text(preset, scale), ""
    if project.params.is_file():
        old = project.params.read_bytes()
        if not _is_preset_text(old):
            former = keep_former(project.params)
            kept = f"; the former one is kept as {former.name}"
    write_file(project.params, text.encode())
    return f"params.yaml is now {name} at scale {scale}{kept}. `landscape plan` shows its size."


def _is_preset_text(content: bytes) -> bool:
    """Whether a file is, to the byte, what the preset that its heading names is written as."""
    named = re.search(rb"^# Preset (\S+) at scale (\w+)\.", content, re.MULTILINE)
    if named is None:
        return False
    name, scale = (part.decode(errors="replace") for part in named.groups())
    texts = [preset_text(PRESETS[name], s) for s in SCALES if s == scale] if name in PRESETS else []
    return content in [text.encode() for text in texts]


def presets_table(root: Path) -> str:
    """Every preset as a Markdown document."""
    rows = [
        "# Presets",
        "",
        "Every experiment of Yang et al. 2021 at three scales: as published, overnight on one GPU "
        "or a laptop, and some two minutes to see that everything runs. Counts are cells / runs. "
        "Made by `landscape preset table`; a test holds it to the code.",
        "",
        "| preset | what it is | paper | small | smoke |",
        "|---|---|---|---|---|",
    ]
    for preset in PRESETS.values():
        sizes = [_size(preset.experiment(scale), root) for scale in SCALES]
        rows.append(f"| `{preset.name}` | {preset.title} | {' | '.join(sizes)} |")
    details = [
        f"\n## {preset.name}\n\n{preset.reproduces}\n\n*One should see:* {preset.expect}"
        + (f"\n\n*Chosen here:* {preset.choices}" if preset.choices else "")
        for preset in PRESETS.values()
    ]
    return "\n".join([*rows, *details]) + "\n"


def _size(experiment: Experiment, root: Path) -> str:
    grid = lay_out(experiment, Project(root))
    return f"{experiment.dataset.name}: {len(grid.cells):,} / {len(grid.runs):,}"

"""What a study's `.gitignore` hides: lines of earlier versions are brought to those of today.

Git and DVC read the file differently. DVC asks about folders by their bare names, `data/`, which
the pattern `/data/*` matches there, and passes over every .dvc file in a folder that is ignored: so
the pattern has to be `/data/?*`.
"""

from __future__ import annotations

from landscape_catalog.commands.study_files import template

_FORMER = ("/data", "/data/", "/data/*", "/data/imports/*")
_REPORTS = "/reports/*.html"
_OTHER_REPORTS = ("/reports/other/", "/reports/figures/")


def upgraded_ignores(text: str) -> tuple[str, list[str]]:
    """The content of a `.gitignore` with today's lines, and what that changes.

    Args:
        text: as it is. Lines that are not those of earlier versions stay where they are.
    """
    lines = [line.rstrip() for line in text.splitlines()]
    changes = []
    ours = [line for line in template("gitignore").splitlines() if line.lstrip("!")[:5] == "/data"]
    known = {*ours, *_FORMER}
    places = [place for place, line in enumerate(lines) if line in known]
    if places and [lines[place] for place in places] != ours:
        kept = [line for line in lines[places[0] :] if line not in known]
        lines[places[0] :] = [*ours, *kept]
        changes.append("admits data/imports/*.dvc, for Git and for DVC")
    missing = [line for line in _OTHER_REPORTS if line not in lines]
    if _REPORTS in lines and missing:
        place = max(lines.index(line) for line in (_REPORTS, *_OTHER_REPORTS) if line in lines)
        lines[place + 1 : place + 1] = missing
        changes.append(f"hides {' and '.join(line[1:] for line in missing)}")
    return ("\n".join(lines) + "\n" if changes else text), changes

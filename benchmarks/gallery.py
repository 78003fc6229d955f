"""docs/gallery: the reports of two experiments, and screenshots of these and of published grids.

    python benchmarks/gallery.py WORK [--published FOLDER] [--output docs/gallery]

WORK gets a study, which is kept and continued by the next call: the default experiment, a DVC
experiment `noisy` with wrong training labels, and imports of published grids, as far as FOLDER has
the files of Yang et al. 2021 (yang2021/results_half.tar.gz) and Zhou et al. 2024
(zhou2024/dataframe_normal_public.csv). Runs in the shared store are not trained again; without them
the two experiments take some ten minutes on two quiet cores. All pages stay in WORK; those of
published grids hold other people's data and are not copied.

Needs Playwright for Python and Chromium (`--chromium`, by default /usr/bin/chromium).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PUBLISHED = Path("../shared/published")
YANG, ZHOU = "yang2021/results_half.tar.gz", "zhou2024/dataframe_normal_public.csv"
LARGEST = 300_000  # bytes of a picture
PATIENCE = 180_000  # milliseconds, on a busy machine
DESKTOP, PHONE = (1440, 900), (390, 844)
# The noisy companion: a smaller grid than the default, with nine cells in common.
NOISY = (
    "load.label_noise=0.2",
    "load.width=[1,2,8]",
    "temperature.batch_size=[8,32,128,256]",
    "train.seeds=3",
    "measure.connectivity.pairs=first",
)


@dataclass(frozen=True)
class Shot:
    """A screenshot.

    Attributes:
        name: of the picture.
        page: the report, relative to the study.
        part: CSS selector of what is shown; empty: what the window shows at first.
        whole: whether the part is shown as a whole, or as much of it as the window shows.
        size: of the window, in pixels.
        dark: whether the reader prefers dark colours.
        keys: pressed on the phase diagram; the first arrow selects the first cell.
    """

    name: str
    page: str
    part: str = ""
    whole: bool = True
    size: tuple[int, int] = DESKTOP
    dark: bool = False
    keys: tuple[str, ...] = ()


DEFAULT, OTHER = "reports/phases.html", "reports/other"
COMPARISON = f"{OTHER}/current+noisy.html"
YANG_PAGE = f"{OTHER}/yang2021.html"
NOISY_PAGE = f"{OTHER}/noisy.html"
REPORTS = {"default": DEFAULT, "noisy": NOISY_PAGE}  # that are copied
PANELS = "section:has(#panel-train_loss)"
SHOTS = (
    Shot("default", DEFAULT),
    Shot("default-panels", DEFAULT, PANELS),
    Shot("default-drawer", DEFAULT, keys=(*["ArrowRight"] * 3, *["ArrowDown"] * 2)),
    Shot("default-dark", DEFAULT, dark=True),
    Shot("default-phone", DEFAULT, size=PHONE),
    Shot("noisy", NOISY_PAGE),
    Shot("comparison", COMPARISON),
    Shot("comparison-difference", COMPARISON, "section:has(#difference-phases)"),
    Shot("yang2021", YANG_PAGE),
    Shot("yang2021-panels", YANG_PAGE, PANELS, whole=False, size=(1024, 640)),
    Shot("zhou2024", f"{OTHER}/zhou2024.html", ".maps", whole=False, size=(1200, 900)),
)


def run(*words: str, folder: Path) -> str:
    """Run a program of this environment; what it prints is shown if it fails."""
    scripts = str(Path(sys.executable).parent)
    environment = os.environ | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed in {folder}:\n{done.stdout}{done.stderr}")
    return done.stdout


def landscape(*words: str, folder: Path) -> str:
    """Run a command of this checkout."""
    return run(sys.executable, "-m", "landscape_catalog", *words, folder=folder)


def make_study(work: Path, published: Path) -> Path:
    """The study with its experiments and imports, and all reports."""
    study = work.resolve() / "study"
    if not (study / "params.yaml").exists():
        study.mkdir(parents=True, exist_ok=True)
        landscape("init", ".", folder=study)
    run("dvc", "repro", folder=study)
    if (
        "noisy"
        not in run("dvc", "exp", "list", "--all-commits", "--name-only", folder=study).split()
    ):
        run("git", "add", "-A", folder=study)
        if run("git", "status", "--porcelain", folder=study):
            run("git", "commit", "-q", "-m", "The default experiment", folder=study)
        changes = [word for change in NOISY for word in ("-S", change)]
        run("dvc", "exp", "run", "--temp", "--name", "noisy", *changes, folder=study)
    landscape("report", folder=study)
    landscape("report", "--source", "noisy", folder=study)
    landscape("report", "--compare", "current", "noisy", folder=study)
    for form, file in (("yang2021", YANG), ("zhou2024", ZHOU)):
        path = (published / file).resolve()
        if not path.is_file():
            print(f"{path} is missing: no picture of {form}")
            continue
        if not (study / "imports" / f"{form}.yaml").exists():
            landscape("import", form, str(path), folder=study)
        landscape("report", "--source", form, folder=study)
    return study


def pictures(study: Path, shots: Sequence[Shot], chromium: Path) -> Iterator[tuple[str, bytes]]:
    """Each shot whose page exists, as a PNG. Anything on the page's console is an error."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for shot in shots:
            path = study / shot.page
            if not path.exists():
                continue
            width, height = shot.size
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme="dark" if shot.dark else "light",
                offline=True,
            )
            page: Any = context.new_page()
            page.set_default_timeout(PATIENCE)
            said: list[str] = []
            page.on("console", lambda message, said=said: said.append(message.text))
            page.on("pageerror", lambda error, said=said: said.append(str(error)))
            page.goto(path.as_uri())
            yield shot.name, _picture(page, shot)
            if said:
                raise SystemExit(f"{shot.page} says: {'; '.join(said)}")
            context.close()
        browser.close()


def _picture(page: Any, shot: Shot) -> bytes:
    page.wait_for_selector("#phases-0[data-state=drawn]")
    if shot.keys:
        page.locator("#phases-0").focus()
        for key in shot.keys:
            page.keyboard.press(key)
    if shot.part:
        for chart in page.locator(f"{shot.part} .chart:visible").all():
            chart.scroll_into_view_if_needed()
            page.wait_for_function(
                "slot => slot.dataset.state === 'drawn'", arg=chart.element_handle()
            )
    page.wait_for_timeout(800)
    if shot.part and not shot.whole:
        page.evaluate("part => document.querySelector(part).scrollIntoView()", shot.part)
        page.wait_for_timeout(500)
    found = page.locator(shot.part) if shot.part and shot.whole else page
    picture: bytes = found.screenshot()
    return picture


def main() -> None:
    """Make the study and its reports, and copy two of them; take the pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("work", type=Path, help="folder for the study and its pages")
    parser.add_argument("--published", type=Path, default=PUBLISHED)
    parser.add_argument("--output", type=Path, default=Path("docs/gallery"))
    parser.add_argument("--chromium", type=Path, default=Path("/usr/bin/chromium"))
    given = parser.parse_args()
    study = make_study(given.work, given.published)
    given.output.mkdir(parents=True, exist_ok=True)
    for name, page in REPORTS.items():
        shutil.copyfile(study / page, given.output / f"{name}.html")
    for name, picture in pictures(study, SHOTS, given.chromium):
        if len(picture) > LARGEST:
            raise SystemExit(f"{name}.png has {len(picture)} bytes; allowed: {LARGEST}")
        (given.output / f"{name}.png").write_bytes(picture)
        print(f"{given.output / name}.png  {len(picture) / 1000:.0f} kB")


if __name__ == "__main__":
    main()

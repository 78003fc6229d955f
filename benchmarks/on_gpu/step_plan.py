"""Which ways of taking training steps are timed, in which order, and how long that should take.

    python -m benchmarks.on_gpu.step_plan

prints the plan with its arithmetic. A case takes S + (W + R N) T t seconds: S to build T networks
and to record or choose kernels; W warm-up steps; R repeats of N steps; t seconds of a step of
one network, from docs/performance.md where it was measured and guessed elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

BATCH = 128
STEPS = 30
FEW = 10  # of ways that serve for comparison alone
WARM_STEPS = 6
FIVE = 5  # networks of an ensemble
LOADERS = 4  # processes
LIMITS_SECONDS = 6.0  # matrix products and a copy


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        way: its name (`steps.WAYS`).
        width: of the ResNet18s.
        count: number of networks.
        batch: samples of a step.
        steps: that are timed at a time.
        repeats: of the timing, of which the median counts.
        precision: `float32`, `tf32` or `bf16`, as `Recipe.precision`.
    """

    way: str
    width: int
    count: int = 1
    batch: int = BATCH
    steps: int = STEPS
    repeats: int = 3
    precision: str = "float32"

    @property
    def name(self) -> str:
        """Unique in the table."""
        words = f"k={self.width} B={self.batch} T={self.count} {self.way}"
        return words if self.precision == "float32" else f"{words}, {self.precision}"


def plan(*, toy: bool = False) -> list[Case]:
    """All cases, the most important ones first."""
    cases = list(_cases())
    assert len({case.name for case in cases}) == len(cases)
    return [_small(case) for case in cases if case.width != 16] if toy else cases


def _cases() -> Iterator[Case]:
    """The product and the authors' loop; the product's choices; the ways that it did not take."""
    for width in (8, 2, 64, 16):
        repeats = 2 if width == 64 else 3
        yield Case("recorded", width, FIVE, repeats=repeats)
        yield Case("recorded", width, repeats=repeats)
        yield Case("plain loop", width, repeats=2)
        yield Case("plain loop, loaders", width, repeats=repeats)
    for width in (8, 64):
        for precision in ("tf32", "bf16"):
            for count in (FIVE, 1):
                yield Case("recorded", width, count, repeats=2, precision=precision)
    yield Case("torch.compile", 8)
    for width in (2, 8, 16):
        yield Case("recorded", width, 10)
    yield Case("recorded", 64, 2, repeats=1)
    for width in (2, 8):
        yield Case("recorded, torch's kernels", width, FIVE)
        yield Case("recorded, torch's kernels", width)
    yield Case("recorded, torch's kernels", 64, repeats=1)
    for width, count in ((8, FIVE), (2, FIVE), (64, 1)):
        yield Case("recorded", width, count, batch=32)
        yield Case("recorded", width, count, batch=512, repeats=1)
    yield Case("recorded", 8, FIVE, batch=2048, steps=6, repeats=1)
    for width in (2, 8):
        for way in ("grouped convolutions", "vmap"):
            yield Case(way, width, FIVE, steps=FEW)
    for width in (8, 64):
        yield Case("plain loop, loaders", width, steps=FEW, repeats=1, precision="tf32")
    for width in (2, 8, 64):
        yield Case("data on the device", width, repeats=1)
    for width in (64, 8):
        for precision in ("tf32", "bf16"):
            yield Case("channels last", width, repeats=2, precision=precision)
        yield Case("any algorithm", width, repeats=1)
    for width in (2, 8):
        yield Case("stacked matrix products", width, FIVE, steps=FEW, repeats=1)
        yield Case("grouped convolutions, channels last", width, FIVE, steps=FEW, repeats=1)


def _small(case: Case) -> Case:
    """A case at toy size."""
    width = {2: 1, 8: 2, 64: 3}[case.width]
    batch = {32: 4, 128: 8, 512: 16, 2048: 24}[case.batch]
    count = {1: 1, 2: 2, FIVE: 3, 10: 4}[case.count]
    return replace(case, width=width, batch=batch, count=count, steps=2, repeats=1)


# Milliseconds of a step of one network, by way, width and whether five networks share the GPU.
MS: dict[tuple[str, int, bool], float] = {
    ("recorded", 2, False): 1.45, ("recorded", 2, True): 0.66,
    ("recorded", 8, False): 2.37, ("recorded", 8, True): 1.46,
    ("recorded", 16, False): 4.0, ("recorded", 16, True): 2.6,
    ("recorded", 64, False): 19.5, ("recorded", 64, True): 16.8,
    ("recorded, torch's kernels", 2, False): 3.14, ("recorded, torch's kernels", 2, True): 1.16,
    ("recorded, torch's kernels", 8, False): 5.63, ("recorded, torch's kernels", 8, True): 2.07,
    ("recorded, torch's kernels", 64, False): 20.9,
    ("plain loop", 2, False): 32.6, ("plain loop", 8, False): 36.1,
    ("plain loop", 16, False): 36.0, ("plain loop", 64, False): 36.0,  # k = 16: a guess
    ("plain loop, loaders", 2, False): 10.4, ("plain loop, loaders", 8, False): 10.9,
    ("plain loop, loaders", 16, False): 12.0, ("plain loop, loaders", 64, False): 19.2,
    ("data on the device", 2, False): 8.2, ("data on the device", 8, False): 6.6,
    ("data on the device", 64, False): 21.6,
    ("grouped convolutions", 2, True): 1.66, ("grouped convolutions", 8, True): 3.28,
    ("grouped convolutions, channels last", 2, True): 1.31,
    ("grouped convolutions, channels last", 8, True): 4.64,
    ("vmap", 2, True): 2.0, ("vmap", 8, True): 3.92,
    ("stacked matrix products", 2, True): 2.45, ("stacked matrix products", 8, True): 6.65,
    ("any algorithm", 8, False): 2.84, ("any algorithm", 64, False): 15.9,
    ("channels last", 8, False): 4.0, ("channels last", 64, False): 4.9,  # k = 8: a guess
    ("torch.compile", 8, False): 4.0,  # a guess
}  # fmt: skip


def seconds(case: Case) -> float:
    """How long a case should take."""
    ms = MS[case.way, case.width, case.count >= FIVE] * case.batch / BATCH
    steps = min(WARM_STEPS, case.steps) + case.repeats * case.steps
    return set_up(case) + 1e-3 * ms * case.count * steps


def set_up(case: Case) -> float:
    """Seconds before the first step that is timed, without the warm-up steps' own; guesses.

    A network is built, and its work recorded after eager steps. cuDNN times its algorithms for the
    plain loop. What `torch.compile` makes was kept by the part `compiling`.
    """
    each = 0.2 if case.width < 64 else 0.3
    extra = {
        "plain loop": 3.0, "plain loop, loaders": 5.0, "any algorithm": 3.0, "torch.compile": 15.0,
        "vmap": 1.0,
    }  # fmt: skip
    return 0.3 + each * case.count + extra.get(case.way, 0.0)


def total(cases: list[Case]) -> float:
    """Seconds of all cases and of the device's limits."""
    return LIMITS_SECONDS + sum(map(seconds, cases))


def main() -> None:
    """Print the plan."""
    spent = LIMITS_SECONDS
    print(f"{'end, s':>7} {'s':>5}  case")
    for case in plan():
        spent += seconds(case)
        print(f"{spent:7.1f} {seconds(case):5.1f}  {case.name} ({case.repeats} x {case.steps})")


if __name__ == "__main__":
    main()

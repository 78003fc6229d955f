"""The phases of Yang et al. 2021, by connectivity, sharpness and similarity of the networks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Union

from landscape_catalog.phases.auto import FoundThreshold, find_thresholds
from landscape_catalog.phases.auto.resolve import CKA, HESSIAN, TOLERANCE
from landscape_catalog.phases.criterion import Criterion, is_met, number
from landscape_catalog.phases.decision_table import DecisionTable, Setting, State, lines
from landscape_catalog.phases.diagram import Diagram
from landscape_catalog.phases.rule import (
    UNCLASSIFIED,
    CellNumbers,
    Phase,
    Rule,
    Verdict,
)
from landscape_catalog.phases.yang2021_sections import (
    Auto,
    CkaRule,
    ConnectivityRule,
    HessianRule,
)
from landscape_catalog.schema.fields import Added, PositiveFloat
from landscape_catalog.schema.words import in_words

HESSIAN_NAMES = {"top_eigenvalue": "top eigenvalue", "trace": "Hessian trace"}
# Names of the other criteria.
BARRIER, NO_MINIMUM, LOSS, ALIKE = "poorly connected", "not at a minimum", "training loss", "alike"

# Colours that differ in lightness as well as in hue (after Okabe and Ito 2008).
I = Phase("I", "sharp, poorly connected", "#b5402b", dark=True)  # noqa: E741 (the paper's name)
II = Phase("II", "sharp, but connected: training did not reach a minimum", "#e6a532")
III = Phase("III", "flat, poorly connected", "#4578ad", dark=True, flat=True)
IV_A = Phase("IV-A", "flat, connected, runs unlike", "#8fd0b0", flat=True)
IV_B = Phase("IV-B", "flat, connected, runs alike: the best phase", "#19835d", dark=True, flat=True)


class Yang2021(Rule):
    """Thresholds of the phases. After a change, nothing is trained or measured again.

    A cell is poorly connected if mc < -tolerance. It is sharp (not at the bottom of a minimum) if
    the Hessian metric exceeds its threshold, if mc > +tolerance, or if the training loss exceeds
    its threshold, where one is set; otherwise it is flat. I: sharp and poorly connected. II: sharp
    otherwise. III: flat and poorly connected. IV: flat otherwise; IV-B if CKA is at or above its
    threshold, else IV-A.

    Source: Yang et al. 2021, sections 3.1 and 5.
    """

    own_phases: ClassVar[tuple[Phase, ...]] = (I, II, III, IV_A, IV_B)

    rule: Annotated[Literal["yang2021"], Added("yang2021")] = "yang2021"
    """The phase rule: `yang2021` goes by connectivity, the Hessian, training loss and CKA."""
    connectivity: ConnectivityRule = ConnectivityRule()
    """Tolerance of mode connectivity."""
    hessian: HessianRule = HessianRule()
    """Threshold on the Hessian."""
    cka: CkaRule = CkaRule()
    """Threshold on CKA."""
    train_loss: Union[PositiveFloat, Auto, None] = 0.05
    """A cell is also sharp if its training loss exceeds this value: at a high temperature, runs are
    not at the bottom of a minimum, however small their Hessian. `auto`: found from the grid,
    together with the Hessian's threshold. `null`: only the Hessian and connectivity decide."""

    def find_thresholds(self, diagram: Diagram) -> tuple[FoundThreshold, ...]:
        """The thresholds that are `auto`, as docs/thresholds.md describes; defaults otherwise."""
        default = Yang2021()
        return find_thresholds(
            diagram,
            self._settings(),
            {name: number(value) for name, value in default._settings().items() if value},
            self.hessian.metric,
        )

    def _settings(self) -> dict[str, float | Auto | None]:
        """The four thresholds by their paths."""
        return {
            TOLERANCE: self.connectivity.tolerance,
            HESSIAN: self.hessian.threshold,
            CKA: self.cka.threshold,
            "train_loss": self.train_loss,
        }

    @property
    def _tolerance(self) -> float:
        return number(self.connectivity.tolerance)

    @property
    def _highest_loss(self) -> float | None:
        return None if self.train_loss is None else number(self.train_loss)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Training loss, the chosen Hessian metric, mode connectivity and CKA."""
        return ("train_loss", self.hessian.metric, "mode_connectivity", "cka")

    @property
    def pair_metrics(self) -> tuple[str, ...]:
        """Each pair's mode connectivity, and its most negative and most positive deviation."""
        return ("mode_connectivity", "connectivity_lowest", "connectivity_highest")

    @property
    def poorly_connected_below(self) -> float:
        """Minus the tolerance."""
        return -self._tolerance

    def thresholds(self, units: Mapping[str, str]) -> list[tuple[str, str]]:
        """The conditions, in the units of mode connectivity and training loss."""
        tolerance, unit = self._tolerance, units["mode_connectivity"]
        if unit == "%":
            unit += " of training error"
        loss = "(training loss not used)"
        if self._highest_loss is not None:
            loss = f"or training loss > {self._highest_loss:g} {units['train_loss']}"
        metric = in_words(self.hessian.metric)
        return [
            ("poorly connected", f"mode connectivity < −{tolerance:g} {unit}"),
            ("sharp", f"Hessian {metric} > {number(self.hessian.threshold):g}"),
            ("", f"or mode connectivity > +{tolerance:g} {unit}"),
            ("", loss),
            ("alike", f"CKA ≥ {number(self.cka.threshold):g}"),
        ]

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """Connectivity on either side, the Hessian, training loss if it is used, and CKA."""
        tolerance, mc = self._tolerance, "mode_connectivity"
        metric = self.hessian.metric
        found = [
            Criterion(BARRIER, mc, -tolerance, "<"),
            Criterion(
                HESSIAN_NAMES[metric],
                metric,
                number(self.hessian.threshold),
                words=f"the {HESSIAN_NAMES[metric]}",
            ),
            Criterion(NO_MINIMUM, mc, tolerance),
            Criterion(ALIKE, "cka", number(self.cka.threshold), ">=", words="CKA"),
        ]
        if self._highest_loss is not None:
            loss = Criterion(LOSS, "train_loss", self._highest_loss, words="the training loss")
            found.insert(3, loss)
        return tuple(found)

    @property
    def drawn_metrics(self) -> tuple[str, ...]:
        """Without the metrics that only tell whether connectivity is ambiguous."""
        return self.metrics

    @property
    def table(self) -> DecisionTable:
        """The rule as a table: the lines of its docstring, and what is missing for each."""
        evidence = [HESSIAN_NAMES[self.hessian.metric]]
        evidence += [] if self._highest_loss is None else [LOSS]
        rows: list[tuple[list[tuple[str, State]], Phase]] = [([(BARRIER, "missing")], UNCLASSIFIED)]
        for name in (*evidence, NO_MINIMUM):
            rows.append(([(name, "met"), (BARRIER, "met")], I))
            rows.append(([(name, "met")], II))
        rows += [([(name, "missing")], UNCLASSIFIED) for name in evidence]
        rows += [
            ([(BARRIER, "met")], III),
            ([(ALIKE, "missing")], UNCLASSIFIED),
            ([(ALIKE, "met")], IV_B),
            ([], IV_A),
        ]
        named = lines(*((conditions, phase.name) for conditions, phase in rows))
        return DecisionTable(self.criteria, named, self._table_settings())

    def _table_settings(self) -> tuple[Setting, ...]:
        """The thresholds that are used; one of 0 has no scale on which it could be moved."""
        hessian = HESSIAN_NAMES[self.hessian.metric]
        tolerance = ((BARRIER, -1), (NO_MINIMUM, 1))
        found = [
            Setting(TOLERANCE, "tolerance of mode connectivity", self._tolerance, tolerance),
            Setting(HESSIAN, hessian, number(self.hessian.threshold), ((hessian, 1),)),
            Setting(CKA, "CKA", number(self.cka.threshold), ((ALIKE, 1),), most=1.0),
        ]
        if self._highest_loss is not None:
            found.append(Setting("train_loss", LOSS, self._highest_loss, ((LOSS, 1),)))
        return tuple(one for one in found if one.value > 0)

    def decide(self, cell: CellNumbers) -> Verdict:
        """One of the five phases; `unclassified` if a required number is missing."""
        return self.decide_with(cell, {})

    def decide_with(self, cell: CellNumbers, thresholds: Mapping[str, float]) -> Verdict:
        """`decide` with other thresholds for some of `criteria`."""
        own = {criterion.name: criterion.threshold for criterion in self.criteria}
        every = {**own, **thresholds}
        phase = self.table.phase(cell.means, every)
        parts = self._reasons(cell, phase, every)
        ambiguity = self._ambiguity(cell)
        if ambiguity:
            parts.append(ambiguity)
        return Verdict(phase, "; ".join(parts), ambiguous=bool(ambiguity))

    def _reasons(self, cell: CellNumbers, phase: str, thresholds: Mapping[str, float]) -> list[str]:
        """Why the table gives this phase."""
        mc, barrier = cell.mean("mode_connectivity"), thresholds[BARRIER]
        if math.isnan(mc):
            return ["mode connectivity is missing (no pair of converged runs has one)"]
        poorly = is_met(mc, "<", barrier)
        words = "poorly connected: mc {} < {:g}" if poorly else "connected: mc {} >= {:g}"
        connection = words.format(f"{mc:.3g}", barrier)
        sharp, flat, missing = self._sharpness(cell, thresholds)
        if sharp:
            return [connection, "sharp: " + ", ".join(sharp)]
        if missing:
            return [connection, f"{' and '.join(missing)} missing"]
        parts = [connection, "flat: " + ", ".join(flat)]
        cka, alike = cell.mean("cka"), thresholds[ALIKE]
        similarity = {
            UNCLASSIFIED.name: "CKA is missing",
            IV_B.name: f"alike: CKA {cka:.3g} >= {alike:g}",
            IV_A.name: f"unlike: CKA {cka:.3g} < {alike:g}",
        }
        return [*parts, similarity[phase]] if phase in similarity else parts

    def _sharpness(
        self, cell: CellNumbers, thresholds: Mapping[str, float]
    ) -> tuple[list[str], list[str], list[str]]:
        """Evidence for sharpness, evidence against it, and the names of missing numbers."""
        metrics = {HESSIAN_NAMES[self.hessian.metric]: self.hessian.metric, LOSS: "train_loss"}
        sharp, flat, missing = [], [], []
        for name, metric in metrics.items():
            if name not in thresholds:
                continue
            value, threshold = cell.mean(metric), thresholds[name]
            if math.isnan(value):
                missing.append(name)
            elif is_met(value, ">", threshold):
                sharp.append(f"{name} {value:.3g} > {threshold:g}")
            else:
                flat.append(f"{name} {value:.3g} <= {threshold:g}")
        mc = cell.mean("mode_connectivity")
        if is_met(mc, ">", thresholds[NO_MINIMUM]):
            sharp.append(
                f"mc {mc:.3g} > +{thresholds[NO_MINIMUM]:g}: the ends are not at a minimum"
            )
        return sharp, flat, missing

    def _ambiguity(self, cell: CellNumbers) -> str | None:
        """Why the sign of mc is ambiguous; None if it is not."""
        tolerance = self._tolerance
        both_ways = any(
            low < -tolerance and high > tolerance
            for low, high in zip(
                cell.of_pairs("connectivity_lowest"), cell.of_pairs("connectivity_highest")
            )
        )
        if both_ways:
            return "connectivity is ambiguous: a curve both rises and dips beyond the tolerance"
        mcs = cell.of_pairs("mode_connectivity")
        if any(mc < -tolerance for mc in mcs) and any(mc > tolerance for mc in mcs):
            return "connectivity is ambiguous: pairs disagree in sign beyond the tolerance"
        return None

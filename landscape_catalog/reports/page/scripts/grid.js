// Cells: hovered, selected by a click or the arrow keys, brushed, and the facet that is shown.
const cells = rowsOf("cells");
const at = new Map(cells.map(cell => [`${cell.f}/${cell.col}/${cell.row}`, cell.i]));
const isMap = id => /^(phases|panel|difference)-/.test(id);
const byId = id => document.getElementById(id);
const nameOf = cell =>
  `${about.x} ${cell.x}, ${about.y} ${cell.y}${about.facets > 1 ? `, ${cell.facet}` : ""}`;
const phaseOf = i => state.labels[i] || cells[i].phase;

// Under moved thresholds there is a phase, and neither a probability nor a reason.
const isMoved = () => state.labels.length > 0;
retold = told => {
  if (!isMoved() || !("#i" in told)) return told;
  const {"label changes after": room, probability, ...kept} = told;
  const [before, now] = [told["#j"], told["#i"]].map(i => i === undefined ? "" : phaseOf(i));
  const phase = before && before !== now ? `${before} → ${now}` : now;
  return {...kept, phase: `${phase} under moved thresholds`};
};

let opener = null;           // the chart from which a cell was selected last
let paired = false;          // whether A and B are the two cells of a row of a map of differences
function select(i, more = {}) {
  if (i < 0 || i === undefined || !cells[i]) return;
  if (document.activeElement?.matches(".keys")) opener = document.activeElement;
  const leaves = paired && !("a" in more);
  paired = "a" in more;
  publish({selected: i, facet: cells[i].f, ...(leaves ? {a: -1, b: -1} : more)});
  const cell = cells[i];
  byId("said").textContent = `${nameOf(cell)}: phase ${phaseOf(i)}` + (isMoved()
    ? " under moved thresholds." : `, probability ${cell.probability}. ${cell.reason}`);
}

// The cell that a cell of the second experiment is compared with.
const partners = new Map(rowsOf("difference").map(({i, j}) => [i, j]));
const pairOf = i => partners.has(i) ? {a: partners.get(i), b: i, facet: state.facet} : {};
const [columnsOf, rowsOfGrid] = ["col", "row"].map(name =>
  1 + cells.reduce((most, cell) => Math.max(most, cell[name]), 0));

// The next cell in a direction, over gaps of the grid; on a map of differences, with its partner.
function step(columns, rows, pairs) {
  const choose = i => select(i, pairs ? pairOf(i) : {});
  if (state.selected < 0) return choose(pairs ? partners.keys().next().value
    : cells.find(cell => cell.f === state.facet)?.i);
  let {f, col, row} = cells[state.selected], found;
  const isIn = () => col >= 0 && row >= 0 && col < columnsOf && row < rowsOfGrid;
  do {
    [col, row] = [col + columns, row + rows];
    found = at.get(`${f}/${col}/${row}`);
    if (pairs && partners.has(state.selected) && !partners.has(found)) found = undefined;
  } while (found === undefined && isIn());
  choose(found);
}

const inside = (interval, low, high) =>
  !interval || (Math.max(...interval) > low && Math.min(...interval) < high);
// The cells of each brush, by its chart. Those of several diagrams add up, since each has other
// cells; a brush on the coordinates keeps some of them. `more` is published with it.
const brushes = {};
function brush(name, test, more = {}) {
  if (test) brushes[name] = new Set(cells.filter(test).map(cell => cell.i));
  else delete brushes[name];
  const {coordinates, ...diagrams} = brushes, drawn = Object.values(diagrams);
  const isKept = ({i}) => (!coordinates || coordinates.has(i)) &&
    (!drawn.length || drawn.some(one => one.has(i)));
  const any = coordinates || drawn.length;
  const kept = any ? cells.filter(isKept).map(cell => cell.i) : [];
  // Vega calls this while it evaluates a chart, which may then not be told anything.
  queueMicrotask(() => publish({brushed: kept.length || !any ? kept : [-1], ...more}));
  for (const one of document.querySelectorAll(".brushed")) one.textContent = any
    ? `${kept.length} ${kept.length === 1 ? "cell" : "cells"} in the brush` : "";
}

// Ranges on the coordinates, by axis: a drag sets those of the axes that it covers, and leaves the
// others. The axes of the drag that goes on are `covered`.
const ranges = new Map();
let covered = [];
function keepRanges({k: across, v: along} = {}) {
  for (const k of covered) ranges.delete(k);
  covered = across && along ? about.coordinates.map((_, k) => k)
    .filter(k => k >= Math.min(...across) && k <= Math.max(...across)) : [];
  for (const k of covered) ranges.set(k, [Math.min(...along), Math.max(...along)]);
  const isIn = cell => [...ranges].every(([k, [low, high]]) => {
    const {field, low: least, high: most} = about.coordinates[k];
    const share = cell[field] === null ? NaN : (cell[field] - least) / (most - least);
    return share >= low && share <= high;
  });
  brush("coordinates", ranges.size ? isIn : null,
    {ranges: about.coordinates.map((_, k) => ranges.get(k) ?? null)});
}
function clearRanges() {
  ranges.clear();
  keepRanges();
}

// Charts are drawn again in other colours, and without their brushes.
darkMode.addEventListener("change", () => {
  clearRanges();
  for (const name of Object.keys(brushes)) brush(name, null);
});

// Vega clears a brush when the pointer goes down; a click in it puts it back.
const DOUBLE_CLICK = 300, DRAGGED = 4;  // milliseconds, pixels
const brushEnds = (view, id) => id in brushes
  ? ["x", "y"].map(side => `${id === "coordinates" ? "parallel" : "brush"}_${side}`)
      .map(name => [name, view.signal(name)])
  : [];
const setBrush = (view, ends) => {
  for (const [name, end] of ends) view.signal(name, end);
  view.run();
};

onDrawn.push((id, view) => {
  if (isMap(id) || id.startsWith("slice-") || id === "coordinates") {
    const pairs = id.startsWith("difference-");  // a row stands for two cells, shown side by side
    const choose = datum => select(datum?.i,
      pairs ? {a: datum?.j, b: datum?.i, facet: state.facet} : {});
    let down = {}, waiting;
    byId(id).addEventListener("pointerdown", event => {
      if (id === "coordinates") covered = [];   // what is kept so far stays
      down = {x: event.clientX, y: event.clientY, kept: brushes[id], ends: brushEnds(view, id)};
    }, true);
    view.addEventListener("click", (event, item) => {
      byId(id).focus({preventScroll: true});  // so that the keys go on from here
      clearTimeout(waiting);
      if (Math.hypot(event.clientX - down.x, event.clientY - down.y) > DRAGGED) return;
      if (event.detail > 1) return;
      if (!down.kept) return choose(item?.datum);
      // Where there is a brush, this may be the first half of the double click that clears it.
      if (down.kept.has(item?.datum?.i)) setBrush(view, down.ends);
      waiting = setTimeout(choose, DOUBLE_CLICK, item?.datum);
    });
    view.addEventListener("pointermove", (event, item) => {
      const i = item?.datum?.i ?? -1;
      if (i !== state.hovered) publish({hovered: i});
    });
    byId(id).addEventListener("pointerleave", () => publish({hovered: -1}));
  }
  if (id.startsWith("phases-")) {
    const f = Number(id.slice("phases-".length));
    view.addSignalListener("brush", (name, found) => {
      const isIn = cell => cell.f === f && inside(found.x0, cell.x0, cell.x1) &&
        inside(found.y0, cell.y0, cell.y1);
      if (!found.x0 && !found.y0) brush(id, null);
      else brush(id, isIn, f === state.facet ? {} : {facet: f});   // slices show the facet
    });
    view.addEventListener("dblclick", () => brush("keys", null));
  }
  if (id === "coordinates") {
    view.addSignalListener("parallel", (name, found) => keepRanges(found));
    view.addEventListener("dblclick", clearRanges);
  }
});

// The row or column of the selected cell as a brush; the same key again clears it.
let keptBy = "";
function keep(name) {
  const chosen = cells[state.selected];
  if (!chosen) return;
  const key = `${name} ${chosen.f} ${chosen[name]}`, again = "keys" in brushes && keptBy === key;
  keptBy = key;
  brush("keys", again ? null : ({f, [name]: place}) => f === chosen.f && place === chosen[name]);
}

const KEYS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
for (const slot of document.querySelectorAll(".keys"))
  slot.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    if (event.key in KEYS) {
      step(...KEYS[event.key], slot.id.startsWith("difference-"));
      event.preventDefault();
    } else if (key === "a" || key === "b") pin(key, state.selected);
    else if (key === "r") keep("row");
    else if (key === "c") keep("col");
    else if (key === "escape") close();
    else if (key === "enter") byId("drawer").focus();
  });

const facetChoice = byId("facet");
facetChoice?.addEventListener("change", () => publish({facet: Number(facetChoice.value)}));
listeners.push(change => {
  if ("facet" in change && facetChoice) facetChoice.value = String(change.facet);
});

for (const choice of document.querySelectorAll("input[name=along]"))
  choice.addEventListener("change", () => {
    for (const group of document.querySelectorAll("[data-along]"))
      group.hidden = group.dataset.along !== choice.value;
  });

for (const choice of document.querySelectorAll("input[data-panel]"))
  choice.addEventListener("change", () => {
    byId(`card-${choice.dataset.panel}`).hidden = !choice.checked;
  });

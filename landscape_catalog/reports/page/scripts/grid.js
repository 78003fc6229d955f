// Cells: hovered, selected by a click or the arrow keys, brushed, and the facet that is shown.
const cells = rowsOf("cells");
const at = new Map(cells.map(cell => [`${cell.f}/${cell.col}/${cell.row}`, cell.i]));
const isMap = id => /^(phases|panel|difference)-/.test(id);
const byId = id => document.getElementById(id);
const nameOf = cell =>
  `${about.x} ${cell.x}, ${about.y} ${cell.y}${about.facets > 1 ? `, ${cell.facet}` : ""}`;
const phaseOf = i => state.labels[i] || cells[i].phase;

function select(i, more = {}) {
  if (i < 0 || i === undefined || !cells[i]) return;
  publish({selected: i, facet: cells[i].f, ...more});
  const cell = cells[i];
  byId("said").textContent = `${nameOf(cell)}: phase ${phaseOf(i)}, probability ` +
    `${cell.probability}. ${cell.reason}`;
}

function step(columns, rows) {
  if (state.selected < 0) return select(cells.find(cell => cell.f === state.facet)?.i);
  const {f, col, row} = cells[state.selected];
  select(at.get(`${f}/${col + columns}/${row + rows}`));
}

const inside = (interval, low, high) =>
  !interval || (Math.max(...interval) > low && Math.min(...interval) < high);
const brushes = {};          // the cells of each brush, by its name
function brush(name, test) {
  if (test) brushes[name] = new Set(cells.filter(test).map(cell => cell.i));
  else delete brushes[name];
  const all = Object.values(brushes);
  const kept = all.length ? [...all[0]].filter(i => all.every(one => one.has(i))) : [];
  publish({brushed: kept.length || !all.length ? kept : [-1]});
  byId("brushed").textContent = all.length ? `${kept.length} cells in the brush` : "";
}

onDrawn.push((id, view) => {
  if (isMap(id) || id.startsWith("slice-") || id === "coordinates") {
    const pairs = id.startsWith("difference-");  // a row stands for two cells, shown side by side
    view.addEventListener("click", (event, item) => {
      byId(id).focus({preventScroll: true});  // so that the keys go on from here
      select(item?.datum?.i,
        pairs ? {a: item?.datum?.j, b: item?.datum?.i, facet: state.facet} : {});
    });
    view.addEventListener("pointermove", (event, item) => {
      const i = item?.datum?.i ?? -1;
      if (i !== state.hovered) publish({hovered: i});
    });
    byId(id).addEventListener("pointerleave", () => publish({hovered: -1}));
  }
  if (id.startsWith("phases-")) {
    const f = Number(id.slice("phases-".length));
    view.addSignalListener("brush", (name, found) => brush(id, found.x0 || found.y0
      ? cell => cell.f === f && inside(found.x0, cell.x0, cell.x1) &&
          inside(found.y0, cell.y0, cell.y1)
      : null));
  }
  if (id === "coordinates")
    view.addSignalListener("parallel", (name, found) => brush(id, found.k && found.v
      ? cell => about.coordinates.every(({field, low, high}, k) => {
          if (k < Math.min(...found.k) || k > Math.max(...found.k)) return true;
          const share = cell[field] === null ? NaN : (cell[field] - low) / (high - low);
          return share >= Math.min(...found.v) && share <= Math.max(...found.v);
        })
      : null));
});

const KEYS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
for (const slot of document.querySelectorAll(".keys"))
  slot.addEventListener("keydown", event => {
    if (event.key in KEYS) { step(...KEYS[event.key]); event.preventDefault(); }
    else if (event.key === "a" || event.key === "b") pin(event.key, state.selected);
    else if (event.key === "Escape") close();
    else if (event.key === "Enter") byId("drawer").focus();
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

// The drawer: everything that is known of the selected cell, or of two pinned ones side by side.
const element = (tag, attributes = {}, ...children) => {
  const found = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) found.setAttribute(name, value);
  found.append(...children);        // text stays text: nothing is read as markup
  return found;
};
const drawer = byId("drawer");
const grouped = {};
const rowsOfCell = (name, i) => {
  grouped[name] ??= Map.groupBy(rowsOf(name), row => row.i);
  return grouped[name].get(i) ?? [];
};
// The chart, the table without which there is nothing to draw, the heading, how to read it, and the
// column of its y axis if that is the same for two cells side by side.
const CHARTS = [
  ["drawer-network", "nodes", "Runs and pairs", "Nodes: seeds. Lines: mode connectivity of a pair; " +
    "thin without a curve, dashed if its fit has not converged."],
  ["drawer-curves", "curves", "Curves between runs", "A colour for each pair of seeds.",
    "train"],
  ["drawer-training", "training", "Training", "A colour for each seed.", "train_loss"],
  ["drawer-density", "densities", "Hessian spectrum", "A colour for each seed."],
];

function table(head, rows) {
  const line = (tag, values) => element("tr", {}, ...values.map(value => {
    const cell = element(tag);
    cell.append(value instanceof Node ? value : String(value ?? ""));
    return cell;
  }));
  const found = element("table", {}, ...rows.map(row => line("td", row)));
  if (head) found.prepend(line("th", head));
  return element("div", {class: "wide", tabindex: "0", role: "region",
    "aria-label": head ? head.join(", ") : "numbers"}, found);
}

function copyable(words) {
  const button = element("button", {type: "button", class: "copy", "aria-label": `Copy: ${words}`},
    "copy");
  button.addEventListener("click", async () => {
    const done = await navigator.clipboard?.writeText(words).then(() => true, () => false);
    button.textContent = done ? "copied" : "not copied";
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  });
  return element("div", {class: "line"}, element("code", {}, words), button);
}

const shown = value => value === null || value === undefined ? "" : Number(value).toPrecision(4)
  .replace(/(\.\d*?)0+(e|$)/, "$1$2").replace(/\.(e|$)/, "$1");

function chip(i) {
  const name = phaseOf(i), colour = about.phases[name];
  return element("span", {class: colour?.dark ? "chip dark" : "chip",
    style: `background:${colour?.colour ?? "#ddd"}`}, name);
}

function head(i, side) {
  const cell = cells[i], title = element("h2", {}, nameOf(cell));
  const moved = isMoved();
  const sure = moved ? `declared: ${cell.phase}` : `probability ${cell.probability}`;
  const pins = element("div", {class: "buttons"});
  for (const name of ["a", "b"]) {
    const pressed = state[name] === i;
    const button = element("button", {type: "button", "aria-pressed": String(pressed)},
      `${pressed ? "Unpin" : "Pin"} ${name.toUpperCase()}`);
    button.addEventListener("click", () => pin(name, pressed ? -1 : i));
    pins.append(button);
  }
  return [element("div", {class: "side"}, side), title,
    element("p", {}, chip(i), ` ${sure}`, cell.second && !moved ? `, or ${cell.second}` : ""),
    element("p", {class: "hint"}, moved ? "Under moved thresholds." : cell.reason),
    ...(cell.note ? [element("p", {class: "warning"}, cell.note)] : []), pins];
}

function numbers(i) {
  const cell = cells[i];
  const rows = about.metrics.filter(({column}) => cell[column] !== null)
    .map(({column, words}) => [words, cell[`${column} text`]]);
  return [element("h3", {}, "Numbers"), table(null, [["runs", cell.runs], ...rows])];
}

// An id as the catalog of its experiment has it; `from` is the first cell of an experiment.
const askedOf = i => about.asked.findLast(({from}) => from <= i);
const ownId = (id, i) => id.slice(askedOf(i).prefix.length);

function runsOf(i) {
  const rows = rowsOfCell("nodes", i);
  if (!rows.length) return [];
  const known = about.runs.filter(({column}) => rows.some(row => row[column] !== null));
  return [element("h3", {}, "Runs"), table(
    ["seed", "status", "epochs", ...known.map(({words}) => words), "run"],
    rows.map(row => [row.seed, row.status, row.n_epochs, ...known.map(({column}) =>
      shown(row[column])), element("code", {}, ownId(row.run_id, i))]))];
}

function commands(i) {
  const lines = about.own ? [`dvc exp run ${cells[i].set}`] : [];
  if (about.own && about.seeds) lines.push(`${lines[0]} -S train.seeds=${2 * about.seeds}`);
  lines.push(`landscape sql ${askedOf(i).option}` +
    '"SELECT metric, probe, mean, sd, n, measurement_error, status FROM cell_metrics ' +
    `WHERE cell_id = '${ownId(cells[i].cell_id, i)}'"`);
  return [element("h3", {}, "This cell again, with more seeds, and by SQL"), ...lines.map(copyable)];
}

const drawn = [];            // the views of the drawer, which go when it is filled again
// The charts follow the text, after the selection is on the screen; those of a cell that is passed
// by with the arrow keys are never drawn.
const later = act => requestAnimationFrame(() => setTimeout(act, 0));
function drawPart(slot, [name, source,,, field], i) {
  if (!slot.isConnected) return;
  const spec = field && shownCells.length > 1 ? onOneScale(charts[name], source, field) : charts[name];
  embed(slot, spec, table => rowsOfCell(table, i))
    .then(({view}) => slot.isConnected ? drawn.push(view) : view.finalize())
    .catch(error => console.error(name, error));
}

// A line chart whose y axis spans the values of both cells.
function onOneScale(spec, source, field) {
  const values = shownCells.flatMap(([i]) => rowsOfCell(source, i).flatMap(row => row[field] ?? []))
    .filter(Number.isFinite);
  if (!values.length) return spec;
  return JSON.parse(JSON.stringify(spec), (key, value) => {
    if (key !== "y" || value?.field !== field) return value;
    const known = value.scale?.type === "log" ? values.filter(one => one > 0) : [0, ...values];
    return known.length ? {...value, scale: {...value.scale,
      domain: [Math.min(...known), Math.max(...known)]}} : value;
  });
}

function column(i, side) {
  const found = element("div", {class: "column"},
    element("div", {class: "head"}, ...head(i, side)));
  for (const chart of CHARTS) {
    const [name, source, title, words] = chart;
    if (!(name in charts) || !rowsOfCell(source, i).length) continue;
    const slot = element("div", {class: "part", id: `${name}-${side || "one"}`, role: "img",
      "aria-label": `${title} of ${nameOf(cells[i])}`});
    found.append(element("h3", {}, title), element("p", {class: "hint"}, words), slot);
    later(() => drawPart(slot, chart, i));
  }
  found.append(...numbers(i), ...runsOf(i), ...commands(i));
  return found;
}

function empty() {
  for (const view of drawn.splice(0)) view.finalize();
  drawer.replaceChildren();
}

// How many cells the drawer shows; the charts beside it are as wide as it leaves room for. What has
// the focus, such as the diagram that was clicked, stays at its height on the screen.
function arrange(count) {
  const before = document.body.className, anchor = document.activeElement;
  const top = anchor.getBoundingClientRect().top;
  drawer.hidden = !count;
  document.body.classList.toggle("open", count > 0);
  document.body.classList.toggle("two", count === 2);
  if (document.body.className === before) return;
  fitCharts();
  if (!anchor.matches(".keys")) return;
  scrollBy(0, anchor.getBoundingClientRect().top - top);
  // On a phone the drawer lies below: what was tapped moves above it.
  const over = count && drawer.getBoundingClientRect().left === 0
    ? anchor.getBoundingClientRect().bottom - drawer.getBoundingClientRect().top : 0;
  if (over > 0) scrollBy(0, over);
}

let shownCells = [];
function fill() {
  const pinned = ["a", "b"].filter(name => state[name] >= 0);
  const chosen = pinned.length === 2 ? pinned.map(name => [state[name], name.toUpperCase()])
    : pinned.length === 1 && state.selected >= 0 && state.selected !== state[pinned[0]]
      ? [[state[pinned[0]], pinned[0].toUpperCase()], [state.selected, "selected"]]
      : [[state.selected >= 0 ? state.selected : state[pinned[0]] ?? -1, ""]];
  if (chosen[0][0] < 0) return close();
  const shut = element("button", {type: "button", class: "shut", "aria-label": "Close"}, "×");
  shut.addEventListener("click", close);
  const hadFocus = drawer.contains(document.activeElement);
  empty();
  shownCells = chosen;
  const hides = pinned.length === 2 && state.selected >= 0 &&
    !pinned.some(name => state[name] === state.selected);
  drawer.append(shut, ...(hides ? [unpinning()] : []), element("div", {class: "columns"},
    ...chosen.map(([i, side]) => column(i, side))));
  arrange(chosen.length);
  if (hadFocus) drawer.focus();
}

function unpinning() {
  const button = element("button", {type: "button"}, "Unpin both");
  button.addEventListener("click", () => publish({a: -1, b: -1}));
  return element("p", {class: "warning"}, `${nameOf(cells[state.selected])} is selected, and A and B ` +
    "are pinned. ", button);
}

function pin(name, i) {
  paired = false;
  const other = name === "a" ? "b" : "a";
  publish({[name]: i, ...(i >= 0 && state[other] === i ? {[other]: -1} : {})});
}

function close() {
  const hadFocus = drawer.contains(document.activeElement);
  empty();
  if (hadFocus) (opener?.checkVisibility() ? opener : byId("phases-0")).focus({preventScroll: true});
  arrange(0);
  if (state.selected >= 0 || state.a >= 0 || state.b >= 0) publish({selected: -1, a: -1, b: -1});
}

listeners.push(change => {
  const chosen = ["selected", "a", "b"].some(name => name in change);
  if (chosen && [state.selected, state.a, state.b].some(i => i >= 0)) fill();
  else if ("labels" in change && !drawer.hidden)
    drawer.querySelectorAll(".head").forEach((one, k) => one.replaceChildren(...head(...shownCells[k])));
});
darkMode.addEventListener("change", () => { if (!drawer.hidden) fill(); });
drawer.addEventListener("keydown", event => { if (event.key === "Escape") close(); });

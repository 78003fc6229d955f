// Charts: drawn when they come into sight, and told what the reader has chosen.
"use strict";
const decode = ({columns, dictionaries, rows}) => rows.map(row => Object.fromEntries(
  columns.map((column, k) =>
    [column, column in dictionaries ? dictionaries[column][row[k]] : row[k]])));
const decoded = {};
const rowsOf = name => (decoded[name] ??= name in tables ? decode(tables[name]) : []);

// What the reader has chosen: the parameters of charts (see reports/charts/marks.py).
const state = {labels: [], selected: -1, hovered: -1, a: -1, b: -1, brushed: [], facet: 0,
  ranges: []};
const views = new Map();     // by id of the element: {view, names, visible, late}
const listeners = [];        // called with each change of the state
const onDrawn = [];          // called with (id, view) once a chart is drawn
const outdated = new Set();  // charts that are being drawn in colours that hold no more
const CANVAS_FROM = 400;     // marks from which a canvas is faster than SVG

const darkMode = matchMedia("(prefers-color-scheme: dark)");
function theme() {
  const [ink, soft, line] = darkMode.matches
    ? ["#e8eaed", "#aeb5bd", "#4a5159"] : ["#22262b", "#525a63", "#d5d9de"];
  const text = {labelColor: soft, titleColor: ink, labelFont: FONT, titleFont: FONT};
  return {
    background: null, font: FONT, view: {stroke: null},
    axis: {...text, gridColor: line, tickColor: soft, domain: false, titleFontWeight: "normal"},
    legend: {...text, titleFontWeight: "normal", symbolBaseStrokeColor: ink}, header: text,
    title: {color: ink, subtitleColor: soft, font: FONT, subtitleFont: FONT},
  };
}
const FONT = 'system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';

const merged = (one, other) => {
  const found = {...one};
  for (const [key, value] of Object.entries(other ?? {}))
    found[key] = value && typeof value === "object" && !Array.isArray(value)
      ? merged(one?.[key] ?? {}, value) : value;
  return found;
};

// A tooltip as a table. A name that begins with # is for the page, which may change what is told.
let retold = told => told;
function formatTooltip(told, escaped) {
  if (typeof told !== "object") return escaped(String(told));
  const rows = Object.entries(retold(told)).filter(([name]) => !name.startsWith("#"));
  return `<table>${rows.map(([name, value]) =>
    `<tr><td class="key">${escaped(name)}</td><td class="value">${escaped(String(value))}</td></tr>`)
    .join("")}</table>`;
}

// A brush lets the pointer through to the cells below it, so that they can be hovered and clicked.
const passBrushes = spec => {
  for (const mark of spec.marks ?? []) {
    if (/^(brush|parallel)_brush/.test(mark.name)) mark.interactive = false;
    passBrushes(mark);
  }
  return spec;
};

async function embed(slot, spec, rows) {
  const datasets = {...spec.datasets};
  let count = 0;
  JSON.stringify(spec, (key, value) => {
    if (key === "data" && value?.name && !(value.name in datasets)) {
      datasets[value.name] = rows(value.name).map(row => ({...row}));
      count = Math.max(count, datasets[value.name].length);
    }
    return value;
  });
  const whole = {...spec, datasets, config: merged(spec.config, theme())};
  // The element says what the chart is, and not Vega, which would overwrite it.
  const said = ["role", "aria-label"].map(name => [name, slot.getAttribute(name)]);
  const renderer = count > CANVAS_FROM ? "canvas" : "svg";
  const found = await window.vegaEmbed(slot, whole,
    {actions: false, renderer, logLevel: 1, patch: passBrushes, tooltip: {formatTooltip}});
  slot.querySelector("svg, canvas").setAttribute("aria-hidden", "true");
  slot.removeAttribute("aria-roledescription");
  for (const [name, value] of said)
    if (value === null) slot.removeAttribute(name); else slot.setAttribute(name, value);
  return {view: found.view, names: new Set((spec.params ?? []).map(one => one.name)),
    visible: true, late: {}};
}

async function send(entry, change) {
  let known = false;
  for (const [name, value] of Object.entries(change))
    if (entry.names.has(name)) { entry.view.signal(name, value); known = true; }
  if (known) await entry.view.runAsync();
}

function publish(change) {
  Object.assign(state, change);
  for (const entry of views.values())
    if (entry.visible) send(entry, change); else Object.assign(entry.late, change);
  for (const tell of listeners) tell(change);
}

// A diagram of one facet has the rows of this facet only: a large grid has many of them.
function rowsFor(id) {
  const facet = /^phases-(\d+)$/.exec(id)?.[1];
  return name => facet === undefined ? rowsOf(name)
    : rowsOf(name).filter(row => row.f === Number(facet));
}

async function draw(slot) {
  const id = slot.id;
  if (views.has(id) || slot.dataset.state === "drawing") return;
  slot.dataset.state = "drawing";
  try {
    const entry = await embed(slot, charts[slot.dataset.chart ?? id], rowsFor(id));
    views.set(id, entry);
    await send(entry, state);
    for (const tell of onDrawn) tell(id, entry.view);
    slot.dataset.state = "drawn";
  } catch (error) {
    slot.dataset.state = "failed";
    console.error(id, error);
  }
  if (outdated.delete(slot)) { erase(slot); await draw(slot); }
}

function erase(slot) {
  views.get(slot.id)?.view.finalize();
  views.delete(slot.id);
  delete slot.dataset.state;
}

const sight = new IntersectionObserver(found => {
  for (const {target, isIntersecting} of found) {
    const entry = views.get(target.id);
    if (entry) {
      entry.visible = isIntersecting;
      if (isIntersecting && Object.keys(entry.late).length) {
        const late = entry.late;
        entry.late = {};
        send(entry, late);
      }
    } else if (isIntersecting) draw(target);
  }
}, {rootMargin: "300px"});

// Charts are as wide as their place; Vega looks at it when the window is resized.
const fitCharts = () => dispatchEvent(new Event("resize"));

// What scrolls sideways can be reached and scrolled with the keyboard.
const scrollable = new ResizeObserver(found => {
  for (const {target} of found)
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
});
for (const one of document.querySelectorAll(".wide")) scrollable.observe(one);

function watchCharts(root) {
  for (const slot of root.querySelectorAll(".chart")) sight.observe(slot);
}

darkMode.addEventListener("change", () => {
  for (const slot of document.querySelectorAll(".chart[data-state]"))
    if (slot.dataset.state === "drawing") outdated.add(slot); else { erase(slot); draw(slot); }
});
// On paper nothing can be opened: what the first screen folds away is open there.
const folded = [];
addEventListener("beforeprint", () => {
  for (const one of document.querySelectorAll("header details:not([open]), .meaning details:not([open])")) {
    one.open = true;
    folded.push(one);
  }
  document.querySelectorAll(".chart").forEach(draw);
});
addEventListener("afterprint", () => { for (const one of folded.splice(0)) one.open = false; });
watchCharts(document);

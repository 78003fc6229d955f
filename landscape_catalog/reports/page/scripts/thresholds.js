// Thresholds: labels recomputed from the rule's table of comparisons (phases/decision_table.py).
const ROUNDING = 1e-9, ABSOLUTE_ROUNDING = 1e-12;

function isMet(value, relation, threshold) {
  const near = value === threshold || (Number.isFinite(value) && Number.isFinite(threshold) &&
    Math.abs(value - threshold) <= Math.max(
      ROUNDING * Math.max(Math.abs(value), Math.abs(threshold)), ABSOLUTE_ROUNDING));
  if (near) return relation === ">=";
  return relation === "<" ? value < threshold : value > threshold;
}

// The phase of a cell: `means` by metric, NaN where missing; `thresholds` by criterion.
function phaseFrom(table, means, thresholds) {
  const states = {};
  for (const {name, metric, relation, threshold} of table.criteria) {
    const value = means[metric];
    states[name] = Number.isNaN(value) ? "missing"
      : isMet(value, relation, thresholds[name] ?? threshold) ? "met" : "unmet";
  }
  return table.lines.find(line =>
    line.conditions.every(([name, wanted]) => states[name] === wanted)).phase;
}

function movedThresholds(table, values) {
  const found = {};
  for (const {path, criteria} of table.settings)
    for (const [name, sign] of criteria) if (path in values) found[name] = sign * values[path];
  return found;
}

const number = value => value === null ? NaN : value === "inf" ? Infinity
  : value === "-inf" ? -Infinity : value;

if (about.rule) {
  const {table, values, fixed} = about.rule;
  const kept = new Set(fixed);
  const means = cells.map((cell, i) => Object.fromEntries(
    Object.entries(values).map(([metric, column]) => [metric, number(column[i])])));
  const current = Object.fromEntries(table.settings.map(({path, value}) => [path, value]));
  const sliders = [...document.querySelectorAll("input[data-setting]")];
  const REACH = Math.log(20);
  const written = value => String(Number(value.toPrecision(3)));

  const show = () => {
    const moved = table.settings.some(({path, value}) => current[path] !== value);
    const thresholds = movedThresholds(table, current);
    const labels = moved ? cells.map((cell, i) =>
      kept.has(i) ? cell.phase : phaseFrom(table, means[i], thresholds)) : [];
    publish({labels});
    const changed = cells.filter((cell, i) => moved && labels[i] !== cell.phase);
    const named = table.settings.filter(({path, value}) => current[path] !== value)
      .map(({path, words}) => `${words} ${written(current[path])}`);
    byId("moved").textContent = moved ? `Moved: ${named.join(", ")}. ${changed.length} of ` +
      `${cells.length} labels change. The diagram, outlines and numbers of cells follow; sentences, ` +
      "tables, marks of thresholds and the stability map are those of the declared thresholds. " +
      "Probabilities hold for these only and are hidden." : "";
    byId("restore").hidden = !moved;
    for (const one of document.querySelectorAll("[data-moved]")) one.hidden = !moved;
    for (const one of document.querySelectorAll("[data-declared]")) one.hidden = moved;
    for (const count of document.querySelectorAll("[data-phase]"))
      count.textContent = cells.filter((cell, i) => phaseOf(i) === count.dataset.phase).length;
  };
  const place = (slider, setting) => {
    slider.value = String(500 + 500 * Math.log(current[setting.path] / setting.value) / REACH);
    tell(slider, setting);
  };
  const tell = (slider, {path, words}) => {
    byId(`value-${path}`).textContent = written(current[path]);
    slider.setAttribute("aria-valuetext", `${words} ${written(current[path])}`);
  };
  sliders.forEach(slider => {
    const setting = table.settings.find(one => one.path === slider.dataset.setting);
    place(slider, setting);
    slider.addEventListener("input", () => {
      const part = (Number(slider.value) - 500) / 500;
      const value = part === 0 ? setting.value : setting.value * Math.exp(part * REACH);
      current[setting.path] = Math.min(value, setting.most ?? Infinity);
      tell(slider, setting);
      show();
    });
  });
  byId("restore").addEventListener("click", () => {
    for (const slider of sliders) {
      const setting = table.settings.find(one => one.path === slider.dataset.setting);
      current[setting.path] = setting.value;
      place(slider, setting);
    }
    show();
  });
}

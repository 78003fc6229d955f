// The index: a click on a heading sorts the lines by it, a second click in the other direction.
"use strict";
const body = document.querySelector(".index tbody");
const heads = [...document.querySelectorAll(".index thead th")];
const keyOf = (line, column) => line.children[column]?.dataset.sort ?? "";
const compared = (one, other) => {
  if (one === "" || other === "") return (one === "") - (other === "");  // without a value: last
  const [a, b] = [Number(one), Number(other)];
  return Number.isNaN(a) || Number.isNaN(b) ? one.localeCompare(other) : a - b;
};
for (const head of heads)
  head.querySelector("button")?.addEventListener("click", () => {
    const column = Number(head.dataset.column);
    const falls = head.getAttribute("aria-sort") === "ascending";
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", falls ? "descending" : "ascending");
    const lines = [...body.children].map(line => [keyOf(line, column), line]);
    const sign = falls ? -1 : 1;
    lines.sort(([a], [b]) => (a === "" || b === "" ? 1 : sign) * compared(a, b));
    body.append(...lines.map(([, line]) => line));
  });

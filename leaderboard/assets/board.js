/* Comfort for the table of a board: sort by any column, show some kinds of rows. Without it every row is there, in the
   board's order. Nothing is fetched, stored or evaluated; what is chosen stands in the address behind "#". */
"use strict";

(() => {
  const table = document.querySelector("table.board");
  if (!table) return;
  const body = table.tBodies[0];
  const boardOrder = Array.from(body.rows);
  const heads = Array.from(table.tHead.rows[0].cells);
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const kinds = table.dataset.kinds.split(" ").filter((kind) => boardOrder.some((row) => row.dataset.kind === kind));
  const columns = new Map(
    heads.flatMap((head, index) =>
      head.dataset.sort ? [[head.dataset.sort, { head, index, first: head.dataset.first, name: nameOf(head) }]] : [],
    ),
  );
  const state = { sort: null, direction: null, shown: new Set(kinds) };

  function nameOf(head) {
    const link = head.querySelector("a");
    return (link || head.firstChild).textContent.trim();
  }

  function element(tag, properties, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }

  /* Order. A row without a value stands last in either direction, and equal rows stay as the board has them. */

  function keyOf(row, column) {
    const cell = row.cells[column.index];
    if (column.head.dataset.sort === "method") return cell.querySelector("a").textContent;
    return cell.dataset.value;
  }

  function compare(a, b) {
    const [x, y] = [Number(a), Number(b)];
    return Number.isNaN(x) || Number.isNaN(y) ? collator.compare(a, b) : x - y;
  }

  function inOrder() {
    if (!state.sort) return boardOrder;
    const column = columns.get(state.sort);
    const sign = state.direction === "ascending" ? 1 : -1;
    const keyed = boardOrder.map((row) => ({ row, key: keyOf(row, column) }));
    const known = keyed.filter((item) => item.key !== undefined);
    known.sort((a, b) => sign * compare(a.key, b.key));
    return [...known, ...keyed.filter((item) => item.key === undefined)].map((item) => item.row);
  }

  /* Controls, made here so that a reader without a script meets none that is dead. */

  const status = element("p", { className: "status" });
  status.setAttribute("role", "status");
  const reset = element("button", { type: "button", textContent: "Board order, all rows" });
  const select = element("select", {}, new Option("board order", ""));
  const boxes = new Map();

  function makeControls() {
    for (const [key, column] of columns) {
      const button = element("button", { type: "button", className: "sort" });
      button.setAttribute("aria-label", `Sort by ${column.name}`);
      button.addEventListener("click", () => choose({ sort: key, direction: nextDirection(key) }));
      column.head.append(button);
      for (const direction of [column.first, opposite(column.first)]) {
        select.append(new Option(`${column.name}, ${inWords(direction, key)}`, `${key}.${direction}`));
      }
    }
    for (const kind of kinds) {
      const box = element("input", { type: "checkbox", checked: true });
      const count = boardOrder.filter((row) => row.dataset.kind === kind).length;
      box.addEventListener("change", () => choose({ shown: new Set(kinds.filter((k) => boxes.get(k).checked)) }));
      boxes.set(kind, box);
      kindList.append(element("label", {}, box, ` ${kind} (${count})`));
    }
    select.addEventListener("change", () => {
      const [sort, direction] = select.value.split(".");
      choose({ sort: sort || null, direction: direction || null });
    });
    reset.addEventListener("click", () => choose({ sort: null, direction: null, shown: new Set(kinds) }));
  }

  const kindList = element("fieldset", {}, element("legend", { textContent: "Show" }));

  function opposite(direction) {
    return direction === "ascending" ? "descending" : "ascending";
  }

  function nextDirection(key) {
    return state.sort === key ? opposite(state.direction) : columns.get(key).first;
  }

  function inWords(direction, key) {
    if (key === "method") return direction === "ascending" ? "A to Z" : "Z to A";
    if (key === "filed") return direction === "ascending" ? "oldest first" : "newest first";
    return direction === "ascending" ? "lowest first" : "highest first";
  }

  /* State: from the address, into the table, into the address. */

  function choose(change) {
    Object.assign(state, change);
    show();
    history.replaceState(null, "", location.href.split("#")[0] + addressOf());
  }

  function addressOf() {
    const parts = [];
    if (state.sort) parts.push(`sort=${state.sort}.${state.direction}`);
    if (state.shown.size < kinds.length) parts.push(`show=${kinds.filter((kind) => state.shown.has(kind)).join(".")}`);
    return parts.length ? `#${parts.join("&")}` : "";
  }

  function readAddress() {
    const told = new URLSearchParams(location.hash.slice(1));
    if (!told.has("sort") && !told.has("show")) return;
    const [sort, direction] = (told.get("sort") || "").split(".");
    const known = columns.has(sort) && ["ascending", "descending"].includes(direction);
    Object.assign(state, { sort: known ? sort : null, direction: known ? direction : null });
    const wanted = told.has("show") ? told.get("show").split(".") : kinds;
    state.shown = new Set(kinds.filter((kind) => wanted.includes(kind)));
    show();
  }

  function show() {
    body.append(...inOrder());
    for (const row of boardOrder) row.hidden = !state.shown.has(row.dataset.kind);
    for (const [key, column] of columns) {
      if (key === state.sort) column.head.setAttribute("aria-sort", state.direction);
      else column.head.removeAttribute("aria-sort");
    }
    for (const [kind, box] of boxes) box.checked = state.shown.has(kind);
    select.value = state.sort ? `${state.sort}.${state.direction}` : "";
    table.classList.toggle("resorted", state.sort !== null);
    reset.hidden = state.sort === null && state.shown.size === kinds.length;
    status.textContent = sentence();
  }

  function sentence() {
    const shown = boardOrder.filter((row) => !row.hidden).length;
    const rows = shown === boardOrder.length ? `All ${shown} rows` : `${shown} of ${boardOrder.length} rows`;
    const column = columns.get(state.sort);
    return column ? `${rows}, sorted by ${column.name}, ${inWords(state.direction, state.sort)}.` : `${rows}, in board order.`;
  }

  makeControls();
  const sorter = element("label", { className: "sorter" }, "Sort by ", select);
  const controls = element("div", { className: "controls" }, kindList, sorter, status, reset);
  controls.setAttribute("role", "group");
  controls.setAttribute("aria-label", "Rows of table 1");
  table.parentElement.before(controls);
  window.addEventListener("hashchange", readAddress);
  show();
  readAddress();
})();

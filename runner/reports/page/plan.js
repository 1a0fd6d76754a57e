"use strict";

// Shows any page of the table of contacts. The data is read at the first use: the page opens with its first
// rows as text. Values enter the document by textContent alone.
(() => {
  const ROWS_A_PAGE = 100;
  const ROWS_PRINTED = 25;
  const PAUSE_IN_TYPING = 120;

  const element = (id) => document.getElementById(id);
  const table = element("table");
  const body = table.tBodies[0];
  const pages = element("pages");
  const status = element("status");
  const state = { query: "", kind: "", column: "", descending: false, page: 0 };
  let contacts;

  function read() {
    contacts ??= open(JSON.parse(element("data").textContent));
    return contacts;
  }

  function open(data) {
    const pick = ({ values, rows }) => (row) => values[rows[row]];
    const zone = pick(data.zones);
    const source = pick(data.sources);
    const column = {
      kind: pick(data.kinds),
      contact: (row) => data.contacts[row],
      ref: (row) => data.refs[row],
      phone: pick(data.phones),
      zone: (row) => zone(row)[0],
      allZones: (row) => zone(row)[1],
      starts: (row) => data.starts[row],
      why: pick(data.whys),
      place: (row) => (source(row) ? `${source(row)}:${data.rows[row]}` : ""),
    };
    const clock = pick(data.clocks);
    const clockBefore = pick(data.clocks_before);
    const all = Uint32Array.from(data.contacts.keys());
    const kinds = Object.keys(data.signs);
    return {
      column,
      all,
      sign: (row) => data.signs[column.kind(row)],
      starts: (row) => localTime(data.starts[row], clock(row)),
      before: (row) => localTime(data.befores[row], clockBefore(row)),
      order: {
        ...column,
        kind: (row) => kinds.indexOf(column.kind(row)),
        place: (row) => source(row) && [data.sources.rows[row], data.rows[row]],
      },
      haystacks: null,
      sorted: { by: "", rows: all },
    };
  }

  function localTime(instant, clock) {
    if (instant === null) return "";
    const [offset, abbreviation] = clock;
    const iso = new Date((instant + offset) * 1000).toISOString();
    const day = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][new Date((instant + offset) * 1000).getUTCDay()];
    return `${day} ${iso.slice(0, 10)} ${iso.slice(11, 16)} ${abbreviation}`;
  }

  // Finding and sorting

  function found() {
    const { all, column } = read();
    const sorted = state.column ? inOrder() : all;
    const terms = state.query.toLowerCase().split(/\s+/).filter(Boolean);
    if (!terms.length && !state.kind) return sorted;
    const haystacks = terms.length ? indexed() : [];
    return sorted.filter(
      (row) =>
        (!state.kind || column.kind(row) === state.kind) &&
        // "changed" is not to find "unchanged".
        terms.every((term) => column.kind(row).startsWith(term) || haystacks[row].includes(term)),
    );
  }

  function indexed() {
    const { all, column } = read();
    contacts.haystacks ??= Array.from(all, (row) =>
      [column.contact(row), column.ref(row), column.phone(row), column.allZones(row), column.place(row)]
        .join("\n")
        .toLowerCase(),
    );
    return contacts.haystacks;
  }

  function inOrder() {
    const { all, order, sorted } = read();
    const by = `${state.column} ${state.descending}`;
    if (sorted.by === by) return sorted.rows;
    const keys = Array.from(all, order[state.column]);
    const sign = state.descending ? -1 : 1;
    const isEmpty = (key) => key === null || key === "";
    const rows = all.slice().sort((one, other) => {
      const [a, b] = [keys[one], keys[other]];
      // Rows without a value come last, whichever way the others are sorted.
      if (isEmpty(a) || isEmpty(b)) return isEmpty(a) - isEmpty(b) || one - other;
      return sign * compare(a, b) || one - other;
    });
    contacts.sorted = { by, rows };
    return rows;
  }

  function compare(a, b) {
    if (Array.isArray(a)) return a[0] - b[0] || a[1] - b[1];
    return a < b ? -1 : Number(a > b);
  }

  // Drawing

  function draw() {
    const rows = found();
    const last = Math.max(0, Math.ceil(rows.length / ROWS_A_PAGE) - 1);
    state.page = Math.min(Math.max(0, state.page), last);
    const from = state.page * ROWS_A_PAGE;
    const shown = rows.subarray(from, from + ROWS_A_PAGE);
    body.replaceChildren(...Array.from(shown, tableRow));
    table.parentElement.scrollTop = 0;
    status.textContent = range(from, shown.length, rows.length);
    const printed = Math.min(ROWS_PRINTED, shown.length);
    element("printed").textContent =
      rows.length > printed ? `Printed are ${range(from, printed, rows.length).toLowerCase()}; the others are in the page itself.` : "";
    pages.hidden = last === 0;
    for (const button of pages.children) {
      const back = button.dataset.go === "first" || button.dataset.go === "back";
      // Not `disabled`: a button that is disabled under somebody's finger loses the focus.
      button.setAttribute("aria-disabled", String(back ? state.page === 0 : state.page === last));
    }
  }

  function range(from, shown, total) {
    const all = read().all.length;
    const number = (value) => value.toLocaleString("en-US");
    if (!total) return "No contact is like that";
    const where = `Rows ${number(from + 1)} to ${number(from + shown)} of ${number(total)}`;
    return total === all ? where : `${where} found among ${number(all)}`;
  }

  function tableRow(row) {
    const { column, sign, starts, before } = read();
    const kind = make("span", `kind ${column.kind(row).replace(" ", "-")}`);
    const mark = make("span", "sign", sign(row));
    mark.setAttribute("aria-hidden", "true");
    kind.append(mark, ` ${column.kind(row)}`);
    const first = make("td");
    first.append(kind);
    const contact = make("th", "", column.contact(row));
    contact.scope = "row";
    const zone = make("td", "", column.zone(row));
    if (column.zone(row) !== column.allZones(row)) zone.title = column.allZones(row);
    const start = make("td", "time", starts(row));
    if (before(row)) start.append(make("span", "was", `was ${before(row)}`));
    const line = make("tr");
    line.append(
      first,
      contact,
      make("td", "ref", column.ref(row)),
      make("td", "phone", column.phone(row)),
      zone,
      start,
      make("td", "why", column.why(row)),
      make("td", "place", column.place(row)),
    );
    return line;
  }

  function make(name, className = "", text = "") {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.textContent = text;
    return made;
  }

  // What people do

  function sortBy(column) {
    state.descending = state.column === column && !state.descending;
    state.column = column;
    state.page = 0;
    for (const head of table.tHead.rows[0].cells) {
      if (head.dataset.column === column) head.setAttribute("aria-sort", state.descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    draw();
  }

  for (const head of table.tHead.rows[0].cells) {
    const button = make("button", "", head.textContent);
    button.type = "button";
    button.addEventListener("click", () => sortBy(head.dataset.column));
    head.replaceChildren(button);
  }

  let pause;
  function search() {
    clearTimeout(pause);
    state.query = element("query").value;
    state.page = 0;
    draw();
  }

  element("query").addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(search, PAUSE_IN_TYPING);
  });
  element("find").addEventListener("submit", (event) => {
    event.preventDefault();
    search();
  });
  element("kind").addEventListener("change", (event) => {
    state.kind = event.target.value;
    state.page = 0;
    draw();
  });
  pages.addEventListener("click", ({ target }) => {
    if (!target.dataset.go || target.getAttribute("aria-disabled") === "true") return;
    state.page = { first: 0, back: state.page - 1, on: state.page + 1, last: Infinity }[target.dataset.go];
    draw();
  });

  element("find").hidden = false;
  pages.hidden = document.querySelectorAll("#table tbody tr").length < ROWS_A_PAGE;
  for (const button of pages.children) {
    const back = button.dataset.go === "first" || button.dataset.go === "back";
    button.setAttribute("aria-disabled", String(back));
  }
})();

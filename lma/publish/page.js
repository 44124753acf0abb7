"use strict";
(() => {
  const data = JSON.parse(document.getElementById("traces").textContent);
  const say = (name, ...parts) => parts.reduce((text, part, place) => text.replace(`{${place}}`, () => part), data.say[name]);
  const word = (position) => data.words[position] || "";
  const panel = document.getElementById("trace");
  const title = document.getElementById("trace-title");
  const body = document.getElementById("trace-body");
  let opener = null;
  let marked = null;

  // All text goes in as text, never as markup: labels come from files of others.
  const make = (name, text, parent) => {
    const node = document.createElement(name);
    node.textContent = text;
    if (parent) parent.append(node);
    return node;
  };

  const addLink = (url, parent) => {
    if (!/^https?:\/\//i.test(url)) { parent.append(url); return; }
    const link = make("a", url, parent);
    link.href = url;
    link.rel = "noopener noreferrer";
  };

  // ---------------------------------------------------------------- what a trace says

  // A row is the address of a cell up to one of its full stops, a column what follows it.
  const findTrace = (address) => {
    for (let place = address.indexOf("."); place > 0; place = address.indexOf(".", place + 1)) {
      const name = address.slice(0, place);
      const row = Object.hasOwn(data.cells, name) && data.cells[name];
      const column = address.slice(place + 1);
      if (row && Object.hasOwn(row[1], column)) return { label: word(row[0]), trace: row[1][column] };
    }
    return null;
  };

  const addRow = (row, list) => {
    const [id, place, number, column, period, value, note] = row;
    const source = data.sources[place];
    const item = make("li", "", list);
    make("strong", value || say("noFigure"), item);
    item.append(` ${say("period_of", period)}. `);
    if (source) {
      item.append(`${source[0]}: ${source[1]} (${source[2]}), ${say("file", source[4], source[3])}, ${say("row", number)}`);
      item.append(`${column ? `, ${say("column", column)}` : ""}. `);
      addLink(source[5], item);
      item.append(` ${say("licence", source[6])}. `);
    }
    if (note) item.append(`${say("note", note)}. `);
    make("code", id, item);
  };

  const addRows = (positions, heading) => {
    make("h3", heading, body);
    const list = make("ol", "", body);
    positions.forEach((position) => addRow(data.rows[position], list));
  };

  const shownText = (cell) => {
    const copy = cell.cloneNode(true);
    copy.querySelectorAll("sup, abbr").forEach((node) => node.remove());
    return copy.textContent.trim();
  };

  const addPath = (address) => {
    make("h3", say("path"), body);
    make("code", `lma trace ${data.country} ${address}`, make("p", "", body));
  };

  const fillCell = (address, found) => {
    const [column, facts, step, rows, nRows, inputs, nInputs, said] = found.trace;
    const [unit, basis, period, status, source, vintage] = data.facts[facts];
    title.textContent = `${address}: ${found.label} | ${word(column)}`;
    const list = make("dl", "", body);
    const add = (name, text) => { if (text) { make("dt", say(name), list); make("dd", text, list); } };
    const cell = document.getElementById(address);
    const symbol = said ? word(said[0]) : "";
    if (cell) add(said || !cell.classList.contains("c") ? "text" : "value", shownText(cell) || symbol);
    if (said) { add("reason", [symbol, word(said[1])].filter(Boolean).join(" ")); add("code", word(said[2])); }
    add("unit", word(unit)); add("basis", word(basis)); add("period", word(period)); add("status", word(status));
    add("how", word(step)); add("sources", word(source)); add("vintage", word(vintage));
    if (rows.length) addRows(rows, nRows === rows.length ? say("rows") : nRows ? say("some", rows.length, nRows) : say("behind"));
    else if (!said || nInputs) make("p", say("none"), body);
    if (nInputs) {
      make("h3", nInputs > inputs.length ? say("backSome", inputs.length, nInputs) : say("back"), body);
      const back = make("p", "", body);
      inputs.forEach((position, order) => { if (order) back.append(", "); make("code", word(position), back); });
    }
    addPath(address);
  };

  const addCellButton = (address, parent) => {
    const button = make("button", address, parent);
    button.type = "button";
    button.className = "cell";
    const cell = document.getElementById(address);
    if (cell) parent.append(` ${shownText(cell)}`);
    button.addEventListener("click", () => { showCell(address, opener); });
  };

  const addFigureRow = (row, label, list) => {
    const [cells, rows, computed] = row;
    const item = make("li", "", list);
    if (label) make("strong", label, item);
    cells.forEach((address) => { item.append(" "); addCellButton(address, item); });
    if (rows.length) { const inner = make("ol", "", item); rows.forEach((position) => addRow(data.rows[position], inner)); }
    if (computed.length) make("p", say("computed", computed.map(word).join(", ")), item);
  };

  // Labels of the rows of the table behind a figure.
  const rowsOf = (name) => [...document.getElementById(name).querySelectorAll("table[data-figure] tbody tr")];

  const fillFigure = (name, only) => {
    const figure = document.getElementById(name);
    const caption = figure.querySelector("figcaption").textContent;
    title.textContent = `${say("figure")}: ${caption}`;
    const list = make("ol", "", body);
    rowsOf(name).forEach((row, place) => {
      const trace = data.figures[name][place];
      if (trace && (only === undefined || only === place)) addFigureRow(trace, trace[0].length ? row.cells[0].textContent : [...row.cells].map((cell) => cell.textContent).join(" | "), list);
    });
  };

  // ---------------------------------------------------------------- opening and closing

  const open = (from, mark) => {
    if (marked) marked.classList.remove("open");
    opener = from;
    marked = mark;
    if (mark) mark.classList.add("open");
    if (!panel.open) panel.show();
    panel.scrollTop = 0;
    document.body.classList.add("with-trace");
    if (from && from.isConnected) from.scrollIntoView({ block: "nearest", inline: "nearest" });
    title.focus({ preventScroll: true });
  };

  const addGoTo = (address, from) => {
    const cell = document.getElementById(address);
    if (!cell || cell === from) return;
    const link = make("a", say("goTo"), make("p", "", body));
    link.href = `#${encodeURIComponent(address)}`;
    link.addEventListener("click", () => { opener = cell; reveal(cell); });
  };

  const showCell = (address, from) => {
    const found = findTrace(address);
    if (!found) return false;
    body.replaceChildren();
    fillCell(address, found);
    addGoTo(address, from);
    open(from, from && from.id === address ? from : null);
    return true;
  };

  const showFigure = (name, from, only) => {
    body.replaceChildren();
    fillFigure(name, only);
    open(from, from.tagName === "BUTTON" ? null : from);
  };

  const close = () => {
    panel.close();
    document.body.classList.remove("with-trace");
    if (marked) marked.classList.remove("open");
    if (opener && opener.isConnected) opener.focus();
    opener = marked = null;
  };

  // ---------------------------------------------------------------- one stop of the tab key per table

  const isCell = (node) => node.matches(".c, table[data-figure] tbody th");
  const cellsOf = (node) => [...node.querySelectorAll(".c, tbody th[scope=row]")].filter(isCell);
  const holderOf = (node) => node.closest(".grid, table[data-figure]");

  document.querySelectorAll(".grid, table[data-figure]").forEach((holder) => {
    const table = holder.tagName === "TABLE";
    if (table) holder.setAttribute("role", "grid");
    cellsOf(holder).forEach((cell, order) => { cell.tabIndex = order ? -1 : 0; });
  });

  const visit = (cell) => {
    holderOf(cell).querySelectorAll('[tabindex="0"]').forEach((other) => { if (isCell(other)) other.tabIndex = -1; });
    cell.tabIndex = 0;
    cell.focus();
  };

  const neighbour = (cell, key) => {
    const holder = holderOf(cell);
    const step = key === "ArrowLeft" || key === "ArrowUp" ? -1 : 1;
    const place = cell.closest("td, th");
    const sideways = key === "ArrowLeft" || key === "ArrowRight";
    if (sideways || !place || !holder.contains(place)) {
      const all = cellsOf(holder).filter((other) => other.offsetParent !== null);
      const next = all[all.indexOf(cell) + step];
      return sideways && place && next && next.closest("tr") !== cell.closest("tr") ? null : next;
    }
    let row = cell.closest("tr");
    do { row = row[step < 0 ? "previousElementSibling" : "nextElementSibling"]; } while (row && !row.cells[place.cellIndex]);
    const there = row && row.cells[place.cellIndex];
    return there && (isCell(there) ? there : there.querySelector(".c"));
  };

  // ---------------------------------------------------------------- what is folded

  const reveal = (node) => {
    for (let fold = node.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    node.scrollIntoView({ block: "center", inline: "nearest" });
  };

  const targetOf = (hash) => document.getElementById(decodeURIComponent(hash.slice(1)));
  const goToHash = () => {
    const node = location.hash && targetOf(location.hash);
    if (!node) return;
    const fold = node.querySelector(":scope > details");
    if (fold) fold.open = true;
    reveal(fold ? fold.querySelector("summary") : node);
  };
  window.addEventListener("hashchange", goToHash);
  goToHash();

  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("main details:not([open])")];
    opened.forEach((fold) => { fold.open = true; });
  });
  window.addEventListener("afterprint", () => { opened.forEach((fold) => { fold.open = false; }); });

  // ---------------------------------------------------------------- mouse and keyboard

  const act = (node) => {
    const row = node.closest("table[data-figure] tbody tr");
    if (row) showFigure(row.closest("table").dataset.figure, row.cells[0], row.sectionRowIndex);
    else showCell(node.id, node);
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (link && !panel.contains(link)) {
      const address = decodeURIComponent(link.getAttribute("href").slice(1));
      if (!event.ctrlKey && !event.metaKey && findTrace(address) && showCell(address, link)) event.preventDefault();
      else if (targetOf(link.getAttribute("href")) && link.getAttribute("href") === location.hash) goToHash();
      return;
    }
    if (event.target.closest("a, button, select, summary")) return;
    const cell = event.target.closest(".c, table[data-figure] tbody tr");
    if (cell) act(cell);
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && panel.open) { close(); return; }
    const cell = event.target;
    if (!cell.matches || !isCell(cell)) return;
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); act(cell); return; }
    if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
    const next = neighbour(cell, event.key);
    if (next) visit(next);
  });

  document.getElementById("trace-close").addEventListener("click", close);

  document.querySelectorAll("button.from").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", () => showFigure(button.dataset.figure, button));
  });

  document.querySelectorAll("select.choice").forEach((choice) => {
    choice.parentElement.hidden = false;
    const panels = document.getElementById(choice.dataset.panels);
    choice.addEventListener("change", () => {
      panels.classList.toggle("one", choice.value !== "");
      panels.querySelectorAll(":scope > figure").forEach((figure) => { figure.hidden = choice.value !== "" && figure.id !== choice.value; });
    });
  });
})();

"use strict";
(() => {
  const data = JSON.parse(document.getElementById("traces").textContent);
  const word = (position) => data.words[position] || "";
  const panel = document.getElementById("trace");
  const body = document.getElementById("trace-body");
  let opener = null;

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

  const addRow = (row, list) => {
    const [id, place, number, column, period, value, note] = row;
    const source = data.sources[place];
    const item = make("li", "", list);
    make("strong", value || "no figure", item);
    item.append(` for ${period}`);
    if (source) {
      item.append(`. ${source[0]}: ${source[1]} (${source[2]}), vintage ${source[4]}. `);
      item.append(`File ${source[3]}, row ${number} after the header${column ? `, column ${column}` : ""}. `);
      addLink(source[5], item);
      item.append(` Licence: ${source[6]}. `);
    }
    if (note) item.append(`Publisher's note: ${note}. `);
    make("code", id, item);
  };

  const fill = (address, trace) => {
    const [title, shown, unit, basis, period, status, step, source, vintage, rows, nRows, inputs, nInputs] = trace;
    document.getElementById("trace-title").textContent = `${address}: ${word(title)}`;
    body.replaceChildren();
    const facts = make("dl", "", body);
    const add = (name, text) => { if (text) { make("dt", name, facts); make("dd", text, facts); } };
    add("Value", shown); add("Unit", word(unit)); add("Basis", word(basis)); add("Period", word(period));
    add("Status", word(status)); add("How", word(step)); add("Sources", word(source)); add("Newest vintage", word(vintage));
    if (rows.length) {
      const first = nRows ? `Publisher's rows (${rows.length} of ${nRows})` : "First of the publisher's rows behind it";
      make("h3", nRows === rows.length ? "Publisher's rows" : first, body);
      const list = make("ol", "", body);
      rows.forEach((position) => addRow(data.rows[position], list));
    } else {
      make("p", "The publisher's rows behind this number are not in this page; the command below prints them.", body);
    }
    make("h3", nInputs > inputs.length ? `One step back (${inputs.length} of ${nInputs})` : "One step back", body);
    const back = make("p", "", body);
    inputs.forEach((position, order) => { if (order) back.append(", "); make("code", word(position), back); });
    make("h3", "The whole path", body);
    make("code", `lma trace ${data.country} ${address}`, make("p", "", body));
  };

  const show = (cell) => {
    const trace = data.cells[cell.id];
    if (!trace) return;
    if (opener) opener.classList.remove("open");
    opener = cell;
    cell.classList.add("open");
    fill(cell.id, trace);
    if (!panel.open) panel.show();
    panel.scrollTop = 0;
    document.body.classList.add("with-trace");
    cell.scrollIntoView({ block: "nearest", inline: "nearest" });
    document.getElementById("trace-title").focus({ preventScroll: true });
  };

  const close = () => {
    panel.close();
    document.body.classList.remove("with-trace");
    if (!opener) return;
    opener.classList.remove("open");
    opener.focus();
    opener = null;
  };

  // One stop of the tab key per table; arrow keys move between its numbers.
  const tables = document.querySelectorAll("table.grid");
  tables.forEach((table) => {
    const first = table.querySelector("td[data-n]");
    if (first) first.tabIndex = 0;
    table.querySelectorAll("td[data-n]").forEach((cell) => { if (cell !== first) cell.tabIndex = -1; });
  });

  const visit = (cell) => {
    cell.closest("table").querySelectorAll('td[tabindex="0"]').forEach((other) => { other.tabIndex = -1; });
    cell.tabIndex = 0;
    cell.focus();
  };

  const neighbour = (cell, key) => {
    const isNumber = (other) => other && other.matches("td[data-n]");
    if (key === "ArrowLeft" || key === "ArrowRight") {
      const side = key === "ArrowLeft" ? "previousElementSibling" : "nextElementSibling";
      let other = cell[side];
      while (other && !isNumber(other)) other = other[side];
      return other;
    }
    const side = key === "ArrowUp" ? "previousElementSibling" : "nextElementSibling";
    let row = cell.parentElement[side];
    while (row && !isNumber(row.cells[cell.cellIndex])) row = row[side];
    return row && row.cells[cell.cellIndex];
  };

  document.addEventListener("click", (event) => {
    const cell = event.target.closest("td[data-n]");
    if (cell && !event.target.closest("a")) show(cell);
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && panel.open) { close(); return; }
    const cell = event.target.closest && event.target.closest("td[data-n]");
    if (!cell || event.target !== cell) return;
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); show(cell); return; }
    if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
    const next = neighbour(cell, event.key);
    if (next) visit(next);
  });

  document.getElementById("trace-close").addEventListener("click", close);

  const choice = document.getElementById("sector");
  if (choice) {
    choice.parentElement.hidden = false;
    choice.addEventListener("change", () => {
      const charts = document.getElementById("fans");
      charts.classList.toggle("one", choice.value !== "");
      charts.querySelectorAll("figure").forEach((figure) => { figure.hidden = choice.value !== "" && figure.id !== choice.value; });
    });
  }
})();

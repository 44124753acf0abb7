"use strict";
(() => {
  const most = 60;
  const plain = text => text.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase();
  const index = JSON.parse(document.getElementById("index").textContent)
    .map(([title, kind, link, also]) => ({ title, kind, link, first: plain(title), all: plain(`${title} ${kind} ${also}`) }));
  const query = document.getElementById("query"), results = document.getElementById("results"), count = document.getElementById("count");

  function rank(entry, words) {
    if (!words.every(word => entry.all.includes(word))) return 9;
    if (entry.first === words.join(" ")) return 0;
    if (entry.first.startsWith(words[0])) return 1;
    return words.every(word => entry.first.includes(word)) ? 2 : 3;
  }

  function item(entry) {
    const row = document.createElement("li"), link = document.createElement("a"), kind = document.createElement("span");
    link.textContent = entry.title;
    link.href = entry.link;
    kind.textContent = entry.kind;
    kind.className = "quiet";
    row.append(link, " ", kind);
    return row;
  }

  function show() {
    const words = plain(query.value).split(/\s+/).filter(Boolean);
    const found = words.length ? index.map(entry => [rank(entry, words), entry]).filter(pair => pair[0] < 9) : [];
    found.sort((a, b) => a[0] - b[0]);
    results.replaceChildren(...found.slice(0, most).map(pair => item(pair[1])));
    const said = found.length > most ? count.dataset.more : found.length ? count.dataset.found : count.dataset.none;
    count.textContent = words.length ? said.replace("{n}", found.length).replace("{most}", most) : "";
    history.replaceState(null, "", words.length ? `#${encodeURIComponent(query.value)}` : location.pathname.split("/").pop());
  }

  try { query.value = decodeURIComponent(location.hash.slice(1)); } catch { query.value = ""; }
  query.addEventListener("input", show);
  if (query.value) show();
  query.focus({ preventScroll: true });
})();

"use strict";

// The token has become a cookie: it does not belong into the history of the browser.
{
  const url = new URL(location.href);
  if (url.searchParams.has("token")) {
    url.searchParams.delete("token");
    history.replaceState(null, "", url);
  }
}

const rows = () => [...document.querySelectorAll("tr[data-href]")];
let selected = null; // key of the selected row
let paused = false;
let revision = document.body.dataset.revision;

// say tells the state of the connection, to screen readers too.
function say(text) {
  const place = document.getElementById("live");
  if (place.textContent !== text) place.textContent = text;
}

// ---- Keeping the page up to date ----

const minPause = 400; // ms between two requests for the page, more if the page is slow
let asked = 0, took = 0, waiting = 0, asking = false;

function refreshSoon() {
  if (paused || waiting) return;
  waiting = setTimeout(refresh, Math.max(0, asked + Math.max(minPause, 9 * took) - Date.now()));
}

async function refresh() {
  if (asking) { waiting = setTimeout(refresh, 50); return; }
  waiting = 0;
  asking = true;
  asked = Date.now();
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    const text = await answer.text();
    took = Date.now() - asked;
    const page = new DOMParser().parseFromString(text, "text/html");
    if (paused || !page.body.dataset.revision) return;
    revision = page.body.dataset.revision;
    document.title = page.title;
    for (const part of document.querySelectorAll("[data-live]")) {
      const now = page.getElementById(part.id);
      if (now) morph(part, now);
    }
    mark();
    ages();
  } catch { /* the stream says when narada is there again */ } finally { asking = false; }
}

const keyOf = node => node.nodeType === 1 ? node.id || node.dataset.key || "" : "";

// morph makes the children of one element those of the other. What the person has folded,
// typed or selected stays.
function morph(old, now) {
  const kept = new Map();
  for (const child of old.childNodes) if (keyOf(child)) kept.set(keyOf(child), child);
  let place = old.firstChild;
  for (const wanted of [...now.childNodes]) {
    const key = keyOf(wanted);
    let found = key ? kept.get(key) : place && !keyOf(place) && place.nodeName === wanted.nodeName ? place : null;
    if (!found) {
      old.insertBefore(wanted, place);
      continue;
    }
    if (found !== place) old.insertBefore(found, place); else place = place.nextSibling;
    update(found, wanted);
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

function update(old, now) {
  if (old.nodeType !== 1) {
    if (old.nodeValue !== now.nodeValue) old.nodeValue = now.nodeValue;
    return;
  }
  if (old.matches("input, select, textarea, output")) return;
  for (const a of now.attributes) if (a.name !== "open" && old.getAttribute(a.name) !== a.value) old.setAttribute(a.name, a.value);
  for (const a of [...old.attributes]) if (!now.hasAttribute(a.name) && !["open", "class", "aria-selected"].includes(a.name)) old.removeAttribute(a.name);
  if (!old.isEqualNode(now)) morph(old, now);
}

let stream = null, lost = 0;

function listen() {
  if (stream || document.hidden || !document.querySelector("[data-live]")) return;
  stream = new EventSource("/stream?seen=" + encodeURIComponent(revision));
  stream.onopen = () => { clearTimeout(lost); say(paused ? "paused" : "live"); };
  stream.onmessage = () => { say(paused ? "paused" : "live"); refreshSoon(); };
  stream.addEventListener("failure", e => say("the ledger cannot be read: " + e.data));
  stream.onerror = () => {
    clearTimeout(lost); lost = setTimeout(() => {
      say("narada does not answer");
      if (stream?.readyState === EventSource.CLOSED) { stream = null; listen(); }
    }, 2000);
  };
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) { stream?.close(); stream = null; } else { listen(); refreshSoon(); }
});
addEventListener("pagehide", () => { stream?.close(); stream = null; });
addEventListener("pageshow", listen);
listen();

// ---- Ages ----

function age(ms) {
  const s = Math.floor(Math.max(0, ms) / 1000);
  if (s < 60) return s + "s";
  if (s < 3600) return Math.floor(s / 60) + "m";
  if (s < 86400) return Math.floor(s / 3600) + "h";
  return Math.floor(s / 86400) + "d";
}

function ages() {
  for (const t of document.querySelectorAll("time[data-ago]")) {
    const text = age(Date.now() - Date.parse(t.dateTime)) + " ago";
    if (t.textContent !== text) t.textContent = text;
  }
}
setInterval(ages, 1000);

// ---- Rows and keys ----

function mark() {
  for (const row of rows()) {
    const is = row.dataset.key === selected;
    row.classList.toggle("selected", is);
    if (is) row.setAttribute("aria-selected", "true"); else row.removeAttribute("aria-selected");
  }
}

function move(step) {
  const list = rows();
  if (!list.length) return;
  const at = list.findIndex(row => row.dataset.key === selected);
  const row = list[at < 0 ? 0 : Math.min(list.length - 1, Math.max(0, at + step))];
  selected = row.dataset.key;
  mark();
  row.querySelector("a")?.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", e => {
  if (e.ctrlKey || e.metaKey || e.altKey) return;
  const field = e.target.closest("input, select, textarea");
  if (field) {
    if (e.key === "Escape") field.blur();
    return;
  }
  const help = document.getElementById("help");
  if (help.open) return;
  const search = document.querySelector(".filter input[type=search]");
  switch (e.key) {
    case "j": move(1); break;
    case "k": move(-1); break;
    case "Enter": {
      const row = rows().find(row => row.dataset.key === selected);
      if (!row || e.target.closest("a, button, summary")) return;
      location.href = row.dataset.href;
      break;
    }
    case "/": if (!search) return; search.focus(); search.select(); break;
    case "Escape": {
      const back = document.querySelector(".back a");
      if (back) location.href = back.href; else if (location.search) location.href = location.pathname;
      break;
    }
    case "?": help.showModal(); break;
    default: return;
  }
  e.preventDefault();
});

document.addEventListener("click", e => {
  const row = e.target.closest("tr[data-href]");
  if (row && !e.target.closest("a, button") && !String(getSelection())) { location.href = row.dataset.href; return; }
  const button = e.target.closest("button");
  if (!button) return;
  const parent = button.closest("[data-document], .command");
  if ("fold" in button.dataset || "unfold" in button.dataset) {
    for (const d of parent.querySelectorAll(".tree details")) d.open = "unfold" in button.dataset;
  } else if ("copy" in button.dataset || "copyFrom" in button.dataset) {
    copy(button, parent.querySelector("pre").textContent);
  } else if ("pause" in button.dataset) {
    paused = !paused;
    button.setAttribute("aria-pressed", paused);
    button.textContent = paused ? "Resume" : "Pause";
    say(paused ? "paused" : "live");
    if (!paused) refreshSoon();
  }
});

async function copy(button, text) {
  const before = button.textContent;
  try { await navigator.clipboard.writeText(text); button.textContent = "Copied"; } catch { button.textContent = "Not copied"; }
  setTimeout(() => { button.textContent = before; }, 1500);
}

// ---- Filters, search in documents, replay ----

document.addEventListener("change", e => {
  if (e.target.matches("[data-filter] select")) e.target.form.requestSubmit();
});

document.addEventListener("submit", e => {
  const form = e.target;
  if (form.matches("[data-filter]")) { // short URLs: without empty fields
    for (const field of form.elements) if (field.name && !field.value) field.disabled = true;
    return;
  }
  if (!form.matches("[data-replay]")) return;
  e.preventDefault();
  replay(form);
});

async function replay(form) {
  const output = form.querySelector("output"), button = form.querySelector("button");
  button.disabled = true;
  output.textContent = "sending …";
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const outcome = page.getElementById("replayed");
    output.replaceChildren(...(outcome ? outcome.childNodes : [page.body.textContent]));
  } catch { output.textContent = "narada does not answer"; }
  button.disabled = false;
}

document.addEventListener("input", e => {
  if (!e.target.matches("[data-search]")) return;
  const wanted = e.target.value.toLowerCase();
  for (const item of e.target.closest("[data-document]").querySelectorAll(".tree li")) {
    const has = !wanted || item.textContent.toLowerCase().includes(wanted);
    item.hidden = !has;
    if (has && wanted) item.querySelectorAll("details").forEach(d => { d.open = true; });
  }
});

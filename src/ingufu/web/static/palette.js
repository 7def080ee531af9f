// The search that opens anywhere with one key: a dialog with a combobox. What it finds comes from the server, as options.
const WAIT_MS = 120;
const dialog = document.getElementById("palette");
const input = dialog.querySelector("input");
const list = dialog.querySelector("[role=listbox]");
const state = dialog.querySelector("[role=status]");
let timer = 0;
let running = null;
let shown = null; // the text for which the list is
let chosen = null; // address of what was stepped to since something was typed: a list that comes late keeps it

const options = () => [...list.querySelectorAll("a[role=option]")];
const active = () => list.querySelector("[aria-selected=true]");

// The dialog is open, and perhaps something is typed already.
export function start() {
  return dialog.open ? ask() : undefined;
}

// Addresses of what was looked at last in this browser (theme.js).
function opened() {
  try {
    const known = JSON.parse(localStorage.getItem("ingufu-opened") ?? "[]");
    return Array.isArray(known) ? known.filter((path) => typeof path === "string").slice(0, 8) : [];
  } catch {
    return []; // storage is forbidden, or holds what is not ours
  }
}

function choose(option) {
  active()?.setAttribute("aria-selected", "false");
  option?.setAttribute("aria-selected", "true");
  if (option) input.setAttribute("aria-activedescendant", option.id);
  else input.removeAttribute("aria-activedescendant");
  option?.scrollIntoView({ block: "nearest" });
}

function step(by) {
  const all = options();
  if (!all.length) return;
  const at = all.indexOf(active());
  choose(all[at < 0 ? (by > 0 ? 0 : all.length - 1) : (at + by + all.length) % all.length]);
  chosen = active().href;
}

async function ask() {
  const text = input.value.trim();
  running?.abort();
  running = new AbortController();
  const query = new URLSearchParams(text ? { q: text } : opened().map((path) => ["opened", path]));
  dialog.dataset.state = "busy";
  try {
    const answer = await fetch(`${dialog.dataset.hits}?${query}`, { signal: running.signal, headers: { "X-Dialog": "1" } });
    if (answer.status === 401) return location.reload();
    if (!answer.ok) throw new Error(answer.statusText);
    list.innerHTML = await answer.text();
    shown = text;
    const all = options();
    choose(all.find((option) => option.href === chosen) ?? (text ? all[0] : null));
    state.textContent = dialog.dataset.count.replace("{number}", all.length);
    dialog.dataset.state = "";
  } catch (error) {
    if (error.name === "AbortError") return undefined;
    dialog.dataset.state = "";
    list.replaceChildren();
    state.textContent = dialog.dataset.failed;
  }
  return undefined;
}

function go(event) {
  event.preventDefault();
  const option = active();
  if (option && shown === input.value.trim()) return follow(option.href, event);
  clearTimeout(timer);
  return ask().then(() => (active() ? follow(active().href, event) : undefined));
}

function follow(href, event) {
  if (event.ctrlKey || event.metaKey) return window.open(href, "_blank", "noopener");
  dialog.close();
  return location.assign(href);
}

input.addEventListener("input", () => {
  clearTimeout(timer);
  chosen = null;
  timer = setTimeout(ask, WAIT_MS);
});

input.addEventListener("keydown", (event) => {
  if (event.isComposing) return undefined;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    return step(event.key === "ArrowDown" ? 1 : -1);
  }
  return event.key === "Enter" ? go(event) : undefined;
});

list.addEventListener("pointermove", (event) => {
  const option = event.target.closest("a[role=option]");
  if (option && option !== active()) choose(option);
});

dialog.addEventListener("close", () => {
  clearTimeout(timer);
  running?.abort();
  list.replaceChildren();
  state.textContent = "";
  shown = chosen = null;
});

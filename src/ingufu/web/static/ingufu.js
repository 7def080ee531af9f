// What the console's pages do in the browser: theme, times, dialogs, live state, charts and maps on demand. No framework.
const root = document.documentElement;
const lang = root.lang || "en";
const settings = readSettings();
const clockSkewMs = settings.now ? settings.now - Date.now() : 0;

function readSettings() {
  const meta = document.querySelector('meta[name="ingufu"]');
  return meta ? JSON.parse(meta.content) : {};
}

const now = () => Date.now() + clockSkewMs;
const word = (name) => settings.texts?.[name] ?? "";
const all = (selector, within = document) => within.querySelectorAll(selector);

// ---- theme ------------------------------------------------------------------------
function setTheme(choice) {
  if (choice === "auto") delete root.dataset.theme;
  else root.dataset.theme = choice;
  try {
    localStorage.setItem("ingufu-theme", choice);
  } catch {
    // storage is forbidden: the choice lasts for this page
  }
  tellTheme();
}

const tellTheme = () => document.dispatchEvent(new CustomEvent("ingufu:theme"));

function showTheme() {
  const choice = root.dataset.theme || "auto";
  for (const input of all('input[name="theme"]')) input.checked = input.value === choice;
}

for (const media of ["(prefers-color-scheme: dark)", "print"]) matchMedia(media).addEventListener("change", tellTheme); // paper is light

// ---- times ------------------------------------------------------------------------
const lacks = settings.lacks?.like && !Intl.RelativeTimeFormat.supportedLocalesOf(lang).length ? settings.lacks : null; // a language the browser does not know
const formatLang = lacks?.like ?? lang;
const relativeFormat = new Intl.RelativeTimeFormat(lang, { numeric: "auto", style: "long" });
const steps = [["year", 31536000], ["month", 2592000], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60]];

function relativeText(at) {
  const seconds = Math.round((at - now()) / 1000);
  for (const [unit, size] of steps) {
    if (Math.abs(seconds) >= size) return relativeIn(Math.trunc(seconds / size), unit);
  }
  return relativeIn(Math.abs(seconds) < 5 && !lacks ? 0 : seconds, "second");
}

function relativeIn(number, unit) {
  if (!lacks) return relativeFormat.format(number, unit);
  const many = Math.abs(number);
  return lacks.relative[unit][(number > 0 ? 2 : 0) + (many === 1 ? 0 : 1)].replace("{n}", many);
}

function elapsedText(since) {
  const seconds = Math.max(0, Math.floor((now() - since) / 1000));
  const pad = (number) => String(number).padStart(2, "0");
  return `${Math.floor(seconds / 3600)}:${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`;
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function tick() {
  for (const element of all("time[data-relative]")) setText(element, relativeText(Date.parse(element.dateTime)));
  for (const element of all("[data-elapsed-since]")) setText(element, elapsedText(Date.parse(element.dataset.elapsedSince)));
}

// ---- toasts and announcements -----------------------------------------------------
export function announce(text) {
  const region = document.getElementById("announce");
  if (region) region.textContent = text;
}

export function toast({ message, detail = "", tone = "ok" }) {
  const template = document.getElementById(`toast-${tone}`) || document.getElementById("toast-ok");
  const list = document.getElementById("toasts");
  if (!template || !list) return;
  const element = template.content.firstElementChild.cloneNode(true);
  element.querySelector("strong").textContent = message;
  const more = element.querySelector("p");
  if (detail) more.textContent = detail;
  else more.remove();
  list.append(element);
  if (tone !== "bad") setTimeout(() => element.remove(), 8000); // an error stays until it is read
}

// ---- clicks -----------------------------------------------------------------------
const actions = {
  openDialog(element) {
    document.getElementById(element.dataset.openDialog)?.showModal();
  },
  closeDialog(element) {
    element.closest("dialog")?.close();
  },
  removeItem(element) {
    element.closest(".item")?.remove();
  },
  pause(element) {
    const list = document.getElementById(element.dataset.pause);
    const paused = element.getAttribute("aria-pressed") !== "true";
    element.setAttribute("aria-pressed", String(paused));
    list.toggleAttribute("data-paused", paused);
    if (!paused) letIn(list);
  },
  dismiss(element) {
    element.closest(".toast, .notice")?.remove();
  },
  print() {
    window.print();
  },
  async copy(element) {
    const text = element.dataset.copy || document.getElementById(element.dataset.copyFrom)?.dataset.source || "";
    await navigator.clipboard.writeText(text);
    announce(element.dataset.copied || "");
    toast({ message: element.dataset.copied || text });
  },
  toggleTable(element) {
    const chart = element.closest(".chart");
    const table = chart.querySelector(".chart-table");
    const shown = table.hidden;
    table.hidden = !shown;
    chart.querySelector(".chart-canvas").hidden = shown;
    element.setAttribute("aria-pressed", String(shown));
  },
};

document.addEventListener("click", (event) => {
  const dialog = event.target;
  if (dialog instanceof HTMLDialogElement && dialog.open) return dialog.close(); // on the backdrop
  const link = event.target.closest?.("a[data-dialog]");
  const plain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.button);
  if (link && plain) return openSheet(link, event);
  const element = event.target.closest?.("[data-open-dialog], [data-action]");
  if (!element) return undefined;
  return element.dataset.openDialog ? actions.openDialog(element) : actions[element.dataset.action]?.(element);
});

// ---- sheets: a page that is a form, shown as a dialog -----------------------------
// Without this script the link leads to the page itself.
async function openSheet(link, event) {
  event.preventDefault();
  const answer = await fetch(link.href, { headers: { "X-Dialog": "1", "HX-Current-URL": location.href } }).catch(() => null);
  if (!answer) return toast({ message: word("offline"), tone: "bad" });
  const elsewhere = answer.headers.get("HX-Redirect");
  if (elsewhere || !answer.ok) return location.assign(elsewhere ?? link.href);
  const sheet = document.getElementById("sheet");
  sheet.innerHTML = await answer.text();
  htmx.process(sheet);
  sheet.opener = link;
  sheet.showModal();
  sheet.querySelector("[autofocus]")?.focus();
}

document.getElementById("sheet")?.addEventListener("close", (event) => {
  const { opener } = event.target;
  event.target.replaceChildren();
  const again = opener?.isConnected ? opener : [...all("a[data-dialog]")].find((link) => link.href === opener?.href);
  again?.focus();
});

// Something was done: whatever asked for it closes, and lists that have no live stream of their own look again.
document.addEventListener("done", () => {
  for (const dialog of all("dialog[open]")) dialog.close();
  refresh();
});

document.addEventListener("change", (event) => {
  if (event.target.name === "theme") setTheme(event.target.value);
  if (event.target.matches?.("[data-submit-on-change]") && !event.target.form?.hasAttribute("hx-get")) event.target.form.requestSubmit();
});

// A file that is chosen fills a text field, so that it is seen before it is sent.
document.addEventListener("change", async (event) => {
  const field = document.getElementById(event.target.dataset?.fills ?? "");
  const [file] = event.target.files ?? [];
  if (field && file) field.value = await file.text();
});

// A form that does something is sent once.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.hasAttribute("hx-post")) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
  for (const button of all('button[type="submit"]', form)) button.setAttribute("aria-disabled", "true");
});

window.addEventListener("pageshow", (event) => {
  if (event.persisted) for (const form of all("form[data-sent]")) delete form.dataset.sent;
});

// ---- choosing rows, narrowing lists, clean addresses ------------------------------
function countChosen() {
  for (const form of all("[data-bulk]")) {
    const chosen = all('[data-select]:checked').length;
    const text = form.querySelector("[data-selected]");
    text.dataset.plain ??= text.textContent;
    setText(text, chosen ? word("selected").replace("{number}", chosen) : text.dataset.plain);
    form.toggleAttribute("data-any", chosen > 0);
    const every = form.querySelector("[data-select-all]");
    every.checked = chosen > 0 && chosen === all("[data-select]").length;
    every.indeterminate = chosen > 0 && !every.checked;
  }
}

document.addEventListener("change", (event) => {
  const name = event.target.dataset?.selectAll;
  if (name) for (const box of all(`[data-select="${name}"]`)) box.checked = event.target.checked;
  if (name || event.target.dataset?.select) countChosen();
});

document.addEventListener("input", (event) => {
  const list = document.getElementById(event.target.dataset?.narrow ?? "");
  const wanted = event.target.value.trim().toLowerCase();
  if (list) for (const item of list.children) item.hidden = !item.textContent.toLowerCase().includes(wanted);
});

document.addEventListener("htmx:configRequest", (event) => {
  if (!event.detail.elt.matches?.("form.filters")) return;
  for (const [name, value] of Object.entries(event.detail.parameters)) if (value === "") delete event.detail.parameters[name];
});

// ---- search over everything: "/" or Ctrl+K opens it, a click into the field of the top bar too ----
// The dialog is open at once, so that no key is lost; what answers the keys is fetched. Without it the form does the same.
async function openPalette(text = "") {
  const palette = document.getElementById("palette");
  const field = palette.querySelector("input");
  if (document.querySelector("dialog[open]")) return palette.open && field.select();
  field.value = text;
  palette.showModal();
  field.focus();
  field.select();
  return import(settings.modules.palette).then((module) => module.start(), () => undefined);
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  const isSlash = event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey;
  const isK = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
  const field = document.querySelector("[data-search-key]");
  const palette = document.getElementById("palette");
  if (!(isSlash || (isK && palette)) || !(palette || field)) return;
  event.preventDefault();
  if (palette) return openPalette();
  field.focus();
  field.select();
});

document.addEventListener("click", (event) => {
  const field = event.target.closest?.("[data-palette]");
  if (field && document.getElementById("palette")) openPalette(field.value);
});

document.addEventListener("submit", (event) => {
  if (event.target.getAttribute("action")?.endsWith("/sign-out")) localStorage.removeItem("ingufu-opened"); // theme.js writes it
});

// ---- live -------------------------------------------------------------------------
function showLive(state) {
  for (const element of all("[data-live-state]")) {
    if (element.dataset.state === state) continue;
    const was = element.dataset.state;
    element.dataset.state = state;
    element.hidden = false;
    const text = element.dataset[state];
    setText(element.querySelector("span"), text);
    if (was) announce(text);
  }
}

function mark(element) {
  delete element.dataset.changed;
  requestAnimationFrame(() => {
    element.dataset.changed = "";
  });
}

// {"<element id>": "<text>", ...}. Only text changes, so nothing on the page moves.
function setFigures(figures) {
  for (const [id, text] of Object.entries(figures)) {
    const element = document.getElementById(id);
    if (!element) continue;
    if (element instanceof HTMLProgressElement) {
      element.value = Number(text);
    } else if (element.textContent !== text) {
      element.textContent = text;
      mark(element);
    }
  }
}

const refresh = () => window.htmx?.trigger(document.body, "refresh");
const markup = (html) => document.createRange().createContextualFragment(`<template>${html}</template>`).firstChild.content;

// {"<element id>": "<the element anew>", ...}: what was ticked stays ticked, what had the focus has it again.
function setParts(parts) {
  for (const [id, html] of Object.entries(parts)) {
    const element = document.getElementById(id);
    if (!element) continue;
    if (element.contains(pressed)) {
      waiting[id] = html;
      continue;
    }
    const fresh = markup(html).firstElementChild;
    if (!fresh) {
      element.remove();
      continue;
    }
    const source = fresh.outerHTML;
    if (partSources.get(element) === source) continue; // as it was the last time
    const focused = element.contains(document.activeElement) ? document.activeElement : null;
    for (const box of all("input[type=checkbox]:checked", element)) {
      const again = [...all("input[type=checkbox]", fresh)].find((one) => one.name === box.name && one.value === box.value);
      if (again) again.checked = true;
    }
    const texts = new Map([...all(".live-number[id]", element)].map((one) => [one.id, one.textContent]));
    element.replaceWith(fresh);
    partSources.set(fresh, source);
    window.htmx?.process(fresh);
    prepare(fresh);
    for (const one of all(".live-number[id]", fresh)) if (texts.has(one.id) && texts.get(one.id) !== one.textContent) mark(one);
    if (focused) refocus(focused, fresh);
  }
}

const partSources = new WeakMap();

// What is held down changes when it is let go: else the click is lost. Lists wait for what is open in them, too.
let pressed = null;
let waiting = {}; // parts, by id
let isListWaiting = false;

addEventListener("pointerdown", (event) => (pressed = event.target), true);
for (const name of ["pointerup", "pointercancel", "toggle", "close"]) addEventListener(name, () => setTimeout(letGo, 100), true);

function letGo() {
  pressed = null;
  setParts(waiting);
  waiting = {};
  if (isListWaiting) refresh();
  isListWaiting = false;
}

function refocus(was, within) {
  const same = (one) => (was.id ? one.id === was.id : was.href ? one.href === was.href : one.name === was.name && one.value === was.value);
  [...all("a, button, input, select, summary", within)].find(same)?.focus({ preventScroll: true });
}

// {"<element id of a list>": "<entries for its top>", ...}; a list that is paused keeps them back.
function addEntries(entries) {
  for (const [id, html] of Object.entries(entries)) {
    const list = document.getElementById(id);
    if (!list) continue;
    held.set(list, [...(held.get(list) ?? []), markup(html)]);
    if (list.hasAttribute("data-paused")) showHeld(list);
    else letIn(list);
  }
}

const held = new WeakMap();

function showHeld(list) {
  const number = (held.get(list) ?? []).reduce((sum, fragment) => sum + fragment.childElementCount, 0);
  const text = number ? word("held").replace("{number}", number) : "";
  for (const element of all("[data-held]")) setText(element, text);
}

function letIn(list) {
  for (const fragment of held.get(list) ?? []) {
    const fresh = [...fragment.children];
    for (const element of all(".feed-empty", list)) element.remove();
    list.prepend(fragment);
    for (const element of fresh) {
      element.dataset.fresh = "";
      window.htmx?.process(element);
    }
  }
  held.delete(list);
  showHeld(list);
  const most = Number(list.dataset.most || 500);
  while (list.children.length > most) list.lastElementChild.remove();
  document.querySelector(".frames-empty")?.remove();
  tick();
}

// A page names its stream in data-live. The stream is closed while nobody looks: a browser has few connections to one host.
const CLOSED_AFTER_MS = 20000;
const streams = new Map(); // by element: {source, failures}
let hiddenTimer = 0;

function follow(element) {
  const known = streams.get(element) ?? { failures: 0 };
  known.source?.close();
  const source = new EventSource(element.dataset.live);
  streams.set(element, { ...known, source });
  source.addEventListener("open", () => {
    if (streams.get(element)?.source !== source) return;
    streams.get(element).failures = 0;
    showLive("connected");
  });
  source.addEventListener("error", () => lost(element, source));
  source.addEventListener("figures", (event) => setFigures(JSON.parse(event.data)));
  source.addEventListener("change", (event) => {
    const change = JSON.parse(event.data);
    setFigures(change.figures ?? {});
    setParts(change.parts ?? {});
    addEntries(change.entries ?? {});
    if (change.is_stale) refresh();
  });
}

// The browser repeats by itself after a lost connection, but not after a refusal: the log-in may be over.
async function lost(element, source) {
  if (!element.isConnected || streams.get(element)?.source !== source) return;
  showLive("reconnecting");
  if (source.readyState !== EventSource.CLOSED) return;
  const stream = streams.get(element);
  stream.failures += 1;
  const answer = await fetch(element.dataset.live, { headers: { "X-Dialog": "1" }, signal: AbortSignal.timeout(5000) }).catch(() => null);
  answer?.body?.cancel();
  if (answer?.status === 401) return location.reload();
  const isStillLost = () => element.isConnected && !document.hidden && streams.get(element)?.source === source;
  setTimeout(() => isStillLost() && follow(element), Math.min(30000, 1000 * 2 ** stream.failures));
}

function unfollow(element) {
  streams.get(element)?.source.close();
  streams.delete(element);
}

function lookForStreams(isBack = false) {
  for (const element of streams.keys()) if (!element.isConnected) unfollow(element);
  for (const element of all("[data-live]")) {
    const isLost = isBack && streams.get(element)?.source.readyState === EventSource.CLOSED;
    if (!streams.has(element) || isLost) follow(element);
  }
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(hiddenTimer);
  if (document.hidden) hiddenTimer = setTimeout(() => [...streams.keys()].forEach(unfollow), CLOSED_AFTER_MS);
  else lookForStreams(true);
});

const numbersBefore = new Map();

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const { target } = detail;
  const by = detail.requestConfig.triggeringEvent?.type ?? "refresh"; // none: asked for every so often
  if (by === "refresh" && (target.contains(pressed) || target.querySelector("[open]"))) {
    detail.shouldSwap = false;
    isListWaiting = true;
  }
  for (const element of all(".live-number[id]", target)) numbersBefore.set(element.id, element.textContent);
});
document.addEventListener("htmx:afterSettle", (event) => {
  prepare(event.detail.elt ?? document);
  lookForStreams();
  countChosen();
  for (const [id, text] of numbersBefore) {
    const element = document.getElementById(id);
    if (element && element.textContent !== text) mark(element);
  }
  numbersBefore.clear();
});
document.addEventListener("htmx:sendError", () => toast({ message: word("offline"), tone: "bad" }));
document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.getResponseHeader("HX-Trigger")) return; // it says itself what is wrong
  toast({ message: word("failed"), detail: `${event.detail.xhr.status} ${event.detail.xhr.statusText}`, tone: "bad" });
});
document.addEventListener("toast", (event) => toast(event.detail)); // HX-Trigger: {"toast": {"message": ...}}

// ---- charts and maps: fetched when one comes into view ----------------------------
const onSight = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      onSight.unobserve(target);
      draw(target);
    }
  },
  { rootMargin: "200px" },
);

async function draw(element) {
  const kind = element.hasAttribute("data-map") ? "map" : "charts";
  element.dataset.state = "loading";
  try {
    const [drawing, answer] = await Promise.all([import(settings.modules[kind]), fetch(element.dataset.src)]);
    if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
    await drawing.draw(element, await answer.json(), { ...settings, lang: formatLang, now });
    element.dataset.state = "drawn";
  } catch (error) {
    element.dataset.state = "error";
    element.dataset.message = `${word("noChart")} (${error.message})`;
  }
}

function prepare(within) {
  for (const element of all("[data-chart]:not([data-state]), [data-map]:not([data-state])", within)) {
    element.dataset.message = word("loading");
    onSight.observe(element);
  }
  tick();
}

showTheme();
prepare(document);
lookForStreams();
countChosen();
setInterval(() => document.hidden || tick(), 1000);

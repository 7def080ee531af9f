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
const all = (selector, within = document) => within.querySelectorAll(selector);

// ---- theme -------------------------------------------------------------------------------------------------------
function setTheme(choice) {
  if (choice === "auto") delete root.dataset.theme;
  else root.dataset.theme = choice;
  try {
    localStorage.setItem("ingufu-theme", choice);
  } catch {
    // storage is forbidden: the choice lasts for this page
  }
  document.dispatchEvent(new CustomEvent("ingufu:theme"));
}

function showTheme() {
  const choice = root.dataset.theme || "auto";
  for (const input of all('input[name="theme"]')) input.checked = input.value === choice;
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => document.dispatchEvent(new CustomEvent("ingufu:theme")));

// ---- times -------------------------------------------------------------------------------------------------------
const relativeFormat = new Intl.RelativeTimeFormat(lang, { numeric: "auto", style: "long" });
const steps = [["year", 31536000], ["month", 2592000], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60]];

function relativeText(at) {
  const seconds = Math.round((at - now()) / 1000);
  for (const [unit, size] of steps) {
    if (Math.abs(seconds) >= size) return relativeFormat.format(Math.trunc(seconds / size), unit);
  }
  return relativeFormat.format(Math.abs(seconds) < 5 ? 0 : seconds, "second");
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

// ---- toasts and announcements --------------------------------------------------------------------------------------
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

// ---- clicks --------------------------------------------------------------------------------------------------------
const actions = {
  openDialog(element) {
    document.getElementById(element.dataset.openDialog)?.showModal();
  },
  closeDialog(element) {
    element.closest("dialog")?.close();
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
  const element = event.target.closest?.("[data-open-dialog], [data-action]");
  if (!element) return undefined;
  return element.dataset.openDialog ? actions.openDialog(element) : actions[element.dataset.action]?.(element);
});

document.addEventListener("change", (event) => {
  if (event.target.name === "theme") setTheme(event.target.value);
  if (event.target.matches?.("[data-submit-on-change]") && !event.target.form?.hasAttribute("hx-get")) event.target.form.requestSubmit();
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

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const field = document.querySelector("[data-search-key]");
  if (!field) return;
  event.preventDefault();
  field.focus();
  field.select();
});

// ---- live ----------------------------------------------------------------------------------------------------------
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

// Event "figures": {"<element id>": "<text>", ...}. Only text changes, so nothing on the page moves.
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

const numbersBefore = new Map();

document.addEventListener("htmx:beforeSwap", (event) => {
  for (const element of all(".live-number[id]", event.detail.target ?? document)) numbersBefore.set(element.id, element.textContent);
});
document.addEventListener("htmx:afterSettle", (event) => {
  prepare(event.detail.elt ?? document);
  for (const [id, text] of numbersBefore) {
    const element = document.getElementById(id);
    if (element && element.textContent !== text) mark(element);
  }
  numbersBefore.clear();
});
document.addEventListener("htmx:sseOpen", () => showLive("connected"));
document.addEventListener("htmx:sseError", () => showLive("reconnecting"));
document.addEventListener("htmx:sseBeforeMessage", (event) => {
  const message = event.detail;
  if (message.type !== "figures") return;
  event.preventDefault();
  setFigures(JSON.parse(message.data));
});
document.addEventListener("htmx:sendError", () => toast({ message: settings.texts?.offline ?? "", tone: "bad" }));
document.addEventListener("htmx:responseError", (event) => {
  toast({ message: settings.texts?.failed ?? "", detail: `${event.detail.xhr.status} ${event.detail.xhr.statusText}`, tone: "bad" });
});
document.addEventListener("toast", (event) => toast(event.detail)); // HX-Trigger: {"toast": {"message": ...}}

// ---- charts and maps: fetched when one comes into view ---------------------------------------------------------------
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
    await drawing.draw(element, await answer.json(), { ...settings, lang, now });
    element.dataset.state = "drawn";
  } catch (error) {
    element.dataset.state = "error";
    element.dataset.message = `${settings.texts?.noChart ?? ""} (${error.message})`;
  }
}

function prepare(within) {
  for (const element of all("[data-chart]:not([data-state]), [data-map]:not([data-state])", within)) {
    element.dataset.message = settings.texts?.loading ?? "";
    onSight.observe(element);
  }
  tick();
}

showTheme();
prepare(document);
setInterval(() => document.hidden || tick(), 1000);

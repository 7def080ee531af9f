// Draws the console's time charts with ECharts: power and energy of a session, and a day's curve. Loaded on demand.
const charts = new Set();

const KINDS = { "power-energy": powerEnergy, day: dayCurve };

/** Draw `data` into `element` and fill its table. data: {zone, series: [{name, unit, axis?, points: [[ms, value], ...]}]}. */
export async function draw(element, data, settings) {
  const { init } = await import(settings.modules.echarts);
  const times = zoneTimes(data.zone || "UTC", settings.lang);
  const kind = KINDS[element.dataset.chart];
  const chart = init(element, null, { renderer: "canvas" });
  let shown = data;
  const redraw = () => chart.setOption(option(kind, shown, times, settings), { notMerge: true });
  charts.add({ chart, redraw, element });
  redraw();
  new ResizeObserver(() => element.clientWidth && chart.resize()).observe(element);
  const table = element.closest(".chart")?.querySelector(".chart-table");
  fillTable(table, data, times, settings);
  repeat(element, (fresh) => {
    shown = fresh;
    const { series, xAxis, yAxis } = option(kind, fresh, times, settings);
    chart.setOption({ series, xAxis, yAxis }); // the zoom that somebody chose stays
    fillTable(table, fresh, times, settings);
  });
}

/** A chart with data-refresh-every asks for its figures again while it is on a page that somebody sees. */
function repeat(element, show) {
  const seconds = Number(element.dataset.refreshEvery);
  if (!seconds) return;
  const timer = setInterval(async () => {
    if (!element.isConnected) return clearInterval(timer);
    if (document.hidden) return undefined;
    const answer = await fetch(element.dataset.src).catch(() => null); // the next round may have more luck
    return answer?.ok ? show(await answer.json()) : undefined;
  }, seconds * 1000);
}

document.addEventListener("ingufu:theme", () => {
  for (const entry of charts) {
    if (entry.element.isConnected) {
      entry.redraw();
      continue;
    }
    entry.chart.dispose();
    charts.delete(entry);
  }
});

/** ECharts knows UTC and the browser's zone, a site has its own: instants are moved by the site's offset and drawn as UTC. */
function zoneTimes(zone, lang) {
  const parts = new Intl.DateTimeFormat("en-GB", { timeZone: zone, dateStyle: "short", timeStyle: "medium", hourCycle: "h23" });
  const offsets = new Map();
  const offset = (ms) => {
    const quarter = Math.floor(ms / 900000);
    if (!offsets.has(quarter)) {
      const [day, month, year, hour, minute, second] = parts.format(quarter * 900000).match(/\d+/g).map(Number);
      offsets.set(quarter, Date.UTC(year, month - 1, day, hour, minute, second) - quarter * 900000);
    }
    return offsets.get(quarter);
  };
  const clock = new Intl.DateTimeFormat(lang, { timeZone: "UTC", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const day = new Intl.DateTimeFormat(lang, { timeZone: "UTC", day: "numeric", month: "short" });
  const full = new Intl.DateTimeFormat(lang, { timeZone: zone, dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });
  const fine = new Intl.DateTimeFormat(lang, { timeZone: "UTC", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  return {
    seconds: (shifted) => fine.format(shifted),
    shift: (ms) => ms + offset(ms),
    clock: (shifted) => clock.format(shifted),
    tick: (shifted) => (shifted % 86400000 === 0 ? day.format(shifted) : clock.format(shifted)),
    full: (ms) => `${full.format(ms)} ${zone}`,
    stamp: (shifted) => `${day.format(shifted)}, ${clock.format(shifted)}`,
  };
}

const SHORT_MS = 600000; // within ten minutes, labels to the minute would repeat themselves
const LEAST_MS = 60000; // a session that has just begun has one reading, around which ECharts would show two days

function spanOf(data) {
  const instants = data.series.flatMap(({ points }) => [points[0]?.[0], points.at(-1)?.[0]]).filter(Boolean);
  return instants.length ? Math.max(...instants) - Math.min(...instants) : 0;
}

function option(kind, data, times, settings) {
  const colours = palette();
  const base = {
    useUTC: true,
    animation: false,
    textStyle: { fontFamily: colours.font, fontSize: 12, color: colours.ink3 },
    grid: { left: 8, right: 8, top: 4, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "all" },
    xAxis: {
      type: "time",
      max: ({ min, max }) => (max - min >= 0 && max - min < LEAST_MS ? min + LEAST_MS : null),
      splitLine: { show: false },
      axisLine: { lineStyle: { color: colours.lineStrong } },
      axisTick: { show: false },
      axisLabel: { color: colours.ink3, hideOverlap: true, formatter: spanOf(data) < SHORT_MS ? times.seconds : times.tick },
      axisPointer: { label: { show: false }, lineStyle: { color: colours.lineStrong, type: "solid" } },
    },
    tooltip: {
      trigger: "axis",
      confine: true,
      backgroundColor: colours.raised,
      borderColor: colours.line,
      padding: [8, 10],
      transitionDuration: 0,
      extraCssText: "box-shadow: 0 8px 24px rgb(0 0 0 / 18%); border-radius: 8px;",
      formatter: (points) => tip(points, data, times, settings),
    },
    dataZoom: [{ type: "inside", zoomOnMouseWheel: "ctrl", moveOnMouseMove: false, moveOnMouseWheel: false }],
  };
  return { ...base, ...kind(data, times, colours, base, settings) };
}

/** Power on the start axis, energy on the end axis, state of charge (0 to 100 %) on a hidden third. */
function powerEnergy(data, times, colours, base) {
  const axes = ["power", "energy", "soc"];
  const used = axes.map((axis) => data.series.find((series) => (series.axis ?? "power") === axis));
  const yAxis = used.map((series, index) => ({
    ...valueAxis(series?.unit ?? "", colours),
    position: index === 0 ? "left" : "right",
    show: index < 2 && Boolean(series),
    splitLine: { show: index === 0, lineStyle: { color: colours.line } },
    ...(index === 2 ? { min: 0, max: 100 } : {}),
  }));
  const looks = [
    { color: colours.chart1, area: true, type: "solid" },
    { color: colours.chart2, type: "dashed" },
    { color: colours.chart3, type: "dotted" },
  ];
  const series = data.series.map((one) => {
    const axis = Math.max(0, axes.indexOf(one.axis ?? "power"));
    return curve(one, times, { ...looks[axis], axis, step: one.step });
  });
  return { xAxis: base.xAxis, yAxis, series };
}

/** A day's curve as an area; further series (the same weekday before) as lines; limits as marked lines. */
function dayCurve(data, times, colours, base, settings) {
  const looks = [{ color: colours.chart1, area: true, type: "solid" }, { color: colours.ink3, type: "dotted", width: 1.5 }];
  const series = data.series.map((one, index) => curve(one, times, looks[Math.min(index, looks.length - 1)]));
  const highest = Math.max(0, ...(data.limits ?? []).map(({ value }) => value));
  if (highest && series.length) {
    series[0].markLine = {
      symbol: "none",
      silent: true,
      lineStyle: { color: colours.bad, type: "dashed", width: 1 },
      label: { color: colours.badInk, position: "insideEndTop", formatter: ({ name, value }) => `${name}, ${amount(value, data.series[0].unit, settings.lang)}` },
      data: data.limits.map(({ name, value }) => ({ name, yAxis: value })),
    };
  }
  const axis = valueAxis(data.series[0]?.unit ?? "", colours);
  return { yAxis: highest ? { ...axis, max: ({ max }) => roundUp(Math.max(max, highest)) } : axis, series };
}

/** The axis must reach a limit that the curve stays below, and end at a round number above it. */
function roundUp(value) {
  const step = 10 ** Math.floor(Math.log10(value));
  return Math.ceil((value * 1.05) / step) * step;
}

function valueAxis(name, colours) {
  return {
    type: "value",
    name,
    nameGap: 12,
    nameTextStyle: { color: colours.ink3, align: "center" },
    axisLabel: { color: colours.ink3 },
    splitLine: { lineStyle: { color: colours.line } },
    splitNumber: 4,
  };
}

function curve(one, times, look) {
  return {
    type: "line",
    name: one.name,
    yAxisIndex: look.axis ?? 0,
    data: one.points.map(([ms, value]) => [times.shift(ms), value]),
    showSymbol: one.points.length === 1,
    step: look.step ? "end" : false,
    sampling: "lttb",
    connectNulls: false,
    lineStyle: { color: look.color, width: look.width ?? 2, type: look.type },
    itemStyle: { color: look.color },
    areaStyle: look.area ? { color: look.color, opacity: 0.1 } : undefined,
    emphasis: { disabled: true },
  };
}

// Built from nodes, not from markup: names come from outside, and the pages' policy allows no inline style.
function tip(points, data, times, settings) {
  const box = document.createElement("div");
  box.className = "chart-tip";
  const head = document.createElement("b");
  head.textContent = times.stamp(points[0].value[0]);
  box.append(head);
  for (const point of points) {
    if (point.value[1] == null) continue;
    const line = document.createElement("div");
    const name = document.createElement("span");
    const value = document.createElement("b");
    name.textContent = point.seriesName;
    value.textContent = amount(point.value[1], data.series[point.seriesIndex].unit, settings.lang);
    line.append(name, value);
    box.append(line);
  }
  return box;
}

function amount(value, unit, lang) {
  if (value == null) return "–";
  return `${new Intl.NumberFormat(lang, { maximumFractionDigits: 2 }).format(value)}\u00a0${unit}`;
}

function fillTable(holder, data, times, settings) {
  if (!holder) return;
  const rows = new Map();
  data.series.forEach((series, index) => {
    for (const [ms, value] of series.points) {
      if (!rows.has(ms)) rows.set(ms, []);
      rows.get(ms)[index] = amount(value, series.unit, settings.lang);
    }
  });
  const table = document.createElement("table");
  table.className = "table";
  const head = table.createTHead().insertRow();
  for (const text of [settings.texts.time, ...data.series.map((series) => series.name)]) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = text;
    if (head.cells.length) cell.className = "num";
    head.append(cell);
  }
  const body = table.createTBody();
  for (const [ms, values] of [...rows].sort(([a], [b]) => a - b)) {
    const row = body.insertRow();
    row.insertCell().textContent = times.full(ms);
    data.series.forEach((_, index) => {
      const cell = row.insertCell();
      cell.className = "num";
      cell.textContent = values[index] ?? "–";
    });
  }
  holder.replaceChildren(table);
}

function palette() {
  const probe = document.createElement("i");
  document.body.append(probe);
  const read = (token) => {
    probe.style.color = `var(${token})`;
    return getComputedStyle(probe).color;
  };
  const colours = {
    ink: read("--ink"), ink3: read("--ink-3"), line: read("--line"), lineStrong: read("--line-strong"), raised: read("--raised"),
    chart1: read("--chart-1"), chart2: read("--chart-2"), chart3: read("--chart-3"), bad: read("--bad"), badInk: read("--bad-ink"),
    font: getComputedStyle(document.body).fontFamily,
  };
  probe.remove();
  return colours;
}

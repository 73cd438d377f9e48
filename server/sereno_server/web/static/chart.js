// A bounded resource over time: history, forecast median with its 80 % band, capacity, now, and the letters of changes.
// The canvas shows what the sentence beside it says; both come from the same address.
import uPlot from "./vendor/uplot.js";
import { words } from "./words.js";
import { Zoom } from "./zoom.js";

const AGAIN_MS_MIN = 1000;

class Chart {
  constructor(holder) {
    this.holder = holder;
    this.plot = null;
    this.data = null;
    this.asked = 0;
    this.timer = 0;
    this.width = 0;
    this.view = null; // the stretch that the reader has chosen, or null: the range, which moves with time
    if ("zoom" in holder.dataset) this.zoom = new Zoom(this);
    document.addEventListener("sereno", (event) => this.heard(event.detail));
    document.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-range]");
      if (button?.closest("section") === holder.closest("section")) this.range(button);
      const other = event.target.closest("a[data-draw]");
      if (other && !event.ctrlKey && !event.metaKey && !event.shiftKey) this.another(other, event);
    });
    new ResizeObserver(() => this.resize()).observe(holder);
    new MutationObserver(() => this.draw()).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    this.load();
  }

  address() {
    const query = new URLSearchParams({ range: this.holder.dataset.range ?? "" });
    if (this.view) { query.set("from", Math.round(this.view.from)); query.set("to", Math.round(this.view.to)); }
    if (this.width) query.set("width", this.width);
    if (this.holder.dataset.series) query.set("series", this.holder.dataset.series);
    return `${this.holder.dataset.chart}?${query}`;
  }

  // Another series in the same picture and over the same stretch.
  another(link, event) {
    event.preventDefault();
    this.holder.dataset.series = link.dataset.draw;
    for (const row of document.querySelectorAll("tr[aria-current]")) row.removeAttribute("aria-current");
    link.closest("tr").setAttribute("aria-current", "true");
    history.replaceState(null, "", link.href);
    this.holder.scrollIntoView({ block: "nearest" });
    this.load();
  }

  // Shows what is there at once, stretched; the true picture of the new stretch follows.
  look(from, to) {
    this.view = { from, to };
    this.data.start = from;
    this.data.end = to;
    this.data.range = "";
    this.plot?.setScale("x", { min: from, max: to });
  }

  range(button) {
    this.view = null;
    this.holder.dataset.range = button.dataset.range;
    const page = new URL(location.href);
    page.searchParams.set("range", button.dataset.range);
    history.replaceState(null, "", page);
    this.load();
  }

  heard(event) {
    const about = event.kind === "resync" || event.device === this.holder.dataset.device;
    if (!about || !["sample", "forecast", "change", "resync"].includes(event.kind) || this.timer) return;
    if (this.view && this.data && this.view.to < this.data.now) return; // what is past does not change
    const pause = Math.max(AGAIN_MS_MIN, this.data ? (this.data.end - this.data.start) / 1000 : 0);
    const wait = Math.max(0, this.asked + Math.min(pause, 60_000) - performance.now());
    this.timer = setTimeout(() => { this.timer = 0; this.load(); }, wait);
  }

  async load() {
    this.asked = performance.now();
    this.width = this.holder.clientWidth; // of the picture that is asked for
    const address = this.address();
    const answer = await fetch(address).catch(() => null);
    if (!answer?.ok || !this.holder.isConnected) return;
    const data = await answer.json();
    if (address !== this.address() || this.zoom?.held) return; // the reader has moved on
    this.data = data;
    for (const button of this.holder.closest("section").querySelectorAll("button[data-range]")) {
      button.setAttribute("aria-pressed", String(button.dataset.range === this.data.range));
    }
    this.holder.setAttribute("aria-label", this.data.sentence);
    this.tell("[data-chart-title]", (element) => { element.textContent = this.data.title; });
    this.tell("[data-chart-sentence]", (element) => { element.textContent = this.data.sentence; });
    this.tell("[data-legend-forecast]", (element) => { element.hidden = this.data.forecast.length === 0; });
    this.tell("[data-legend-night]", (element) => { element.hidden = this.data.nights.length === 0; });
    this.draw();
  }

  tell(selector, change) {
    for (const element of this.holder.closest("section").querySelectorAll(selector)) change(element);
  }

  ink(name) {
    const probe = this.holder.querySelector(`.ink-of.${name}`);
    return probe ? getComputedStyle(probe).color : "#888";
  }

  resize() {
    const width = this.holder.clientWidth;
    if (this.plot && width && width !== this.plot.width) this.plot.setSize({ width, height: this.holder.clientHeight });
  }

  draw() {
    const data = this.data;
    if (!data) return;
    this.plot?.destroy();
    this.plot = null;
    const empty = this.holder.querySelector(".chart-empty");
    if (empty) empty.hidden = data.t.length > 0;
    if (!data.t.length && !this.zoom) return;
    const size = { width: this.holder.clientWidth, height: this.holder.clientHeight };
    this.plot = new uPlot({ ...size, ...this.options() }, columns(data), this.holder);
    this.holder.dataset.drawn = String(data.t.length);
  }

  options() {
    const data = this.data;
    const font = `11px ${getComputedStyle(document.body).fontFamily}`;
    const grid = { stroke: this.ink("grid"), width: 1 };
    const axis = { font, stroke: this.ink("ink3"), grid, ticks: { show: false } };
    const fore = this.ink("fore");
    const soft = fore.replace("rgb(", "rgba(").replace(")", ", 0.28)");
    const faint = this.ink("hist").replace("rgb(", "rgba(").replace(")", ", 0.2)");
    const unseen = { stroke: "transparent", width: 0, points: { show: false } };
    return {
      cursor: { show: false },
      legend: { show: false },
      padding: [8, 8, 0, 0],
      scales: { x: { time: false, range: () => [data.start, data.end] }, y: { range: () => [data.low, data.high] } },
      axes: [
        { ...axis, grid: { show: false }, size: 26, splits: (plot) => this.ticks(plot).map((tick) => tick.at), values: (plot) => this.ticks(plot).map((tick) => tick.label) },
        { ...axis, side: 1, size: 62, splits: () => data.levels.map((level) => level.at), values: () => data.levels.map((level) => level.label) },
      ],
      bands: [{ series: [4, 3], fill: soft }, { series: [6, 5], fill: faint }],
      series: [
        {},
        { label: words.used, stroke: this.ink("hist"), width: 1.8, points: { show: false }, spanGaps: false },
        { label: words.forecast, stroke: fore, width: 1.8, dash: [6, 4], points: { show: false } },
        unseen, unseen, unseen, unseen,
      ],
      hooks: { drawClear: [(plot) => this.nights(plot)], draw: [(plot) => this.marks(plot)] },
    };
  }

  // Labels that would touch are left out; the one of now stays, it comes first.
  ticks(plot) {
    const width = plot.width - 70;
    const place = (at) => ((at - this.data.start) / (this.data.end - this.data.start)) * width;
    const kept = [];
    for (const tick of this.data.ticks) {
      if (kept.every((other) => Math.abs(place(other.at) - place(tick.at)) > 3.6 * (other.label.length + tick.label.length))) kept.push(tick);
    }
    return kept.sort((a, b) => a.at - b.at);
  }

  nights(plot) {
    const { ctx, bbox } = plot;
    ctx.fillStyle = this.ink("night");
    for (const [start, end] of this.data.nights) {
      const from = Math.max(plot.valToPos(start, "x", true), bbox.left);
      const to = Math.min(plot.valToPos(end, "x", true), bbox.left + bbox.width);
      if (to > from) ctx.fillRect(from, bbox.top, to - from, bbox.height);
    }
  }

  marks(plot) {
    const { ctx, bbox } = plot;
    const data = this.data;
    const ratio = devicePixelRatio;
    const x = (at) => Math.round(plot.valToPos(at, "x", true)) + 0.5;
    const upright = (at, colour, dash, top = bbox.top) => {
      ctx.beginPath();
      ctx.setLineDash(dash.map((d) => d * ratio));
      ctx.strokeStyle = colour;
      ctx.lineWidth = ratio;
      ctx.moveTo(x(at), top);
      ctx.lineTo(x(at), bbox.top + bbox.height);
      ctx.stroke();
    };
    const label = (text, left, top, colour, align = "left", weight = 400) => {
      ctx.font = `${weight} ${11 * ratio}px ${getComputedStyle(document.body).fontFamily}`;
      ctx.textAlign = align;
      ctx.lineWidth = 4 * ratio;
      ctx.strokeStyle = this.ink("surface");
      ctx.lineJoin = "round";
      ctx.strokeText(text, left, top);
      ctx.fillStyle = colour;
      ctx.fillText(text, left, top);
    };
    ctx.save();
    const cap = plot.valToPos(data.capacity, "y", true);
    if (data.capacity > 0 && cap >= bbox.top - 1) {
      ctx.setLineDash([]);
      ctx.beginPath();
      ctx.strokeStyle = this.ink("cap");
      ctx.lineWidth = 2 * ratio;
      ctx.moveTo(bbox.left, cap);
      ctx.lineTo(bbox.left + bbox.width, cap);
      ctx.stroke();
      ctx.setLineDash([]);
      label(data.capacity_label, bbox.left + 4 * ratio, cap - 5 * ratio, this.ink("cap"), "left", 600);
    }
    const narrow = bbox.width < 420 * ratio;
    // Words where they fit, else the letter alone, else only the line: labels never lie on each other.
    const taken = [];
    const fits = (said, place, right) => {
      const width = ctx.measureText(said).width + 6 * ratio;
      const [from, to] = right ? [place - width, place] : [place, place + width];
      const row = [0, 1, 2].find((one) => taken.every((other) => other.row !== one || other.to < from || to < other.from));
      if (row !== undefined) taken.push({ row, from, to });
      return row;
    };
    for (const change of data.changes) {
      upright(change.at, this.ink("ink3"), [2, 3]);
      ctx.setLineDash([]);
      const right = x(change.at) > bbox.left + bbox.width * 0.6;
      const place = x(change.at) + (right ? -6 : 6) * ratio;
      for (const said of narrow ? [change.letter] : [`${change.letter}  ${change.short}`, change.letter]) {
        const row = fits(said, place, right);
        if (row === undefined) continue;
        label(said, place, bbox.top + bbox.height - (10 + 14 * row) * ratio, this.ink("ink3"), right ? "right" : "left");
        break;
      }
    }
    if (data.onset !== null && data.onset !== undefined) {
      upright(data.onset, this.ink("fore"), [6, 3]);
      ctx.setLineDash([]);
      const right = x(data.onset) > bbox.left + bbox.width * 0.75;
      label(data.onset_label, x(data.onset) + (right ? -6 : 6) * ratio, bbox.top + bbox.height * 0.32, this.ink("fore-ink"), right ? "right" : "left", 600);
    }
    if (data.full_at !== null) {
      upright(data.full_at, this.ink("fore"), [3, 3], cap);
      ctx.setLineDash([]);
      const right = x(data.full_at) > bbox.left + bbox.width * 0.75;
      const place = x(data.full_at) + (right ? -6 : 6) * ratio;
      label(data.full_label, place, cap + 18 * ratio, this.ink("fore-ink"), right ? "right" : "left", 600);
      if (!narrow) label(data.interval_label, place, cap + 33 * ratio, this.ink("ink3"), right ? "right" : "left");
    }
    if (data.now <= data.end) upright(data.now, this.ink("ink"), []);
    ctx.restore();
  }
}

// History and forecast on one axis of time: uPlot wants every column as long as the times, and the times in order.
// Beside a forecast that was closed lies what really happened; undefined lets a line pass where it has no value.
function columns(data) {
  const rows = new Map(data.t.map((at, n) => [at, [data.v[n], undefined, undefined, undefined, data.v_low?.[n], data.v_high?.[n]]]));
  for (const [at, low, median, high] of data.forecast) {
    const row = rows.get(at) ?? [];
    rows.set(at, [row[0], median, low, high, row[4], row[5]]);
  }
  const times = [...rows.keys()].sort((a, b) => a - b);
  return [times, ...[0, 1, 2, 3, 4, 5].map((n) => times.map((at) => rows.get(at)[n]))];
}

// Scripts of a module run once the page is parsed; a part that htmx puts in anew may hold a chart of its own.
const charted = new WeakSet();
function drawIn(root) {
  for (const holder of root.querySelectorAll?.("[data-chart]") ?? []) {
    if (!charted.has(holder)) { charted.add(holder); new Chart(holder); }
  }
}
drawIn(document);
document.addEventListener("htmx:load", (event) => drawIn(event.target));

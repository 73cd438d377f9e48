// Zooming and moving a chart through all that is kept: drag, pinch, Ctrl and wheel, the keys + - and arrows, buttons.
// An ordinary wheel goes on scrolling the page.
const SPAN_MS_MIN = 60_000;
const SETTLE_MS = 180; // how long the hand must rest before the stretch is asked for
const STEPS = { in: [0.5, 0], out: [2, 0], left: [1, -0.5], right: [1, 0.5] };
const KEYS = { "+": "in", "=": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right" };

export class Zoom {
  constructor(chart) {
    this.chart = chart;
    this.fingers = new Map();
    this.timer = 0;
    const { holder } = chart;
    holder.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    holder.addEventListener("pointerdown", (event) => this.down(event));
    holder.addEventListener("pointermove", (event) => this.moved(event));
    for (const kind of ["pointerup", "pointercancel"]) holder.addEventListener(kind, (event) => this.up(event));
    holder.addEventListener("keydown", (event) => this.key(event));
    holder.closest("section").addEventListener("click", (event) => {
      const button = event.target.closest("button[data-zoom-by]");
      if (button) this.step(button.dataset.zoomBy);
    });
  }

  get held() { return this.fingers.size > 0 || this.timer !== 0; }

  // factor: how much longer the stretch becomes around a place (0 left to 1 right); shift: by what part it moves.
  change(factor, shift, place = 0.5) {
    const { data } = this.chart;
    if (!data) return;
    const length = data.end - data.start;
    const latest = Math.max(data.now, this.latest ?? data.end);
    this.latest = latest;
    const longest = Math.max(latest - data.oldest, SPAN_MS_MIN);
    const wanted = Math.min(Math.max(length * factor, SPAN_MS_MIN), longest);
    let from = data.start + (length - wanted) * place + shift * length;
    from = Math.min(Math.max(from, Math.min(data.oldest, latest - wanted)), latest - wanted);
    this.chart.look(from, from + wanted);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => { this.timer = 0; if (!this.fingers.size) this.chart.load(); }, SETTLE_MS);
  }

  step(name) {
    this.change(...STEPS[name]);
  }

  place(x) {
    const over = this.chart.holder.querySelector(".u-over")?.getBoundingClientRect();
    return over ? Math.min(Math.max((x - over.left) / over.width, 0), 1) : 0.5;
  }

  wheel(event) {
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
    if (!event.ctrlKey && !event.metaKey && !sideways) return;
    event.preventDefault();
    if (sideways) this.change(1, event.deltaX / 600);
    else this.change(Math.exp(Math.max(-60, Math.min(60, event.deltaY)) / 150), 0, this.place(event.clientX));
  }

  down(event) {
    if (event.button !== 0) return;
    this.chart.holder.setPointerCapture(event.pointerId);
    this.fingers.set(event.pointerId, event.clientX);
  }

  moved(event) {
    if (!this.fingers.has(event.pointerId)) return;
    const before = [...this.fingers.values()];
    this.fingers.set(event.pointerId, event.clientX);
    const after = [...this.fingers.values()];
    const width = this.chart.holder.querySelector(".u-over")?.clientWidth || 1;
    if (after.length === 1) this.change(1, (before[0] - after[0]) / width);
    else if (after.length === 2) {
      const apart = (pair) => Math.max(Math.abs(pair[0] - pair[1]), 20);
      const middle = (pair) => (pair[0] + pair[1]) / 2;
      this.change(apart(before) / apart(after), (middle(before) - middle(after)) / width, this.place(middle(after)));
    }
  }

  up(event) {
    if (!this.fingers.delete(event.pointerId) || this.fingers.size) return;
    if (this.chart.view && !this.timer) this.chart.load();
  }

  key(event) {
    const name = KEYS[event.key];
    if (!name || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.step(name);
  }
}

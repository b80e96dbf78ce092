// The histogram of a column of numbers; a range is chosen by dragging, or by two inputs.

const BINS = 50;
const SVG = "http://www.w3.org/2000/svg";

class Histogram {
  constructor(view) {
    this.view = view;
    this.drawing = byId("histogram");
    this.low = byId("low");
    this.high = byId("high");
    this.start = null;
    for (const [event, action] of [["pointerdown", "down"], ["pointermove", "move"], ["pointerup", "up"]]) {
      this.drawing.addEventListener(event, (given) => this[action](given));
    }
    for (const input of [this.low, this.high]) {
      input.addEventListener("change", () => view.set({ low: this.typed(this.low), high: this.typed(this.high) }));
    }
    view.listeners.push(() => this.draw());
    this.draw();
  }

  typed(input) { return input.value === "" ? NaN : input.valueAsNumber; }

  /** Lowest and highest value of the column. */
  ends() {
    if (this.measured !== this.view.measure) {
      this.measured = this.view.measure;
      let [low, high] = [Infinity, -Infinity];
      for (const value of this.view.faces.numbers.get(this.measured)) {
        if (value < low) low = value;
        if (value > high) high = value;
      }
      this.range = low <= high ? [low, high] : [0, 1];
    }
    return this.range;
  }

  draw() {
    const { view } = this;
    const values = view.faces.numbers.get(view.measure);
    const [low, high] = this.ends();
    const counts = new Uint32Array(BINS);
    for (const row of view.passing(false)) {
      const value = values[row];
      if (!Number.isNaN(value)) counts[this.bin(value)]++;
    }
    const most = Math.max(1, ...counts);
    const bars = [];
    counts.forEach((count, bin) => {
      if (!count) return;
      const height = Math.max(1.5, (60 * count) / most);
      const from = low + ((high - low) * bin) / BINS, to = low + ((high - low) * (bin + 1)) / BINS;
      const chosen = !(to < view.low) && !(from > view.high);
      bars.push(this.box(bin * 10 + 0.5, 60 - height, 9, height, chosen ? "bar" : "bar out"));
    });
    this.drawing.replaceChildren(...bars);
    byId("lowest").textContent = written(low);
    byId("highest").textContent = written(high);
    this.show(view.low, view.high);
  }

  bin(value) {
    const [low, high] = this.ends();
    return high > low ? Math.min(BINS - 1, Math.floor((BINS * (value - low)) / (high - low))) : 0;
  }

  box(x, y, width, height, kind) {
    const box = document.createElementNS(SVG, "rect");
    for (const [name, value] of Object.entries({ x, y, width, height, class: kind })) box.setAttribute(name, value);
    return box;
  }

  show(low, high) {
    this.low.value = Number.isNaN(low) ? "" : Number(low.toPrecision(4));
    this.high.value = Number.isNaN(high) ? "" : Number(high.toPrecision(4));
  }

  /** The value below the pointer. */
  at(event) {
    const box = this.drawing.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    const [low, high] = this.ends();
    return low + share * (high - low);
  }

  down(event) {
    this.start = this.at(event);
    this.drawing.setPointerCapture(event.pointerId);
  }

  move(event) {
    if (this.start === null) return;
    const now = this.at(event);
    this.show(Math.min(this.start, now), Math.max(this.start, now));
  }

  /** Choose what was dragged over; a click chooses everything again. */
  up(event) {
    if (this.start === null) return;
    const [low, high] = [Math.min(this.start, this.at(event)), Math.max(this.start, this.at(event))];
    this.start = null;
    const few = this.bin(high) - this.bin(low) < 1;
    this.view.set(few ? { low: NaN, high: NaN } : { low, high });
  }
}

// One number against another, a point for each row that is shown; a click enlarges the nearest face.

const MARGIN = 6;

class Scatter {
  constructor(view, against, open) {
    this.view = view;
    this.open = open;
    this.box = byId("scatter-box");
    this.canvas = byId("scatter");
    this.axes = [byId("across"), byId("up")];
    const names = view.faces.shown.filter((name) => view.faces.numbers.has(name));
    this.axes.forEach((select, i) => {
      select.replaceChildren(...names.map((name) => make("option", { value: name, textContent: name })));
      select.value = against[i] ?? names[i] ?? names[0];
      select.addEventListener("change", () => this.draw());
    });
    this.box.hidden = names.length < 2;
    this.box.open = against.length > 0;
    this.box.addEventListener("toggle", () => this.draw());
    this.canvas.addEventListener("click", (event) => this.clicked(event));
    addEventListener("resize", () => this.draw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    view.listeners.push(() => this.draw());
    this.draw();
  }

  /** Places of the rows that have both numbers, from 0 to 1; and the ends of both axes. */
  points() {
    const columns = this.axes.map((select) => this.view.faces.numbers.get(select.value));
    const rows = [...this.view.rows].filter((row) => columns.every((values) => !Number.isNaN(values[row])));
    const ends = columns.map((values) => rows.reduce(
      ([low, high], row) => [Math.min(low, values[row]), Math.max(high, values[row])], [Infinity, -Infinity]));
    const places = columns.map((values, i) => {
      const [low, high] = ends[i];
      return rows.map((row) => (high > low ? (values[row] - low) / (high - low) : 0.5));
    });
    return { rows, ends, places };
  }

  draw() {
    if (!this.box.open || this.box.hidden) return;
    const { canvas } = this;
    const ratio = devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    [canvas.width, canvas.height] = [width * ratio, height * ratio];
    this.drawn = this.points();
    const { rows, ends, places } = this.drawn;
    const paint = canvas.getContext("2d");
    paint.scale(ratio, ratio);
    paint.fillStyle = getComputedStyle(this.box).getPropertyValue("--link");
    paint.globalAlpha = rows.length > 2000 ? 0.3 : 0.7;
    const size = rows.length > 2000 ? 2 : 4;
    rows.forEach((_, i) => {
      const [x, y] = this.place(places[0][i], places[1][i], width, height);
      paint.fillRect(x - size / 2, y - size / 2, size, size);
    });
    const text = rows.length ? this.axes.map((select, i) => `${select.value}: ${written(ends[i][0])} to ${written(ends[i][1])}`).join(" · ") : "";
    byId("scatter-ends").textContent = `${text} · ${WHOLE.format(rows.length)} rows`;
  }

  place(across, up, width, height) {
    return [MARGIN + across * (width - 2 * MARGIN), height - MARGIN - up * (height - 2 * MARGIN)];
  }

  clicked(event) {
    const box = this.canvas.getBoundingClientRect();
    const { rows, places } = this.drawn;
    let [best, nearest] = [Infinity, -1];
    rows.forEach((row, i) => {
      const [x, y] = this.place(places[0][i], places[1][i], box.width, box.height);
      const distance = (x - event.clientX + box.left) ** 2 + (y - event.clientY + box.top) ** 2;
      if (distance < best) [best, nearest] = [distance, row];
    });
    if (nearest >= 0 && best < 400) this.open(nearest);
  }
}

// The table: only the rows that are in sight exist, so that a hundred thousand scroll like ten.

const ROW_HEIGHT = 76;
const PICTURE = 64;
const NARROW = matchMedia("(max-width: 44rem)");

class FaceTable {
  constructor(view, open, pin) {
    this.view = view;
    this.faces = view.faces;
    this.box = byId("table-box");
    this.table = byId("table");
    this.current = 0;
    this.open = open;
    this.pin = pin;
    this.head();
    this.box.addEventListener("scroll", () => this.drawSoon());
    addEventListener("resize", () => this.drawSoon());
    this.table.addEventListener("click", (event) => this.clicked(event));
    this.table.addEventListener("keydown", (event) => this.pressed(event));
    view.listeners.push(() => this.restart());
    this.restart();
  }

  /** Headings that sort, one for each column. */
  head() {
    const columns = [["picture", ""], ["name", "name"], ["status", "status"], ...this.faces.shown.map((name) => [name, name])];
    this.columns = columns.length;
    const cells = columns.map(([name, sorts]) => {
      const cell = make("th", { scope: "col", className: this.classOf(name) });
      if (!sorts) {
        cell.textContent = "face";
        return cell;
      }
      const button = make("button", { type: "button", textContent: name });
      button.addEventListener("click", () => this.sortBy(name));
      cell.dataset.column = name;
      cell.append(button);
      return cell;
    });
    this.table.tHead.replaceChildren(make("tr", { ariaRowIndex: "1" }, ...cells));
    this.table.setAttribute("aria-colcount", columns.length);
  }

  classOf(name) {
    if (name === "picture" || name === "name") return name;
    return `${this.faces.numbers.has(name) ? "number" : "text"}${name === this.faces.rank ? "" : " more"}`;
  }

  sortBy(name) {
    const { sort } = this.view;
    const up = sort.name === name ? !sort.up : name === this.faces.rank ? this.faces.higher : true;
    this.view.set({ sort: { name, up } });
  }

  /** Begin at the top again, after the rows or their order changed. */
  restart() {
    this.current = 0;
    this.box.scrollTop = 0;
    const { sort, rows } = this.view;
    for (const cell of this.table.tHead.rows[0].cells) {
      if (!cell.dataset.column) continue;
      const sorted = cell.dataset.column === sort.name;
      if (sorted) cell.setAttribute("aria-sort", sort.up ? "ascending" : "descending");
      else cell.removeAttribute("aria-sort");
    }
    this.table.setAttribute("aria-rowcount", rows.length + 1);
    this.draw();
  }

  drawSoon() {
    this.waiting ??= requestAnimationFrame(() => {
      this.waiting = undefined;
      this.draw();
    });
  }

  draw() {
    const { rows } = this.view;
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW_HEIGHT) - 4);
    const last = Math.min(rows.length, first + Math.ceil(this.box.clientHeight / ROW_HEIGHT) + 9);
    const lines = [];
    for (let at = first; at < last; at++) lines.push(this.line(at, rows[at]));
    const body = this.table.tBodies[0];
    const space = (count) => {
      const row = make("tr", { className: "space" }, make("td", { colSpan: this.columns }));
      row.setAttribute("aria-hidden", "true");
      row.firstChild.style.height = `${count * ROW_HEIGHT}px`;
      return row;
    };
    body.replaceChildren(space(first), ...lines, space(rows.length - last));
    const now = byId(`line-${this.current}`);
    if (now) this.table.setAttribute("aria-activedescendant", now.id);
    else this.table.removeAttribute("aria-activedescendant");
  }

  line(at, row) {
    const { faces } = this;
    const line = make("tr", { id: `line-${at}` });
    line.dataset.row = row;
    line.setAttribute("aria-rowindex", at + 2);
    line.setAttribute("aria-selected", at === this.current);
    const name = make("td", { className: "name", title: faces.path(row) },
      make("span", { className: "file", textContent: faces.name(row) }),
      make("span", { className: "why", textContent: faces.text("why", row) }));
    const status = make("td", { className: this.classOf("status"), textContent: faces.text("status", row) });
    const values = faces.shown.map((column) => make("td", {
      className: this.classOf(column),
      textContent: faces.numbers.has(column) ? written(faces.number(column, row)) : faces.text(column, row),
    }));
    line.append(make("td", { className: "picture" }, faces.picture(row, this.height)), name, status, ...values);
    return line;
  }

  /** Make a line the current one, and bring it into sight. */
  go(at) {
    const { rows } = this.view;
    if (!rows.length) return;
    this.current = Math.min(Math.max(at, 0), rows.length - 1);
    const top = this.current * ROW_HEIGHT;
    const room = this.box.clientHeight - this.table.tHead.offsetHeight - ROW_HEIGHT;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (top > this.box.scrollTop + room) this.box.scrollTop = top - room;
    this.draw();
  }

  /** Height of a picture: on a narrow screen one of face and map leaves room for the name. */
  get height() {
    const { width, height } = this.faces.sheet;
    return NARROW.matches && width > height ? (PICTURE * 5) / 8 : PICTURE;
  }

  clicked(event) {
    const line = event.target.closest("tr[data-row]");
    if (!line) return;
    this.go(Number(line.id.slice("line-".length)));
    this.open(Number(line.dataset.row));
  }

  pressed(event) {
    if (event.target !== this.table || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(this.box.clientHeight / ROW_HEIGHT) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in steps) this.go(this.current + steps[event.key]);
    else if (event.key === "Enter") this.open(this.view.rows[this.current]);
    else if (event.key === "c") this.pin(this.view.rows[this.current]);
    else return;
    event.preventDefault();
  }
}

// One face, or two side by side, in a dialog.

const LARGE = 288;
/** Columns of texts that the enlarged face shows as words and links, not as values. */
const TOLD = ["why", "marks", "summary", "picture", "maps"];

class Detail {
  constructor(view) {
    this.view = view;
    this.faces = view.faces;
    this.dialog = byId("detail");
    this.pinned = [];
    byId("close").addEventListener("click", () => this.dialog.close());
    byId("before").addEventListener("click", () => this.step(-1));
    byId("after").addEventListener("click", () => this.step(1));
    byId("pin").addEventListener("click", () => this.pin(this.shown[0]));
    byId("compare").addEventListener("click", () => this.open(...this.pinned));
    byId("unpin").addEventListener("click", () => this.setPinned([]));
    this.dialog.addEventListener("close", () => this.closed());
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close(); // beside the dialog's content
    });
    this.dialog.addEventListener("keydown", (event) => this.pressed(event));
    this.shown = [];
  }

  /** Show one row, or two side by side. */
  open(...rows) {
    this.shown = rows;
    const one = rows.length === 1;
    byId("detail-title").textContent = rows.map((row) => this.faces.name(row)).join(" and ");
    byId("detail-body").replaceChildren(...rows.map((row) => this.one(row)));
    byId("detail-body").classList.toggle("two", !one);
    for (const id of ["before", "after", "pin"]) byId(id).hidden = !one;
    this.sayPin();
    this.address(`#${one ? "face" : "compare"}-${rows.map((row) => this.faces.label(row)).join("-")}`);
    if (!this.dialog.open) this.dialog.showModal();
  }

  one(row) {
    const { faces } = this;
    const title = make("h3", { textContent: faces.name(row) });
    const why = make("p", { className: "why", textContent: faces.text("why", row) });
    const link = make("a", { href: `#face-${faces.label(row)}`, textContent: "link to this face" });
    const links = make("p", { className: "beside" }, link);
    for (const [column, words] of [["picture", "picture in full size"], ["maps", "map as numbers (.npz)"]]) {
      const address = faces.address(column, row);
      if (address) links.append(" · ", make("a", { href: address, textContent: words }));
    }
    return make("section", {}, title, this.large(row), why, links, this.values(row));
  }

  large(row) {
    const { faces } = this;
    const address = faces.address("picture", row);
    if (!address) return faces.picture(row, LARGE);
    const picture = make("img", { alt: `Face, map and overlay of ${faces.name(row)}`, src: address, className: "large" });
    picture.addEventListener("error", () => picture.replaceWith(faces.picture(row, LARGE)), { once: true });
    return picture;
  }

  /** Every column of a row, and of two rows what differs. */
  values(row) {
    const { faces } = this;
    const list = make("dl");
    const put = (name, value) => value && list.append(make("div", {}, make("dt", { textContent: name }), make("dd", { textContent: value })));
    put("path", faces.path(row));
    for (const name of faces.texts.keys()) if (!TOLD.includes(name)) put(name, faces.text(name, row));
    for (const name of faces.numbers.keys()) put(name, this.difference(name, row));
    return list;
  }

  difference(name, row) {
    const value = this.faces.number(name, row);
    if (Number.isNaN(value)) return "";
    const other = this.shown.length > 1 && row === this.shown[1] ? this.faces.number(name, this.shown[0]) : NaN;
    if (Number.isNaN(other) || other === value) return written(value);
    return `${written(value)} (${value > other ? "+" : ""}${written(value - other)})`;
  }

  step(by) {
    const at = this.view.rows.indexOf(this.shown[0]) + by;
    if (this.shown.length === 1 && at >= 0 && at < this.view.rows.length) this.open(this.view.rows[at]);
  }

  pressed(event) {
    if (event.key === "ArrowLeft") this.step(-1);
    else if (event.key === "ArrowRight") this.step(1);
    else if (event.key === "c" && this.shown.length === 1) this.pin(this.shown[0]);
    else return;
    event.preventDefault();
  }

  /** Keep a row to compare it with another one; a second time forgets it. Two rows are compared at once. */
  pin(row) {
    const others = this.pinned.filter((other) => other !== row);
    this.setPinned(others.length < this.pinned.length ? others : [...others.slice(-1), row]);
    if (this.pinned.length === 2) this.open(...this.pinned);
  }

  setPinned(rows) {
    this.pinned = rows;
    byId("pinned").hidden = !rows.length;
    byId("pinned-names").textContent = rows.map((row) => this.faces.name(row)).join(" and ");
    byId("compare").hidden = rows.length < 2;
    byId("choose-other").hidden = rows.length > 1;
    this.sayPin();
  }

  sayPin() {
    byId("pin").textContent = this.pinned.includes(this.shown[0]) ? "Do not compare" : "Compare with another face";
  }

  closed() {
    this.shown = [];
    this.address("#all-faces");
  }

  /** Put what is shown into the page's address, so that it can be sent. */
  address(fragment) {
    if (location.hash !== fragment) history.replaceState(null, "", fragment);
  }

  /** Show what the page's address names: `#face-12` or `#compare-3-12`. */
  follow() {
    const found = /^#(face|compare)-(\d+)(?:-(\d+))?$/.exec(location.hash);
    const rows = found ? found.slice(2).filter(Boolean).map((label) => this.faces.rowOf(Number(label))) : [];
    if (rows.length && rows.every((row) => row >= 0)) this.open(...rows);
    else if (this.dialog.open && found) this.dialog.close();
  }
}

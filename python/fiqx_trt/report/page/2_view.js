// Which rows are shown, and in which order.

/** Filters and order; `rows` are those that pass, sorted. */
class View {
  constructor(faces) {
    this.faces = faces;
    this.sort = { name: faces.rank, up: faces.higher };
    this.listeners = [];
    this.reset();
  }

  reset() {
    Object.assign(this, { find: "", status: "", mark: "", group: "", measure: this.faces.rank, low: NaN, high: NaN });
    this.update();
  }

  /** Change filters or order, and tell who listens. */
  set(changes) {
    Object.assign(this, changes);
    this.update();
  }

  update() {
    const passed = this.passing(true);
    this.rows = Uint32Array.from(this.ordered(passed));
    this.listeners.forEach((listener) => listener());
  }

  /** Rows that pass the filters, in the order of the table; the range of numbers counts only if `ranged`. */
  passing(ranged) {
    const { faces, find, low, high } = this;
    const tests = [this.ofText("status", this.status), this.ofText("group", this.group), this.ofMark()];
    const words = find.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length) tests.push((row) => words.every((word) => faces.lower[row].includes(word)));
    if (ranged && !(Number.isNaN(low) && Number.isNaN(high))) {
      const values = faces.numbers.get(this.measure);
      tests.push((row) => !Number.isNaN(values[row]) && !(values[row] < low) && !(values[row] > high));
    }
    const used = tests.filter(Boolean);
    const rows = [];
    for (let row = 0; row < faces.count; row++) if (used.every((test) => test(row))) rows.push(row);
    return rows;
  }

  ofText(name, word) {
    const column = this.faces.texts.get(name);
    if (!word || !column) return null;
    const code = column.words.indexOf(word);
    return (row) => column.codes[row] === code;
  }

  /** Rows whose marks, words with blanks between, hold the chosen one. */
  ofMark() {
    const column = this.faces.texts.get("marks");
    if (!this.mark || !column) return null;
    const holds = column.words.map((words) => words.split(" ").includes(this.mark));
    return (row) => holds[column.codes[row]];
  }

  /** Rows sorted by the chosen column; rows that lack it come last, equal ones keep the order of the table. */
  ordered(rows) {
    const key = this.keys(this.sort.name);
    const sign = this.sort.up ? 1 : -1;
    const missing = (value) => value === "" || Number.isNaN(value);
    return rows.sort((a, b) => {
      const one = key(a), two = key(b);
      if (missing(one) || missing(two)) return missing(one) - missing(two) || a - b;
      return (one < two ? -sign : one > two ? sign : 0) || a - b;
    });
  }

  keys(name) {
    const { faces } = this;
    if (name === "name") return (row) => faces.lower[row];
    if (faces.numbers.has(name)) {
      const values = faces.numbers.get(name);
      return (row) => values[row];
    }
    const { words, codes } = faces.texts.get(name);
    return (row) => words[codes[row]];
  }

  /** How often each word of a column comes among all rows; with `blanks`, blanks divide a text into words. */
  counts(name, blanks = false) {
    const column = this.faces.texts.get(name);
    const counts = new Map();
    if (!column) return counts;
    const each = new Uint32Array(column.words.length);
    column.codes.forEach((code) => each[code]++);
    column.words.forEach((words, code) => {
      const parts = blanks ? words.split(" ") : [words];
      for (const word of parts.filter(Boolean)) counts.set(word, (counts.get(word) ?? 0) + each[code]);
    });
    return counts;
  }
}

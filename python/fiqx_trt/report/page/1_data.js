// The rows of the page, column by column, as they stand in the page's block of JSON.

/** @returns {HTMLElement} the element of the page with this id */
const byId = (id) => document.getElementById(id);

/** Make an element with properties and children; texts become text nodes, so nothing that a file is called is ever read as HTML. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

const WHOLE = new Intl.NumberFormat("en");

/** Write a number as the table has it, without digits that nobody reads; a dash where there is none. */
function written(value) {
  if (Number.isNaN(value)) return "–";
  const text = Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
  return text.replace("-", "−");
}

/** All rows of the page. */
class Faces {
  constructor(data) {
    this.count = data.paths.length;
    this.total = data.total;
    this.rank = data.rank;
    this.higher = data.higher;
    this.sheet = data.sheet;
    this.links = data.links;
    this.shown = data.shown;
    this.prefix = data.prefix;
    this.names = data.paths;
    this.tiles = data.tiles;
    this.rows = data.rows;
    this.numbers = new Map(data.numbers.map(([name, values]) => [name, Float64Array.from(values, (v) => v ?? NaN)]));
    this.texts = new Map(data.texts.map(([name, words, codes]) => [name, { words, codes: Uint32Array.from(codes) }]));
    this.searched = null;
  }

  path(row) { return this.prefix + this.names[row]; }

  /** The last two parts of the path, and which face of several it is. */
  name(row) {
    const file = this.names[row].split("/").slice(-2).join("/");
    return this.numbers.get("faces")[row] > 1 ? `${file}, face ${written(this.numbers.get("face")[row])}` : file;
  }

  number(name, row) { return this.numbers.get(name)?.[row] ?? NaN; }

  text(name, row) {
    const column = this.texts.get(name);
    return column ? column.words[column.codes[row]] : "";
  }

  /** The number that a link names a row by: its place in the table, from 1. */
  label(row) { return (this.rows ? this.rows[row] : row) + 1; }

  rowOf(label) {
    const row = this.rows ? this.rows.indexOf(label - 1) : label - 1;
    return row >= 0 && row < this.count ? row : -1;
  }

  /** Paths in lower case, made at the first search. */
  get lower() {
    this.searched ??= this.names.map((name) => name.toLowerCase());
    return this.searched;
  }

  /** The address of a file beside the page, whatever it is called. */
  address(column, row) {
    const file = this.text(column, row);
    return file && this.links[column] ? this.links[column] + encodeURIComponent(file) : "";
  }

  /** An element that shows a row's small picture, `height` pixels high. */
  picture(row, height) {
    const { width, height: own, across, each, folder } = this.sheet;
    const tile = this.tiles[row];
    const scale = own ? height / own : 1;
    const box = make("div", { className: "face" });
    box.style.height = `${height}px`;
    box.style.width = `${own ? width * scale : height}px`;
    if (tile < 0) {
      box.classList.add("none");
      return box;
    }
    const place = tile % each;
    box.setAttribute("role", "img");
    box.setAttribute("aria-label", `Picture of ${this.name(row)}`);
    box.style.backgroundImage = `url("${folder}${String(Math.floor(tile / each)).padStart(4, "0")}.jpg")`;
    box.style.backgroundSize = `${across * width * scale}px auto`;
    box.style.backgroundPosition = `${-(place % across) * width * scale}px ${-Math.floor(place / across) * height}px`;
    return box;
  }
}

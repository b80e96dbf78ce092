// Start: read the rows, fill the filters, and connect the parts.

function choices(select, all, counts) {
  const options = [...counts].map(([word, count]) => make("option", { value: word, textContent: `${word} (${WHOLE.format(count)})` }));
  select.replaceChildren(make("option", { value: "", textContent: all }), ...options);
  select.closest("label").hidden = options.length < (select.id === "mark" ? 1 : 2);
}

function start() {
  const data = JSON.parse(byId("rows").textContent);
  const faces = new Faces(data);
  byId("all-faces").hidden = false;
  const view = new View(faces);
  const detail = new Detail(view);
  const table = new FaceTable(view, (row) => detail.open(row), (row) => detail.pin(row));
  const histogram = new Histogram(view);
  const scatter = new Scatter(view, data.against, (row) => detail.open(row));
  const find = byId("find"), status = byId("status"), mark = byId("mark"), group = byId("group"), measure = byId("measure");

  choices(status, "all", view.counts("status"));
  choices(mark, "all", view.counts("marks", true));
  choices(group, "all", view.counts("group"));
  measure.replaceChildren(...faces.shown.filter((name) => faces.numbers.has(name)).map((name) => make("option", { value: name, textContent: name })));
  measure.value = faces.rank;
  find.addEventListener("input", () => view.set({ find: find.value }));
  status.addEventListener("change", () => view.set({ status: status.value }));
  mark.addEventListener("change", () => view.set({ mark: mark.value }));
  group.addEventListener("change", () => view.set({ group: group.value }));
  measure.addEventListener("change", () => view.set({ measure: measure.value, low: NaN, high: NaN }));

  const count = () => {
    const shown = view.rows.length === faces.count ? "" : `${WHOLE.format(view.rows.length)} of `;
    byId("count").textContent = `${shown}${WHOLE.format(faces.count)} ${faces.count === 1 ? "row" : "rows"}`;
    byId("nothing").hidden = view.rows.length > 0;
  };
  view.listeners.push(count);
  count();

  const showAll = () => {
    find.value = status.value = mark.value = group.value = "";
    measure.value = faces.rank;
    view.reset();
  };
  byId("show-all").addEventListener("click", showAll);
  const help = byId("help");
  byId("help-open").addEventListener("click", () => help.showModal());
  byId("help-close").addEventListener("click", () => help.close());

  addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea, dialog");
    if (event.key === "Escape" && event.target === find) showAll();
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") find.focus();
    else if (event.key === "?") help.showModal();
    else if (event.key === "Escape") showAll();
    else return;
    event.preventDefault();
  });
  find.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === "ArrowDown") byId("table").focus();
  });
  addEventListener("hashchange", () => detail.follow());
  detail.follow();
  document.documentElement.dataset.ready = "yes";
  return { table, histogram, scatter };
}

start();

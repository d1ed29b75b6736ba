"use strict";
{
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const text = (element) => element.textContent.trim();
  const later = (work) => {
    let timer = 0;
    return () => {
      clearTimeout(timer);
      timer = setTimeout(work, 120);
    };
  };
  const say = (status, shown, of) => {
    const what = status.dataset.what + (of === 1 ? "" : "s");
    status.textContent = shown === of ? `${of.toLocaleString("en")} ${what}` : `${shown.toLocaleString("en")} of ${of.toLocaleString("en")} ${what}`;
  };
  // Every word has to be there, in whatever order.
  const matcher = (input) => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    return (content) => words.every((word) => content.includes(word));
  };

  // Sorting: a cell with no number sorts below every number.
  const number = (cell) => {
    const value = parseFloat(text(cell).replaceAll(",", ""));
    return Number.isNaN(value) ? -Infinity : value;
  };
  const compare = (column, numeric) => (one, other) => {
    const [left, right] = [one.cells[column], other.cells[column]];
    if (numeric) return number(left) < number(right) ? -1 : number(left) > number(right) ? 1 : 0;
    return text(left).localeCompare(text(right), "en", { numeric: true });
  };
  for (const table of all("table.sortable")) {
    const body = table.tBodies[0];
    for (const head of all("thead th", table)) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const numeric = head.classList.contains("n");
        const now = head.getAttribute("aria-sort");
        const next = now ? (now === "ascending" ? "descending" : "ascending") : numeric ? "descending" : "ascending";
        for (const each of all("thead th", table)) each.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", next);
        const rows = [...body.rows].sort(compare(head.cellIndex, numeric));
        body.append(...(next === "ascending" ? rows : rows.reverse()));
      });
    }
  }

  for (const input of all("input[data-filter]")) {
    const rows = [...document.getElementById(input.dataset.filter).tBodies[0].rows];
    const contents = rows.map((row) => row.textContent.toLowerCase());
    const tools = input.closest(".tools");
    const status = tools.querySelector("[role=status]");
    const filter = () => {
      const fits = matcher(input);
      let shown = 0;
      rows.forEach((row, index) => {
        row.hidden = !fits(contents[index]);
        shown += row.hidden ? 0 : 1;
      });
      say(status, shown, rows.length);
    };
    input.addEventListener("input", later(filter));
    tools.hidden = false;
    filter();
  }

  const groups = document.getElementById("groups");
  if (groups) {
    const tools = document.getElementById("tools-findings");
    const input = document.getElementById("q-findings");
    const fold = document.getElementById("fold");
    const status = tools.querySelector("[role=status]");
    const severities = all("input[name=severity]", tools);
    const order = ["critical", "high", "medium", "low", "info"];
    const items = all(".group > ul > li", groups);
    const contents = items.map((item) => item.textContent.toLowerCase());
    const filter = () => {
      const fits = matcher(input);
      const wanted = new Set(severities.filter((box) => box.checked).map((box) => box.value));
      let shown = 0;
      items.forEach((item, index) => {
        item.hidden = !(wanted.has(item.className) && fits(contents[index]));
        shown += item.hidden ? 0 : 1;
      });
      for (const group of all(".group", groups)) {
        const left = all("li:not([hidden])", group).length;
        group.hidden = !left;
        group.querySelector(".number").textContent = left.toLocaleString("en");
        if (input.value && shown <= 200) group.open = true;
      }
      say(status, shown, items.length);
    };
    const regroup = (by) => {
      const opened = fold.textContent === "Fold all";
      const found = new Map();
      for (const item of items) {
        const name = text(item.querySelector(`.${by}`));
        if (!found.has(name)) found.set(name, []);
        found.get(name).push(item);
      }
      const rank = (members) => Math.min(...members.map((item) => order.indexOf(item.className)));
      const sorted = [...found].map(([name, members]) => [name, members, rank(members)]);
      sorted.sort((one, other) => one[2] - other[2] || other[1].length - one[1].length || (one[0] < other[0] ? -1 : 1));
      const model = groups.querySelector(".group").cloneNode(true);
      model.querySelector("ul").replaceChildren();
      groups.replaceChildren(
        ...sorted.map(([name, members, worst]) => {
          const group = model.cloneNode(true);
          const mark = group.querySelector("summary .sev");
          members.sort((one, other) => order.indexOf(one.className) - order.indexOf(other.className));
          group.querySelector("bdi").textContent = name;
          mark.className = `sev ${order[worst]}`;
          mark.textContent = order[worst];
          group.querySelector("ul").append(...members);
          group.open = opened;
          return group;
        }),
      );
      groups.className = `by-${by}`;
      filter();
    };
    input.addEventListener("input", later(filter));
    for (const box of severities) box.addEventListener("change", filter);
    for (const box of all("input[name=group]", tools)) box.addEventListener("change", () => regroup(box.value));
    fold.addEventListener("click", () => {
      const opened = fold.textContent !== "Fold all";
      for (const group of all(".group", groups)) group.open = opened;
      fold.textContent = opened ? "Fold all" : "Unfold all";
    });
    tools.hidden = false;
    filter();
  }

  // On paper, everything is open.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = all("details:not([open])");
    for (const each of folded) each.open = true;
  });
  addEventListener("afterprint", () => {
    for (const each of folded) each.open = false;
  });
}

// A list of any length in a window: only the rows in sight exist, and only their pages are asked
// for.
import { h } from "/console/dom.js";

const PAGE = 100;
const PAGES_KEPT = 40;
const RETRY = 3000;
const BEYOND = 8; // rows above and below those in sight

// Browsers limit the height of an element, at 17 to 33 million pixels. Longer lists move through a
// shorter one: small steps of the scroll bar are taken as they are, leaps in proportion.
const TALLEST = 12_000_000;

export class Rows {
  /// `fetch(offset, limit, signal)` gives the items of a page; `cells(item)` the content of a row;
  /// `open(item)` is what a click or Enter does. `failed(problem)` and `arrived()` tell of pages.
  constructor({ label, columns, fetch, cells, href, open, failed, arrived }) {
    Object.assign(this, { fetch, cells, href, open, failed, arrived });
    this.head = h(
      "div",
      { class: "row head", role: "row", "aria-rowindex": "1" },
      columns.map((column) =>
        h("span", { role: "columnheader", class: column.class }, column.name),
      ),
    );
    this.spacer = h("div", { class: "spacer", role: "rowgroup" });
    this.element = h(
      "div",
      {
        class: "rows",
        role: "grid",
        tabindex: "0",
        "aria-label": label,
        "aria-rowcount": "-1",
        onscroll: () => this.#scrolled(),
        onkeydown: (event) => this.#pressed(event),
        onfocus: () => this.#mark(this.#inSight(), false),
        onclick: (event) => this.#clicked(event),
      },
      h("div", { role: "rowgroup", class: "top" }, this.head),
      this.spacer,
    );
    this.total = 0;
    this.active = 0;
    this.top = 0; // pixels of the whole list above the window
    this.seen = 0; // scrollTop when it was last looked at
    this.shown = new Map(); // index: element
    this.pages = new Map(); // number: {items, stop}
    this.resized = new ResizeObserver(() => this.#measure());
    this.resized.observe(this.element);
  }

  close() {
    this.closed = true;
    this.resized.disconnect();
    clearTimeout(this.waiting);
    for (const page of this.pages.values()) page.stop?.abort();
  }

  /// Shows a list of this length from its beginning, or from where `place` says. `items` are the
  /// first ones, as far as they are known already.
  reset(total, place = { top: 0, active: 0 }, items = []) {
    this.forget();
    for (let page = 0; page * PAGE < items.length; ++page)
      this.pages.set(page, { items: items.slice(page * PAGE, (page + 1) * PAGE) });
    this.active = Math.min(place.active, Math.max(0, total - 1));
    this.top = place.top; // nothing is asked for where the list before was
    this.setTotal(total);
    this.#move(place.top);
  }

  setTotal(total) {
    this.total = total;
    this.element.setAttribute("aria-rowcount", String(total + 1));
    this.#measure();
  }

  place() {
    return { top: this.top, active: this.active };
  }

  /// Something may be different: asks anew for what is in sight, which stays until then.
  refresh() {
    for (const page of this.pages.values()) page.old = true;
    this.#load();
  }

  forget() {
    for (const page of this.pages.values()) page.stop?.abort();
    this.pages.clear();
    for (const row of this.shown.values()) row.remove();
    this.shown.clear();
  }

  item(index) {
    return this.pages.get(Math.floor(index / PAGE))?.items?.[index % PAGE];
  }

  get #whole() {
    return this.total * this.height;
  }
  get #window() {
    return Math.max(1, this.element.clientHeight - this.head.offsetHeight);
  }
  get #most() {
    return Math.max(0, this.#whole - this.#window);
  }
  get #bar() {
    return Math.max(0, Math.min(this.#whole, TALLEST) - this.#window);
  }

  #measure() {
    const style = getComputedStyle(this.element);
    const height = Number.parseFloat(style.getPropertyValue("--row")) || 44;
    const first = this.height ? this.top / this.height : 0;
    this.height = height;
    this.spacer.style.height = `${Math.min(this.#whole, TALLEST)}px`;
    this.#move(first * height);
  }

  /// `at`: where the bar is then, unless it is in proportion
  #move(top, at) {
    this.top = Math.max(0, Math.min(top, this.#most));
    this.element.scrollTop = at ?? (this.#most > 0 ? (this.top * this.#bar) / this.#most : 0);
    this.seen = this.element.scrollTop;
    this.#render();
    this.#load();
  }

  #scrolled() {
    const now = this.element.scrollTop;
    const step = now - this.seen;
    this.seen = now;
    if (step === 0) return;
    if (this.#most <= this.#bar) {
      this.top = now;
    } else if (Math.abs(step) > 2 * this.#window) {
      this.top = (now / this.#bar) * this.#most;
    } else {
      this.top = Math.max(0, Math.min(this.top + step, this.#most));
      // At an end of the bar, but not of the list: the bar gets the room that is left, so that
      // small steps are not cut short by another end.
      const below = this.#most - this.top;
      if (now <= 0 && this.top > 0) return this.#move(this.top, Math.min(this.top, this.#bar / 2));
      if (now >= this.#bar - 1 && below > 1)
        return this.#move(this.top, this.#bar - Math.min(below, this.#bar / 2));
    }
    this.#render();
    this.#soon();
  }

  #soon() {
    this.waiting ??= setTimeout(() => {
      this.waiting = null;
      this.#load();
    }, 40);
  }

  #range(beyond) {
    const first = Math.floor(this.top / this.height) - beyond;
    const last = Math.ceil((this.top + this.#window) / this.height) + beyond;
    return [Math.max(0, first), Math.min(this.total, last)];
  }

  /// The active row, or the one in sight that is next to it: the focus moves no list.
  #inSight() {
    if (!this.height) return this.active;
    const [first, last] = this.#range(0);
    return Math.max(first, Math.min(this.active, last - 1));
  }

  #load() {
    if (!this.height || this.total === 0 || this.closed) return;
    const [first, last] = this.#range(PAGE / 4);
    const from = Math.floor(first / PAGE);
    const to = Math.floor(Math.max(first, last - 1) / PAGE);
    for (const [number, page] of this.pages) {
      if (number >= from && number <= to) continue;
      if (page.stop) page.stop.abort();
      if (!page.items || this.pages.size > PAGES_KEPT || page.old) this.pages.delete(number);
    }
    for (let number = from; number <= to; ++number) {
      const page = this.pages.get(number);
      if (!page || (page.old && !page.stop)) this.#ask(number, page);
    }
  }

  async #ask(number, page = {}) {
    page.stop = new AbortController();
    page.old = false;
    this.pages.set(number, page);
    try {
      page.items = await this.fetch(number * PAGE, PAGE, page.stop.signal);
      page.stop = null;
      if (this.pages.get(number) !== page) return;
      this.#render(true);
      this.arrived();
    } catch (problem) {
      page.stop = null;
      if (this.pages.get(number) === page && !page.items) this.pages.delete(number);
      else page.old = true;
      if (problem.name === "AbortError") return;
      this.failed(problem);
      if (!problem.away) setTimeout(() => this.#load(), RETRY);
    }
  }

  #render(anew = false) {
    if (!this.height) return;
    const [first, last] = this.#range(BEYOND);
    for (const [index, row] of this.shown)
      if (index < first || index >= last) {
        row.remove();
        this.shown.delete(index);
      }
    // Whoever reads the document finds the rows in the order on the screen.
    const add = (row, index) => {
      const before = this.shown.get(index - 1);
      if (before) before.after(row);
      else this.spacer.prepend(row);
    };
    for (let index = first; index < last; ++index) {
      let row = this.shown.get(index);
      const item = this.item(index);
      if (!row || (anew && row.item !== item)) {
        const made = this.#make(index, item);
        if (row) row.replaceWith(made);
        else add(made, index);
        this.shown.set(index, made);
        row = made;
      } else if (!row.item && item) {
        const made = this.#make(index, item);
        row.replaceWith(made);
        this.shown.set(index, made);
        row = made;
      }
      row.style.transform = `translateY(${this.element.scrollTop + index * this.height - this.top}px)`;
    }
    if (this.element === document.activeElement) this.#mark(this.active, false);
  }

  #make(index, item) {
    const row = h(
      "div",
      {
        class: "row",
        role: "row",
        id: `row-${index}`,
        "aria-rowindex": String(index + 2),
        "aria-busy": !item && "true",
      },
      item
        ? this.cells(item).map(({ class: kind, content, beside }, column) =>
            h(
              "span",
              { role: "gridcell", class: kind },
              column === 0 ? h("a", { href: this.href(item), tabindex: "-1" }, content) : content,
              beside,
            ),
          )
        : h("span", { role: "gridcell", class: "blank" }),
    );
    row.item = item;
    row.index = index;
    if (index === this.active) row.classList.add("active");
    return row;
  }

  #mark(index, near = true) {
    this.shown.get(this.active)?.classList.remove("active");
    this.active = Math.max(0, Math.min(index, this.total - 1));
    if (near) {
      const start = this.active * this.height;
      if (start < this.top) this.#move(start);
      else if (start + this.height > this.top + this.#window)
        this.#move(start + this.height - this.#window);
    }
    const row = this.shown.get(this.active);
    row?.classList.add("active");
    if (row) this.element.setAttribute("aria-activedescendant", row.id);
    else this.element.removeAttribute("aria-activedescendant");
  }

  #pressed(event) {
    const page = Math.max(1, Math.floor(this.#window / this.height) - 1);
    const steps = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -this.total,
      End: this.total,
    };
    if (event.altKey || event.ctrlKey || event.metaKey || this.total === 0) return;
    if (event.key in steps) {
      event.preventDefault();
      this.#mark(this.active + steps[event.key]);
    } else if (event.key === "Enter" && this.item(this.active)) {
      event.preventDefault();
      this.open(this.item(this.active));
    }
  }

  #clicked(event) {
    const row = event.target.closest(".row");
    if (!row?.item || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.#mark(row.index, false);
    this.open(row.item);
  }
}

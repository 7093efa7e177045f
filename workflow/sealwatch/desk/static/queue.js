// The list of polygons that wait, fetched page by page by the key.

import { get } from "./api.js";
import { button, choice, h, press } from "./dom.js";
import { change, dueWords, shortHalf, squareMetres, stateWords } from "./text.js";

const PAGE = 50;
const FILTERS = [["", "All"], ["new", "New"], ["re-review", "Re-review"], ["second reviewer", "Second"]];

export const polygonHash = (id) => `#/polygon/${encodeURIComponent(id)}`;

export class Queue {
  constructor(place, { onReset, onError }) {
    Object.assign(this, { place, onReset, onError, items: [], next: null, due: "", sheet: "", current: "", asked: 0 });
    this.filters = choice("Why they wait", FILTERS, "", (due) => this.reset({ due }));
    this.sheetField = h("input", { type: "search", name: "sheet", autocomplete: "off", placeholder: "all", onchange: () => this.reset({ sheet: this.sheetField.value.trim() }) });
    this.rows = h("ul", { class: "rows" });
    this.more = button("More", () => this.load().catch(this.onError), { kind: "quiet" });
    this.note = h("p", { class: "faint", role: "status" });
    this.form = h("form", { class: "sheet", role: "search", onsubmit: (event) => event.preventDefault() }, h("label", {}, "Sheet ", this.sheetField));
  }

  /** Put the list into its place. */
  mount() {
    this.place.setAttribute("aria-label", "Polygons that wait");
    this.place.replaceChildren(this.filters, this.form, this.rows, this.note, this.more);
  }

  /** Start anew with another filter. */
  async reset(filter = {}) {
    Object.assign(this, { items: [], next: null }, filter);
    press(this.filters, this.due);
    this.rows.replaceChildren();
    try {
      await this.load();
      this.onReset();
    } catch (error) {
      this.onError(error);
    }
  }

  /** Fetch the next page; an answer that a newer filter overtook is dropped. */
  async load() {
    const asked = ++this.asked;
    const query = new URLSearchParams({ limit: String(PAGE) });
    if (this.due) query.set("due", this.due);
    if (this.sheet) query.set("sheet", this.sheet);
    if (this.next) query.set("after", this.next);
    const page = await get(`/api/queue?${query}`);
    if (asked !== this.asked) return;
    this.items.push(...page.items);
    this.next = page.next;
    this.rows.append(...page.items.map((item) => this.#row(item)));
    this.more.hidden = !this.next;
    this.note.textContent = this.items.length ? "" : "Nothing waits here.";
    this.mark(this.current);
  }

  #row(item) {
    return h(
      "li",
      { "data-id": item.polygon_id },
      h(
        "a",
        { href: polygonHash(item.polygon_id) },
        h("strong", {}, change(item)),
        h("span", {}, `${squareMetres(item.area_m2)}, ${shortHalf(item.start_half)}`),
        h("span", { class: "faint" }, `Sheet ${item.sheet}, ${item.year}`),
        h("span", { class: `tag due-${item.due.replace(" ", "-")}` }, dueWords(item.due)),
      ),
    );
  }

  #element(id) {
    return [...this.rows.children].find((row) => row.dataset.id === id);
  }

  /** Show which polygon is open. */
  mark(id) {
    this.current = id;
    for (const row of this.rows.children) row.firstChild.removeAttribute("aria-current");
    const link = this.#element(id)?.firstChild;
    link?.setAttribute("aria-current", "true");
    link?.scrollIntoView({ block: "nearest" });
  }

  /** Note the outcome of a decision or of its undoing. */
  settle(id, { state, due }, settled = true) {
    const item = this.items.find((each) => each.polygon_id === id);
    if (!item) return;
    Object.assign(item, { state, due, settled });
    const row = this.#element(id);
    const tag = row.querySelector(".tag");
    tag.className = `tag ${due ? `due-${due.replace(" ", "-")}` : `state-${state}`}`;
    tag.textContent = due ? dueWords(due) : stateWords(state);
    row.classList.toggle("done", settled);
  }

  /** Id of the polygon `step` further on in the list, its next pages included, or null. */
  async neighbour(step) {
    const at = this.items.findIndex((item) => item.polygon_id === this.current) + step;
    if (at >= this.items.length && this.next) await this.load();
    return this.items[at]?.polygon_id ?? null;
  }

  /** Id of the next polygon that nobody here has decided on, from the open one on and then from the top, or null. */
  async nextWaiting() {
    const at = this.items.findIndex((item) => item.polygon_id === this.current);
    const waits = (item) => !item.settled && item.polygon_id !== this.current;
    for (;;) {
      const found = this.items.slice(at + 1).find(waits);
      if (found) return found.polygon_id;
      if (!this.next) return this.items.find(waits)?.polygon_id ?? null;
      await this.load();
    }
  }

  /** Numbers beside the filters. */
  count(counts) {
    const waiting = counts.new + counts["re-review"] + counts["second reviewer"];
    const numbers = { "": waiting, ...counts };
    for (const [index, [key, label]] of FILTERS.entries()) this.filters.children[index].textContent = `${label} ${numbers[key]}`;
  }
}

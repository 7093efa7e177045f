// The sampling view: units of a sample are interpreted blind, from the imagery alone.

import { NoAnswer, get, post } from "./api.js";
import { mayDecide } from "./actions.js";
import { button, byId, h, select } from "./dom.js";
import { half, shortHalf } from "./text.js";

const samplePath = (sample, rest = "") => `/api/samples/${encodeURIComponent(sample)}${rest}`;
const sampleHash = (sample) => `#/samples/${encodeURIComponent(sample)}`;
const LABELS = [["change", "Change"], ["no change", "No change"], ["unsure", "Unsure"]];

export class Samples {
  constructor(page) {
    Object.assign(this, { page, list: byId("list"), subject: byId("subject"), actions: byId("actions"), busy: false });
  }

  /** Come into view, with the list or at the next unit of `sample`. */
  async enter(sample) {
    this.shown = true;
    byId("progress").textContent = "";
    this.samples = await get("/api/samples");
    this.#list(sample);
    if (sample) await this.#next(sample);
    else this.#empty("Choose a sample", this.samples.length ? "Units are shown without what the map says about them." : "No sample has been drawn yet.");
  }

  leave() {
    this.shown = false;
    this.unit = null;
    this.actions.replaceChildren();
  }

  #list(current) {
    this.list.setAttribute("aria-label", "Samples");
    this.list.replaceChildren(
      h("ul", { class: "rows" }, this.samples.map(({ sample, title, units, done }) =>
        h(
          "li",
          {},
          h(
            "a",
            { href: sampleHash(sample), "aria-current": sample === current ? "true" : null },
            h("strong", {}, title || sample),
            h("span", {}, `${done} of ${units} interpreted`),
          ),
        ),
      )),
    );
  }

  #empty(title, text) {
    this.unit = null;
    this.actions.replaceChildren();
    this.subject.replaceChildren(h("h2", {}, title), h("p", {}, text));
  }

  async #next(sample) {
    const unit = await get(samplePath(sample, "/next"));
    if (!this.shown) return;
    if (!unit) {
      this.#empty("This sample is complete", "Every unit has been interpreted.");
      return;
    }
    this.sample = sample;
    this.unit = unit;
    const [first, last] = [unit.period].flat();
    document.title = `Sample unit ${unit.unit} - ${this.page.options.title}`;
    this.subject.replaceChildren(
      h("h2", {}, "Was this place newly sealed?"),
      h("p", { class: "id" }, `Unit ${unit.unit}`),
      h("p", {}, `Period: ${half(first)}${last ? ` to ${half(last)}` : ""}. ${unit.left} left in this sample.`),
      h("p", { class: "faint" }, "Judge the outlined place by the images alone. What the map says about it is not shown."),
    );
    this.#buttons();
    if (this.page.wantsFocus) this.subject.focus({ preventScroll: true });
    this.page.wantsFocus = false;
    await this.page.pair.show({ id: "", images: unit.images, outline: unit.geometry, key: [["standing", "Sample unit"]] });
  }

  #buttons() {
    if (!mayDecide()) {
      this.actions.replaceChildren(h("p", { class: "faint" }, "This account may look, not interpret."));
      return;
    }
    const halves = this.#halves().map((name) => [name, shortHalf(name)]);
    this.form = h(
      "form",
      { class: "decision", "aria-label": "Interpretation", novalidate: true, onsubmit: (event) => event.preventDefault() },
      h(
        "div",
        { class: "pairs" },
        select("If changed, it begins", "start_half", [["", "Choose"], ...halves], ""),
        h("label", { class: "field" }, h("span", {}, "Remark"), h("input", { name: "remark", maxlength: "500", autocomplete: "off" })),
      ),
      h("p", { class: "fault", role: "alert" }),
      h("div", { class: "choices" }, LABELS.map(([label, text], i) => button(text, () => this.send(label), { hint: String(i + 1), kind: "correct" }))),
    );
    this.actions.replaceChildren(this.form);
  }

  #halves() {
    const [first, last] = [this.unit.period].flat();
    return this.page.options.halves.filter((name) => !last || (name >= first && name <= last));
  }

  async send(label) {
    if (this.busy || !this.unit) return;
    const { unit, sample, form } = this;
    const start = form.elements.start_half.value;
    if (label === "change" && !start) {
      form.querySelector(".fault").textContent = "Choose the half-year in which the change begins.";
      form.elements.start_half.focus();
      return;
    }
    this.busy = true;
    for (const each of form.querySelectorAll("button, input, select")) each.disabled = true;
    const body = { label, reason: form.elements.remark.value.trim() };
    if (label === "change") body.start_half = start;
    try {
      await post(samplePath(sample, `/units/${encodeURIComponent(unit.unit)}`), body);
      this.page.say(`Unit ${unit.unit}: ${label}.`);
    } catch (error) {
      // After a lost answer the server's next unit tells whether this one arrived.
      this.page.alarm(error instanceof NoAnswer ? new Error("The server did not answer; it is asked for the unit that is still open.") : error);
    } finally {
      this.busy = false;
      this.page.wantsFocus = true;
      await this.page.guard(this.enter(sample));
    }
  }

  moved() {}

  pick() {}

  key(key) {
    const label = LABELS[Number(key) - 1];
    if (!label || !this.unit || !mayDecide()) return false;
    this.send(label[0]);
    return true;
  }
}

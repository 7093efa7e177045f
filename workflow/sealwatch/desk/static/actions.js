// The buttons and forms below a polygon. While a request is under way all of them are off.

import { session } from "./api.js";
import { button, h, select } from "./dom.js";
import { OutlineEditor } from "./editor.js";
import { shortHalf, squareMetres, words } from "./text.js";

const REASONS = [
  "Bare or freshly tilled soil",
  "Greenhouse or plastic cover",
  "Already sealed before the earlier flight",
  "Temporary: storage or building site",
  "Forest clearing",
  "Water, snow, shadow or cloud",
  "Error of the images or of their position",
];
const OTHER = "Other";

export const mayDecide = () => ["reviewer", "publisher"].includes(session.role);

/** Fills `place`; `send(kind, ...values)` and `go` are given by the page. */
export class Actions {
  constructor(place, pair, options, handlers) {
    Object.assign(this, { place, pair, options, handlers, form: null, editor: null });
  }

  /** Buttons for `polygon`, or nothing to decide with for a reader. */
  show(polygon) {
    this.closeForm(false);
    this.polygon = polygon;
    this.#buttons();
  }

  clear() {
    this.closeForm(false);
    this.polygon = null;
    this.place.replaceChildren();
  }

  /** Turn everything off while a request is under way. */
  wait(waiting) {
    this.place.setAttribute("aria-busy", String(waiting));
    for (const each of this.place.querySelectorAll("button, input, select, textarea")) each.disabled = waiting;
  }

  get canConfirm() {
    const { due, reviewer } = this.polygon ?? {};
    return mayDecide() && (due === "re-review" || (due === "second reviewer" && reviewer !== session.name));
  }

  #buttons() {
    const { go, send } = this.handlers;
    const steps = h("div", { class: "steps" }, button("Previous", () => go(-1), { hint: "p", kind: "quiet" }), button("Next", () => go(1), { hint: "n", kind: "quiet" }));
    if (!mayDecide()) {
      this.place.replaceChildren(h("p", { class: "faint" }, "This account may look, not decide."), steps);
      return;
    }
    const waits = this.polygon.due === "second reviewer" && !this.canConfirm;
    this.place.replaceChildren(
      waits ? h("p", { class: "faint" }, "Your decision waits for a second reviewer.") : "",
      h(
        "div",
        { class: "choices" },
        this.canConfirm ? button(this.polygon.due === "re-review" ? "Keep" : "Confirm", () => send("confirm"), { hint: "y", kind: "confirm" }) : null,
        // Accepting gives an earlier correction up.
        button(this.polygon.state === "corrected" ? "Accept as found" : "Accept", () => send("accept"), { hint: "a", kind: "accept" }),
        button("Reject", () => this.openReject(), { hint: "r", kind: "reject" }),
        button("Correct", () => this.openCorrect(), { hint: "c", kind: "correct" }),
      ),
      h("div", { class: "steps" }, ...steps.childNodes, button("Undo", () => send("undo"), { hint: "u", kind: "quiet" })),
    );
  }

  #open(title, name, fields, submitLabel, onSubmit) {
    const submit = h("button", { type: "submit", class: name }, submitLabel);
    this.form = h(
      "form",
      { class: "decision", novalidate: true, "aria-label": title, onsubmit: (event) => (event.preventDefault(), onSubmit()) },
      h("h3", {}, title),
      fields,
      h("p", { class: "fault", role: "alert" }),
      h("div", { class: "choices" }, button("Cancel", () => this.closeForm(), { hint: "esc", kind: "quiet" }), submit),
    );
    this.place.replaceChildren(this.form);
  }

  /** Close the form, give up its edits and bring the buttons back. */
  closeForm(again = true) {
    this.editor?.close();
    this.form = this.editor = null;
    if (again && this.polygon) {
      this.#buttons();
      this.handlers.focus();
    }
  }

  #fault(text) {
    const fault = this.form.querySelector(".fault");
    fault.textContent = text;
    return text !== "";
  }

  openReject() {
    const radios = [...REASONS, OTHER].map((reason, i) =>
      h("label", { class: "radio" }, h("input", { type: "radio", name: "reason", value: reason }), h("span", {}, reason), h("kbd", { "aria-hidden": "true" }, String(i + 1))),
    );
    this.#open("Why reject?", "reject", [
      h("fieldset", {}, h("legend", {}, "Reason"), radios),
      h("label", { class: "field" }, h("span", {}, "Remark"), h("input", { name: "remark", maxlength: "500", autocomplete: "off" })),
    ], "Reject", () => {
      const reason = this.form.elements.reason.value;
      const remark = this.form.elements.remark.value.trim();
      if (!reason) return this.#fault("Choose a reason.");
      if (reason === OTHER && !remark) return this.#fault("Say in the remark what is wrong.");
      return this.handlers.send("reject", reason === OTHER ? remark : [reason, remark].filter(Boolean).join(". "));
    });
    this.form.elements.reason[0].focus();
  }

  /** Choose the reason with this number, counted from 1. */
  chooseReason(number) {
    const radio = this.form?.elements.reason?.[number - 1];
    if (!radio) return;
    radio.checked = true;
    radio.focus();
  }

  openCorrect() {
    const { polygon } = this;
    const classes = this.options.classes.map((name) => [name, words(name)]);
    const halves = this.options.halves.map((name) => [name, shortHalf(name)]);
    this.outlineTools = h("div", { class: "outline-tools" }, this.#editButton());
    this.#open("Accept with corrections", "correct", [
      h(
        "div",
        { class: "pairs" },
        select("Class before", "from_class", classes, polygon.from_class),
        select("Class after", "to_class", classes, polygon.to_class),
        select("Begins", "start_half", halves.some(([name]) => name === polygon.start_half) ? halves : [[polygon.start_half, shortHalf(polygon.start_half)], ...halves], polygon.start_half),
      ),
      this.outlineTools,
      h("label", { class: "field" }, h("span", {}, "Remark"), h("input", { name: "remark", maxlength: "500", autocomplete: "off" })),
    ], "Save correction", () => this.#sendCorrection());
    this.form.elements.from_class.focus();
  }

  #sendCorrection() {
    const fields = this.form.elements;
    const changed = ["from_class", "to_class", "start_half"].filter((name) => fields[name].value !== this.polygon[name]);
    const outline = this.editor?.changed ? this.editor.outline : null;
    if (!changed.length && !outline) return this.#fault("Nothing is corrected yet. Change a value or the outline, or cancel and accept.");
    if (outline && this.#fault(this.editor.fault)) return undefined;
    // An earlier correction stays where this one says nothing else.
    const before = this.polygon.state === "corrected" ? this.polygon.correction : null;
    const correction = { ...before, ...Object.fromEntries(changed.map((name) => [name, fields[name].value])) };
    const kept = !outline && this.polygon.found ? this.polygon.geometry : outline;
    return this.handlers.send("correct", fields.remark.value.trim(), Object.keys(correction).length ? correction : null, kept);
  }

  #editButton() {
    return button("Edit outline", () => this.editOutline(), { hint: "e", kind: "quiet" });
  }

  /** Let the outline be changed on the map. */
  editOutline() {
    if (!this.form?.elements.from_class || this.editor) return;
    const report = h("output", { class: "vertex" });
    const tools = [
      ["Previous vertex", "p", () => this.editor.choose(-1)],
      ["Next vertex", "n", () => this.editor.choose(1)],
      ["Add", "a", () => this.editor.add()],
      ["Remove", "del", () => this.editor.remove()],
      ["Take back", "ctrl z", () => this.editor.back()],
    ].map(([label, hint, act]) => h("button", { type: "button", class: "quiet small", onclick: act }, h("span", {}, label), h("kbd", { "aria-hidden": "true" }, hint)));
    this.outlineTools.replaceChildren(
      h("p", { class: "faint" }, "Drag a vertex; drag the middle of a side to add one; right-click removes. Arrow keys move the chosen vertex by 0.5 m."),
      h("div", { class: "choices wrap" }, tools),
      report,
    );
    this.editor = new OutlineEditor(this.pair, this.polygon.geometry, this.polygon.area_m2, (editor) => {
      report.textContent = `${editor.place}. Area about ${squareMetres(editor.areaM2)} (was ${squareMetres(this.polygon.area_m2)}). ${editor.fault}`;
    });
    this.pair.stack.focus();
  }
}

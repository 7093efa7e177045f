// Keyboard shortcuts and their list. They never fire while a text is typed, a dialog is open or a modifier is held.

import { button, h } from "./dom.js";

const REVIEW = [
  ["a", "Accept"],
  ["r", "Reject: then 1 to 8 for the reason, Enter to send"],
  ["c", "Correct; then e to edit the outline"],
  ["y", "Confirm another person's decision, or keep one that came back"],
  ["u", "Undo your latest decision"],
  ["n, p", "Next, previous polygon"],
];
const SAMPLE = [["1, 2, 3", "Change, no change, unsure (sampling)"]];
const MAP = [
  ["space", "Before and after in turn"],
  ["s", "Before and after side by side"],
  ["i", "Orthophoto or Sentinel-2"],
  ["o", "Outline: full, faint, off"],
  ["z", "Back to the polygon"],
];
const OUTLINE = [
  ["n, p", "Next, previous vertex"],
  ["arrows", "Move the vertex by 0.5 m; with shift by 5 m"],
  ["a, del", "Add a vertex after it, remove it"],
  ["ctrl z", "Take back the latest edit"],
];
const GENERAL = [
  ["esc", "Close a form or this list"],
  ["?", "This list"],
];
const SWITCH = "shortcuts-off";
const TYPING = "textarea, select, input:not([type=radio], [type=checkbox])";

/** Whether the reviewer switched single-key shortcuts off. */
const switchedOff = () => localStorage.getItem(SWITCH) === "yes";

/** Call `handle(key)` for a pressed key; it returns whether it used it. */
export function listen(handle) {
  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (document.querySelector("dialog[open]") || (target.matches(TYPING) && key !== "Escape")) return;
    if (key === " " && target.closest("button, a, input, [role=slider], summary")) return;
    if (switchedOff() && key !== "Escape") return;
    if (handle(key === " " ? "space" : key)) event.preventDefault();
  });
}

function section(title, rows) {
  return h("table", { class: "facts" }, h("caption", {}, title), h("tbody", {}, rows.map(([key, text]) => h("tr", {}, h("th", { scope: "row" }, h("kbd", {}, key)), h("td", {}, text)))));
}

/** Show the list of shortcuts. */
export function help() {
  const active = h("input", { type: "checkbox", checked: !switchedOff(), onchange: () => localStorage.setItem(SWITCH, active.checked ? "no" : "yes") });
  const dialog = h(
    "dialog",
    { class: "help", "aria-labelledby": "help-title", onclose: () => dialog.remove() },
    h("h2", { id: "help-title" }, "Keyboard shortcuts"),
    h("div", { class: "help-columns" }, section("Decide", [...REVIEW, ...SAMPLE]), section("Map", MAP), section("Outline editor", OUTLINE), section("Everywhere", GENERAL)),
    h("label", { class: "radio" }, active, h("span", {}, "Single-key shortcuts are on")),
    button("Close", () => dialog.close(), { hint: "esc" }),
  );
  document.body.append(dialog);
  dialog.showModal();
}

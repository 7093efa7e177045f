// Elements are made here and nowhere else; texts become text nodes, so no value is ever parsed as HTML.

/** An element: `h("button", {class: "quiet", onclick: f, disabled: true}, "text", otherElement)`. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/** A button with its shortcut shown; `hint` is the key. */
export function button(label, onclick, { hint = "", kind = "", ...attributes } = {}) {
  return h(
    "button",
    { type: "button", class: kind, onclick, "aria-keyshortcuts": hint || null, ...attributes },
    h("span", {}, label),
    hint && h("kbd", { "aria-hidden": "true" }, hint),
  );
}

/** A group of buttons of which one is pressed; `options` are [value, label] and `choose` gets the value. */
export function choice(label, options, value, choose) {
  return h(
    "div",
    { class: "choice", role: "group", "aria-label": label },
    options.map(([key, text]) =>
      h(
        "button",
        { type: "button", "aria-pressed": String(key === value), "data-value": key, onclick: () => choose(key) },
        text,
      ),
    ),
  );
}

/** Press the button of `value` in a group made by `choice`. */
export function press(group, value) {
  for (const each of group.children) each.setAttribute("aria-pressed", String(each.dataset.value === value));
}

/** A labelled select; `options` are [value, label]. */
export function select(label, name, options, value) {
  const field = h(
    "select",
    { name },
    options.map(([key, text]) => h("option", { value: key, selected: key === value }, text)),
  );
  return h("label", { class: "field" }, h("span", {}, label), field);
}

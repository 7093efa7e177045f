// What the panel tells about one polygon.

import { h } from "./dom.js";
import { causeWords, change, dueWords, half, metres, moment, percent, shortHalf, squareMetres, stateWords, words } from "./text.js";

function table(caption, rows) {
  return h(
    "table",
    { class: "facts" },
    h("caption", {}, caption),
    h("tbody", {}, rows.map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value)))),
  );
}

/** Names of the registries in either of two mappings. */
const registries = (polygon) =>
  [...new Set([...Object.keys(polygon.distances_m ?? {}), ...Object.keys(polygon.overlap_shares ?? {})])].sort();

function registryTable(polygon) {
  const names = registries(polygon);
  if (!names.length) return null;
  return h(
    "table",
    { class: "facts columns" },
    h("caption", {}, "Registries"),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Registry"), h("th", { scope: "col" }, "Distance"), h("th", { scope: "col" }, "Overlap"))),
    h("tbody", {}, names.map((name) =>
      h("tr", {}, h("th", { scope: "row" }, words(name)), h("td", {}, metres(polygon.distances_m?.[name])), h("td", {}, percent(polygon.overlap_shares?.[name]))),
    )),
  );
}

/** Both versions side by side where the evidence under a decision changed. */
function bothVersions(polygon) {
  const { decided } = polygon;
  if (polygon.due !== "re-review") return null;
  const latest = polygon.history.findLast((row) => !row.undo && row.state === polygon.state);
  const rows = decided
    ? [
        ["Class before", words(decided.from_class), words(polygon.from_class)],
        ["Class after", words(decided.to_class), words(polygon.to_class)],
        ["Begins", shortHalf(decided.start_half), shortHalf(polygon.start_half)],
        ["Area", squareMetres(decided.area_m2), squareMetres(polygon.area_m2)],
      ]
    : [];
  return h(
    "section",
    { class: "notice", "aria-labelledby": "why" },
    h("h3", { id: "why" }, "Why it is back"),
    h("ul", {}, polygon.cause.map((cause) => h("li", {}, causeWords(cause)))),
    latest && h("p", {}, `${latest.reviewer} had ${stateWords(latest.state).toLowerCase()} it on ${moment(latest.decided_at)}${latest.reason ? `: ${latest.reason}` : "."}`),
    rows.length > 0 &&
      h(
        "table",
        { class: "facts columns versions" },
        h("caption", {}, "Both versions"),
        h("thead", {}, h("tr", {}, h("td", {}), h("th", { scope: "col", class: "decided" }, "Decided"), h("th", { scope: "col", class: "standing" }, "Now"))),
        h("tbody", {}, rows.map(([name, then, now]) =>
          h("tr", { class: then === now ? "" : "differs" }, h("th", { scope: "row" }, name), h("td", {}, then), h("td", {}, now, then !== now && h("span", { class: "differs-mark" }, " changed"))),
        )),
      ),
  );
}

const CORRECTED = { from_class: "class before", to_class: "class after", start_half: "begins" };

function correctionWords(row) {
  const values = Object.entries(row.correction ?? {}).map(
    ([key, value]) => `${CORRECTED[key] ?? key}: ${key === "start_half" ? shortHalf(value) : words(value)}`,
  );
  return [...values, ...(row.redrawn ? ["outline redrawn"] : [])].join("; ");
}

function pastDecisions(polygon) {
  if (!polygon.history.length) return h("p", { class: "faint" }, "Nobody has decided on it yet.");
  return h(
    "ol",
    { class: "history", reversed: true },
    polygon.history.toReversed().map((row) =>
      h(
        "li",
        {},
        h(
          "p",
          {},
          h("strong", {}, row.undo ? `Taken back${row.state === "candidate" ? "" : `, ${row.state} again`}` : stateWords(row.state)),
          ` by ${row.reviewer}, `,
          h("time", { datetime: row.decided_at }, moment(row.decided_at)),
        ),
        row.reason && h("p", {}, row.reason),
        correctionWords(row) && h("p", { class: "faint" }, correctionWords(row)),
      ),
    ),
  );
}

function tags(polygon) {
  const state = polygon.state === "candidate" ? null : h("span", { class: `tag state-${polygon.state}` }, stateWords(polygon.state));
  const due = polygon.due ? h("span", { class: `tag due-${polygon.due.replace(" ", "-")}` }, dueWords(polygon.due)) : null;
  const withdrawn = polygon.withdrawn ? h("span", { class: "tag" }, "No longer found") : null;
  return h("p", { class: "tags" }, due, state, withdrawn);
}

/** All about `polygon`, as elements. */
export function describe(polygon) {
  const earlier = polygon.earlier_flight_date || "none";
  return [
    h("header", {}, tags(polygon), h("h2", {}, change(polygon)), h("p", { class: "id" }, polygon.polygon_id)),
    bothVersions(polygon),
    table("Change", [
      ["Class before", words(polygon.from_class)],
      ["Class after", words(polygon.to_class)],
      ["Begins", half(polygon.start_half)],
      ["Confirmed", half(polygon.confirm_half)],
      ["Orthophoto before", earlier],
      ["Orthophoto after", polygon.flight_date],
    ]),
    polygon.plot &&
      h(
        "figure",
        { class: "plot" },
        h("img", { src: polygon.plot, alt: `Land cover by half-year and month: ${change(polygon)}, ${shortHalf(polygon.start_half)}`, loading: "lazy" }),
        h("figcaption", {}, "Land cover seen by Sentinel-2"),
      ),
    table("Place", [
      ["Area", squareMetres(polygon.area_m2)],
      ["Land use before", polygon.land_use_before || "no entry"],
      ["Municipality", polygon.municipality || "no entry"],
      ["Sheet", `${polygon.sheet}, ${polygon.year}`],
    ]),
    registryTable(polygon),
    table("Evidence", [
      ["Probability of sealed ground", percent(polygon.probability)],
      ["Confidence of the change", percent(polygon.event_confidence)],
      ["Compared with an earlier flight", percent(polygon.earlier_known)],
      ["Change event", polygon.event_id],
    ]),
    h("section", { "aria-labelledby": "past" }, h("h3", { id: "past" }, "History"), pastDecisions(polygon)),
  ].filter(Boolean);
}

/** Key of the lines on the map: [class, text]. */
export function keyOf(polygon) {
  const own =
    polygon.due === "re-review" && polygon.decided
      ? [["standing", "Outline now"], ["decided", "Outline decided on"]]
      : [["standing", polygon.state === "corrected" ? "Outline as corrected" : "Outline"]];
  return [...own, ["waiting", "Other, waiting"], ["held", "Other, accepted"], ["refused", "Other, rejected"]];
}

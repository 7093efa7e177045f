// Values in words, with units.

const INTEGER = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const TENTH = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

const DUE = { new: "New", "re-review": "Re-review", "second reviewer": "Second reviewer" };
const STATE = {
  candidate: "Candidate",
  accepted: "Accepted",
  rejected: "Rejected",
  corrected: "Corrected",
};
const CAUSE = {
  period: "The start of the change is another half-year.",
  transition: "The class before or after is another one.",
  area: "The area differs by more than the limit set for this map.",
  place: "Less than half of the outline decided on is still covered.",
  vanished: "The latest run no longer finds this polygon.",
  returned: "The latest run finds this polygon again.",
  evidence: "Something changed; the version decided on was not kept.",
};

/** "HerbaceousVegetation" as "Herbaceous vegetation", "planned_land_use" as "Planned land use". */
export function words(name) {
  if (name === "SeaLake") return "Sea or lake";
  const spaced = String(name).replace(/([a-z])([A-Z])/g, "$1 $2").replaceAll("_", " ").trim().toLowerCase();
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

export const dueWords = (due) => DUE[due] ?? words(due);
export const stateWords = (state) => STATE[state] ?? words(state);
export const causeWords = (cause) => CAUSE[cause] ?? words(cause);

/** "2022H1" as "2022 H1 (Jan to Jun)". */
export function half(name) {
  const parts = /^(\d{4})H([12])$/.exec(name ?? "");
  return parts ? `${parts[1]} H${parts[2]} (${parts[2] === "1" ? "Jan to Jun" : "Jul to Dec"})` : (name || "none");
}

/** "2022H1" as "2022 H1". */
export const shortHalf = (name) => (name || "none").replace("H", " H");

export const squareMetres = (value) => (value == null ? "none" : `${INTEGER.format(value)} m²`);
export const metres = (value) =>
  value == null ? "none within reach" : `${(value < 10 ? TENTH : INTEGER).format(value)} m`;
export const percent = (share) => (share == null ? "none" : `${TENTH.format(100 * share)} %`);
export const change = (item) => `${words(item.from_class)} → ${words(item.to_class)}`;

/** A moment in the reader's own time zone. */
export const moment = (iso) =>
  new Date(iso).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });

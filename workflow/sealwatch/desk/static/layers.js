// Style of the maps: no glyphs, sprites or basemap, so nothing is asked of another host.
// Colours of Okabe and Ito (2008), each line on a dark casing, so that it is seen on bright roofs and dark woods.

export const OUTLINE_MODES = ["full", "faint", "hidden"];
export const STYLE = {
  version: 8,
  sources: {},
  layers: [{ id: "ground", type: "background", paint: { "background-color": "#d5dbdf" } }],
};

const STANDING = "#56b4e9";
const DECIDED = "#e69f00";
const EDITED = "#f0e442";
const CASING = "#10202c";
const OPACITY = { full: 1, faint: 0.35, hidden: 0 };
const SWITCHED = ["standing-casing", "standing-line", "decided-casing", "decided-line", "neighbour-line"];

const empty = () => ({ type: "FeatureCollection", features: [] });

/** A geometry, or none, as a collection. */
export const features = (geometry) =>
  geometry ? { type: "FeatureCollection", features: [{ type: "Feature", properties: {}, geometry }] } : empty();

function line(id, source, color, width, extra = {}) {
  return { id, type: "line", source, layout: { "line-join": "round" }, paint: { "line-color": color, "line-width": width, ...extra } };
}

export function addOutlines(map) {
  for (const name of ["neighbours", "decided", "standing", "edited", "vertices"])
    map.addSource(name, { type: "geojson", data: empty() });
  const state = ["case", ["!=", ["get", "due"], ""], "#ffffff", ["==", ["get", "state"], "rejected"], "#9aa5ad", "#009e73"];
  const layers = [
    { id: "neighbour-fill", type: "fill", source: "neighbours", paint: { "fill-opacity": 0 } },
    line("neighbour-line", "neighbours", state, 1.5),
    { id: "neighbour-dot", type: "circle", source: "neighbours", maxzoom: 13, paint: { "circle-radius": 3, "circle-color": state, "circle-stroke-color": CASING, "circle-stroke-width": 1 } },
    line("decided-casing", "decided", CASING, 5, { "line-opacity": 0.7 }),
    line("standing-casing", "standing", CASING, 5.5, { "line-opacity": 0.7 }),
    line("standing-line", "standing", STANDING, 2.75),
    // Dashes above the other line, so that both are seen where they run together.
    line("decided-line", "decided", DECIDED, 2.75, { "line-dasharray": [3, 2] }),
    { id: "edited-fill", type: "fill", source: "edited", paint: { "fill-color": EDITED, "fill-opacity": 0.12 } },
    line("edited-casing", "edited", CASING, 5),
    line("edited-line", "edited", EDITED, 2.5),
    {
      id: "vertices",
      type: "circle",
      source: "vertices",
      paint: {
        "circle-radius": ["match", ["get", "kind"], "chosen", 8, "middle", 3.5, 5.5],
        "circle-color": ["match", ["get", "kind"], "chosen", EDITED, "middle", EDITED, "#ffffff"],
        "circle-stroke-color": CASING,
        "circle-stroke-width": ["match", ["get", "kind"], "middle", 1, 2],
      },
    },
  ];
  for (const layer of layers) map.addLayer(layer);
}

/** Draw the outlines in full, faintly or not at all. */
export function setMode(map, mode) {
  for (const id of SWITCHED) {
    const casing = id.endsWith("casing") ? 0.7 : 1;
    map.setPaintProperty(id, "line-opacity", casing * OPACITY[mode]);
  }
}

/** [w, s, e, n] of a Polygon or MultiPolygon. */
export function bounds(geometry) {
  const points = geometry.coordinates.flat(geometry.type === "Polygon" ? 1 : 2);
  const [x, y] = [points.map((point) => point[0]), points.map((point) => point[1])];
  return [Math.min(...x), Math.min(...y), Math.max(...x), Math.max(...y)];
}

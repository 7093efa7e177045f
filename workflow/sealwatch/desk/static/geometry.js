// Plane geometry of outlines in degrees; distances small enough for one scale per outline.

const METRES_PER_DEGREE = 111320;

/** Degrees of longitude and latitude per metre at this latitude. */
export const degreesPerMetre = (latitude) => [
  1 / (METRES_PER_DEGREE * Math.cos((latitude * Math.PI) / 180)),
  1 / METRES_PER_DEGREE,
];

/** Rings of a (multi)polygon of one polygon, without the repeated last point. */
export function ringsOf(geometry) {
  const polygon = geometry.type === "MultiPolygon" ? geometry.coordinates[0] : geometry.coordinates;
  return polygon.map((ring) => ring.slice(0, -1).map(([x, y]) => [x, y]));
}

/** The same as a GeoJSON Polygon. */
export const polygonOf = (rings) => ({
  type: "Polygon",
  coordinates: rings.map((ring) => [...ring, ring[0]]),
});

/** Area in square degrees, holes taken off. */
export function area(rings) {
  const one = (ring) =>
    Math.abs(ring.reduce((sum, [x, y], i) => {
      const [u, v] = ring[(i + 1) % ring.length];
      return sum + (x - ring[0][0]) * (v - ring[0][1]) - (u - ring[0][0]) * (y - ring[0][1]);
    }, 0)) / 2;
  return rings.slice(1).reduce((sum, ring) => sum - one(ring), one(rings[0]));
}

const side = (a, b, c) => Math.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]));
const cross = (a, b, c, d) => side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0;

/** Whether any two sides cross, within a ring or between rings. */
export function crossesItself(rings) {
  const sides = rings.flatMap((ring) => ring.map((point, i) => [point, ring[(i + 1) % ring.length]]));
  return sides.some(([a, b], i) => sides.slice(i + 1).some(([c, d]) => cross(a, b, c, d)));
}

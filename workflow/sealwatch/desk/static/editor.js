// An outline edited on the map: by pointer (drag, add, remove) or by keys alone.

import { features } from "./layers.js";
import { area, crossesItself, degreesPerMetre, polygonOf, ringsOf } from "./geometry.js";

const REACH_PIXELS = { mouse: 10, pen: 14, touch: 24 };

/** Edits `geometry` on an ImagePair; `onChange(editor)` after every change. */
export class OutlineEditor {
  constructor(pair, geometry, areaM2, onChange) {
    this.pair = pair;
    this.rings = ringsOf(geometry);
    this.parts = geometry.type === "MultiPolygon" ? geometry.coordinates.length : 1;
    this.scaleM2 = areaM2 / area(this.rings);
    this.start = JSON.stringify(this.rings);
    this.steps = [];
    this.chosen = [0, 0];
    this.onChange = onChange;
    this.end = new AbortController();
    const { stack, maps } = pair;
    const signal = this.end.signal;
    stack.addEventListener("pointerdown", (event) => this.#press(event), { capture: true, signal });
    stack.addEventListener("contextmenu", (event) => event.preventDefault(), { signal });
    stack.addEventListener("keydown", (event) => this.#key(event), { capture: true, signal });
    stack.classList.add("editing");
    stack.tabIndex = 0;
    stack.setAttribute("role", "application");
    stack.setAttribute("aria-label", "Outline editor. N and P choose a vertex, arrow keys move it by half a metre, with shift by five; A adds, Delete removes, control Z takes back.");
    pair.editing = true;
    for (const map of Object.values(maps)) {
      map.keyboard.disable();
      map.doubleClickZoom.disable();
    }
    this.#draw();
  }

  get changed() {
    return JSON.stringify(this.rings) !== this.start;
  }

  /** Square metres, scaled from the area measured by the database. */
  get areaM2() {
    return area(this.rings) * this.scaleM2;
  }

  /** What keeps this outline from being sent, or "". */
  get fault() {
    if (this.parts > 1) return "This outline has several parts; redraw it in QGIS.";
    return crossesItself(this.rings) ? "The outline crosses itself." : "";
  }

  get outline() {
    return polygonOf(this.rings);
  }

  get place() {
    const [ring, index] = this.chosen;
    return `Vertex ${index + 1} of ${this.rings[ring].length}${ring ? `, hole ${ring}` : ""}`;
  }

  close() {
    this.end.abort();
    const { stack, maps } = this.pair;
    stack.classList.remove("editing");
    for (const name of ["tabindex", "role", "aria-label"]) stack.removeAttribute(name);
    this.pair.editing = false;
    for (const map of Object.values(maps)) {
      map.keyboard.enable();
      map.doubleClickZoom.enable();
      for (const name of ["edited", "vertices"]) map.getSource(name).setData(features(null));
    }
  }

  /** Choose the vertex `step` further on, through all rings. */
  choose(step) {
    const all = this.rings.flatMap((ring, r) => ring.map((_, i) => [r, i]));
    const at = all.findIndex(([r, i]) => r === this.chosen[0] && i === this.chosen[1]);
    this.chosen = all[(at + step + all.length) % all.length];
    this.#draw();
  }

  /** Move the chosen vertex by metres to the east and north. */
  move(east, north) {
    this.#keep();
    const [ring, index] = this.chosen;
    const [x, y] = this.rings[ring][index];
    const [dx, dy] = degreesPerMetre(y);
    this.rings[ring][index] = [x + east * dx, y + north * dy];
    this.#draw();
  }

  /** A vertex in the middle of the side after the chosen one; it becomes the chosen one. */
  add() {
    this.#keep();
    const [ring, index] = this.chosen;
    this.#insert(ring, index, this.#middle(ring, index));
    this.#draw();
  }

  /** Remove the chosen vertex; a hole of three goes as a whole, an outer ring keeps three. */
  remove() {
    const [ring, index] = this.chosen;
    const small = this.rings[ring].length <= 3;
    if (small && ring === 0) return;
    this.#keep();
    if (small) this.rings.splice(ring, 1);
    else this.rings[ring].splice(index, 1);
    this.chosen = small ? [0, 0] : [ring, Math.max(0, index - 1)];
    this.#draw();
  }

  back() {
    if (!this.steps.length) return;
    ({ rings: this.rings, chosen: this.chosen } = JSON.parse(this.steps.pop()));
    this.#draw();
  }

  #keep() {
    this.steps.push(JSON.stringify({ rings: this.rings, chosen: this.chosen }));
  }

  #middle(ring, index) {
    const [a, b] = [this.rings[ring][index], this.rings[ring][(index + 1) % this.rings[ring].length]];
    return [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
  }

  #insert(ring, index, point) {
    this.rings[ring].splice(index + 1, 0, point);
    this.chosen = [ring, index + 1];
  }

  /** The vertex, or middle of a side, under the pointer: [ring, index, isMiddle] or null. */
  #under(x, y, reach) {
    const map = this.pair.maps.after;
    let best = null;
    let nearest = reach;
    this.rings.forEach((ring, r) =>
      ring.forEach((vertex, i) => {
        for (const [point, middle] of [[vertex, false], [this.#middle(r, i), true]]) {
          const at = map.project(point);
          const distance = Math.hypot(at.x - x, at.y - y) + (middle ? 2 : 0);
          if (distance < nearest) [nearest, best] = [distance, [r, i, middle]];
        }
      }),
    );
    return best;
  }

  #press(event) {
    if (event.target.closest(".handle, button")) return;
    const { left, top } = this.pair.stack.getBoundingClientRect();
    const found = this.#under(event.clientX - left, event.clientY - top, REACH_PIXELS[event.pointerType] ?? 10);
    if (!found) return;
    event.stopPropagation();
    const [ring, index, middle] = found;
    this.chosen = [ring, index];
    if (event.button === 2) {
      if (!middle) this.remove();
      return;
    }
    this.#keep();
    if (middle) this.#insert(ring, index, this.#middle(ring, index));
    this.#draw();
    this.#drag(event, left, top, middle);
  }

  #drag(event, left, top, added) {
    const { stack, maps } = this.pair;
    const { after } = maps;
    const follow = new AbortController();
    let moved = added;
    for (const map of Object.values(maps)) map.dragPan.disable();
    stack.setPointerCapture(event.pointerId);
    stack.addEventListener("pointermove", ({ clientX, clientY }) => {
      if (!moved && Math.hypot(clientX - event.clientX, clientY - event.clientY) < 3) return;
      moved = true;
      const { lng, lat } = after.unproject([clientX - left, clientY - top]);
      this.rings[this.chosen[0]][this.chosen[1]] = [lng, lat];
      this.#draw();
    }, { signal: follow.signal });
    stack.addEventListener("lostpointercapture", () => {
      follow.abort();
      if (!moved) this.steps.pop();
      for (const map of Object.values(maps)) map.dragPan.enable();
    }, { signal: follow.signal });
  }

  #key(event) {
    const metres = event.shiftKey ? 5 : 0.5;
    const actions = {
      ArrowLeft: () => this.move(-metres, 0),
      ArrowRight: () => this.move(metres, 0),
      ArrowUp: () => this.move(0, metres),
      ArrowDown: () => this.move(0, -metres),
      n: () => this.choose(1),
      p: () => this.choose(-1),
      a: () => this.add(),
      Delete: () => this.remove(),
      Backspace: () => this.remove(),
    };
    const action = (event.ctrlKey || event.metaKey) && event.key === "z" ? () => this.back() : actions[event.key];
    if (!action || event.altKey || event.target.closest(".handle, button")) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  #draw() {
    const point = (kind, coordinates) => ({ type: "Feature", properties: { kind }, geometry: { type: "Point", coordinates } });
    const dots = this.rings.flatMap((ring, r) =>
      ring.flatMap((vertex, i) => [
        point("middle", this.#middle(r, i)),
        point(r === this.chosen[0] && i === this.chosen[1] ? "chosen" : "vertex", vertex),
      ]),
    );
    for (const map of Object.values(this.pair.maps)) {
      map.getSource("edited").setData(features(this.outline));
      map.getSource("vertices").setData({ type: "FeatureCollection", features: dots });
    }
    this.onChange(this);
  }
}

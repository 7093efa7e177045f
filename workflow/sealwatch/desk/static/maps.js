// Two maps of the same place, one upon the other, with a handle that clips the upper one.

import { button, choice, h, press } from "./dom.js";
import { OUTLINE_MODES, STYLE, addOutlines, bounds, features, setMode } from "./layers.js";

const KINDS = { orthophoto: "Orthophoto", sentinel2: "Sentinel-2" };
const HINTS = {
  orthophoto: "false colour (near infrared, red, green): plants look red",
  sentinel2: "natural colour",
};
const SIDES = ["before", "after"];
const CLOSEST_ZOOM = 18.5;

/** `frame`: the element to fill; `onPick(id)`: a neighbouring polygon was clicked; `onMove(map)`: the view changed. */
export class ImagePair {
  constructor(frame, { onPick, onMove, onLost }) {
    this.frame = frame;
    this.position = 50;
    this.kind = "orthophoto";
    this.mode = "full";
    this.images = {};
    this.editing = false;
    this.#build();
    this.maps = {};
    for (const side of SIDES) this.maps[side] = this.#map(side, onLost);
    this.#tie(this.maps.before, this.maps.after);
    this.#tie(this.maps.after, this.maps.before);
    this.ready = Promise.all(SIDES.map((side) => this.maps[side].once("load"))).then(() => {
      for (const side of SIDES) addOutlines(this.maps[side]);
      this.maps.after.on("moveend", () => onMove(this.maps.after));
      this.maps.after.on("click", (event) => this.#pick(event, onPick));
    });
    const scale = new maplibregl.ScaleControl({ maxWidth: 110 });
    this.corner.append(scale.onAdd(this.maps.after));
  }

  #build() {
    this.sides = Object.fromEntries(SIDES.map((side) => [side, h("div", { class: `map ${side}` })]));
    this.labels = Object.fromEntries(SIDES.map((side) => [side, h("p", { class: `label ${side}` })]));
    this.handle = h("div", {
      class: "handle",
      role: "slider",
      tabindex: "0",
      "aria-label": "Divider between before (left) and after (right)",
      "aria-valuemin": "0",
      "aria-valuemax": "100",
      onkeydown: (event) => this.#slide(event),
      onpointerdown: (event) => this.#drag(event),
    });
    this.kinds = choice("Imagery (key i)", Object.entries(KINDS), this.kind, (kind) => this.setKind(kind));
    this.views = choice(
      "Side shown (space)",
      [["100", "Before"], ["50", "Split"], ["0", "After"]],
      "50",
      (value) => this.setPosition(Number(value)),
    );
    this.outlineButton = button("Outline", () => this.cycleOutline(), { hint: "o", kind: "quiet outline-mode" });
    this.corner = h("div", { class: "corner" });
    this.key = h("ul", { class: "key", "aria-label": "Key of the lines" });
    this.zooms = h(
      "div",
      { class: "zooms" },
      h("button", { type: "button", "aria-label": "Zoom in", onclick: () => this.maps.after.zoomIn() }, "+"),
      h("button", { type: "button", "aria-label": "Zoom out", onclick: () => this.maps.after.zoomOut() }, "−"),
      h("button", { type: "button", "aria-label": "Back to the polygon", "aria-keyshortcuts": "z", class: "fit", onclick: () => this.fit() }),
    );
    this.stack = h("div", { class: "stack" }, this.sides.before, this.sides.after, this.handle, this.labels.before, this.labels.after, this.zooms, this.key, this.corner);
    this.frame.replaceChildren(h("div", { class: "tools" }, this.kinds, this.views, this.outlineButton), this.stack);
    this.setPosition(50);
  }

  #map(side, onLost) {
    const map = new maplibregl.Map({
      container: this.sides[side],
      style: structuredClone(STYLE),
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      maxPitch: 0,
      maxZoom: 21,
      fadeDuration: 0,
      renderWorldCopies: false,
      locale: { "Map.Title": `Map ${side}; arrow keys move it, plus and minus zoom` },
    });
    map.touchZoomRotate.disableRotation();
    map.keyboard.disableRotation();
    // The maps move together: one stop for the tab key is enough.
    if (side === "before") map.getCanvas().tabIndex = -1;
    map.on("error", ({ error }) => onLost(error));
    map.on("idle", () => this.labels[side].classList.remove("loading"));
    return map;
  }

  #tie(leader, follower) {
    leader.on("move", () => {
      if (this.moving) return;
      this.moving = true;
      follower.jumpTo({ center: leader.getCenter(), zoom: leader.getZoom() });
      this.moving = false;
    });
  }

  #pick(event, onPick) {
    if (this.editing) return;
    const box = [[event.point.x - 6, event.point.y - 6], [event.point.x + 6, event.point.y + 6]];
    const found = this.maps.after.queryRenderedFeatures(box, { layers: ["neighbour-fill", "neighbour-dot"] });
    if (found.length) onPick(found[0].properties.polygon_id);
  }

  #slide(event) {
    const steps = { ArrowLeft: -2, ArrowDown: -2, ArrowRight: 2, ArrowUp: 2, PageDown: -10, PageUp: 10, Home: -100, End: 100 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    event.stopPropagation();
    this.setPosition(this.position + steps[event.key]);
  }

  #drag(event) {
    event.preventDefault();
    this.handle.focus();
    this.handle.setPointerCapture(event.pointerId);
    const move = ({ clientX }) => {
      const { left, width } = this.stack.getBoundingClientRect();
      this.setPosition((100 * (clientX - left)) / width);
    };
    this.handle.addEventListener("pointermove", move);
    this.handle.addEventListener("lostpointercapture", () => this.handle.removeEventListener("pointermove", move), { once: true });
  }

  /** Show `position` % of the width, from the left, as it was before. */
  setPosition(position) {
    this.position = Math.round(Math.min(100, Math.max(0, position)));
    this.sides.after.style.clipPath = `inset(0 0 0 ${this.position}%)`;
    this.handle.style.left = `${this.position}%`;
    this.handle.setAttribute("aria-valuenow", String(this.position));
    this.handle.setAttribute("aria-valuetext", `${this.position} % before, ${100 - this.position} % after`);
    this.labels.before.hidden = this.position === 0;
    this.labels.after.hidden = this.position === 100;
    press(this.views, String(this.position));
  }

  /** Before and after in turn. */
  toggle() {
    this.setPosition(this.position === 100 ? 0 : 100);
    return this.position === 100 ? "Before" : "After";
  }

  /** Line, faint line, none. */
  cycleOutline() {
    this.mode = OUTLINE_MODES[(OUTLINE_MODES.indexOf(this.mode) + 1) % OUTLINE_MODES.length];
    for (const side of SIDES) setMode(this.maps[side], this.mode);
    this.outlineButton.firstChild.textContent = { full: "Outline", faint: "Outline: faint", hidden: "Outline: off" }[this.mode];
    return this.mode;
  }

  otherKind() {
    this.setKind(this.kind === "orthophoto" ? "sentinel2" : "orthophoto");
    return KINDS[this.kind];
  }

  setKind(kind) {
    this.kind = kind;
    press(this.kinds, kind);
    for (const side of SIDES) this.#image(side);
  }

  #image(side) {
    const name = this.images[`${this.kind}_${side}`] ? `${this.kind}_${side}` : `sentinel2_${side}`;
    const image = this.images[name];
    const kind = name.startsWith("sentinel2") ? "sentinel2" : "orthophoto";
    const title = side === "before" ? "Before" : "After";
    const missing = kind !== this.kind && !this.kinds.hidden ? "no orthophoto of this time; " : "";
    this.labels[side].replaceChildren(
      h("strong", {}, title),
      image ? ` ${image.date} ` : " ",
      h("span", {}, image ? `${missing}${KINDS[kind]}${image.platform ? ` ${image.platform}` : ""}, ${HINTS[kind]}` : "no image"),
    );
    const map = this.maps[side];
    if (map.getLayer("image")) map.removeLayer("image");
    if (map.getSource("image")) map.removeSource("image");
    this.labels[side].classList.toggle("loading", Boolean(image));
    if (!image) return;
    map.addSource("image", {
      type: "raster",
      tiles: [location.origin + image.tiles],
      tileSize: 256,
      bounds: image.bounds,
      minzoom: image.minzoom ?? 0,
      maxzoom: image.maxzoom ?? 22,
    });
    map.addLayer({ id: "image", type: "raster", source: "image", paint: { "raster-fade-duration": 0, "raster-resampling": kind === "sentinel2" ? "nearest" : "linear" } }, "neighbour-fill");
  }

  /** Show one subject: its `images`, `outline` (GeoJSON) and, for a re-review, the outline `decided` on. */
  async show({ id, images, outline, decided = null, key = [] }) {
    await this.ready;
    const same = this.images === images;
    this.images = images;
    // Without orthophotos, as in samples, there is nothing to choose.
    this.kinds.hidden = !Object.keys(images).some((name) => name.startsWith("orthophoto"));
    this.outline = outline;
    this.key.replaceChildren(...key.map(([name, label]) => h("li", { class: name }, label)));
    if (!same) for (const side of SIDES) this.#image(side);
    for (const side of SIDES) {
      const map = this.maps[side];
      map.getSource("standing").setData(features(outline));
      map.getSource("decided").setData(features(decided));
      for (const layer of ["neighbour-fill", "neighbour-line", "neighbour-dot"])
        map.setFilter(layer, ["!=", ["get", "polygon_id"], id]);
    }
    this.fit();
  }

  setNeighbours(collection) {
    for (const side of SIDES) this.maps[side].getSource("neighbours")?.setData(collection);
  }

  /** The view on the subject, or on `box` [w, s, e, n]. */
  fit(box = this.outline && bounds(this.outline)) {
    if (!box) return;
    const { width, height } = this.stack.getBoundingClientRect();
    const padding = Math.round(Math.min(width, height) * 0.28);
    this.maps.after.fitBounds([box.slice(0, 2), box.slice(2)], { padding, maxZoom: CLOSEST_ZOOM, animate: false });
  }
}

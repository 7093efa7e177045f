// The review view: one polygon of the queue after the other.

import { ApiError, get, polygonPath } from "./api.js";
import { Actions, mayDecide } from "./actions.js";
import { accept, confirm, correct, reject, undo } from "./decisions.js";
import { byId, h } from "./dom.js";
import { Queue, polygonHash } from "./queue.js";
import { describe, keyOf } from "./subject.js";
import { change, stateWords } from "./text.js";

const SENDERS = { accept, reject, correct, confirm };
const NEIGHBOURS = 2000;
const SETTLE_MS = 250;

export class Review {
  constructor(page) {
    this.page = page;
    this.subject = byId("subject");
    this.decided = [];
    this.busy = false;
    this.queue = new Queue(byId("list"), { onReset: () => this.#first(), onError: page.alarm });
    this.actions = new Actions(byId("actions"), page.pair, page.options, {
      send: (kind, ...values) => (kind === "undo" ? this.undo() : this.#send(kind, values)),
      go: (step) => this.go(step),
      focus: () => this.subject.focus(),
    });
  }

  /** Come into view, at polygon `id` or at the first of the queue. */
  async enter(id) {
    if (!this.shown) {
      this.shown = true;
      this.queue.mount();
      this.#count();
      this.filled = this.queue.items.length ? null : this.queue.load();
    }
    await Promise.all([this.filled, id && this.open(id)]);
    if (!id) this.#first();
  }

  leave() {
    this.shown = false;
    clearTimeout(this.timer);
    this.polygon = null;
    this.actions.clear();
    this.page.pair.setNeighbours({ type: "FeatureCollection", features: [] });
  }

  #first() {
    const id = this.queue.items[0]?.polygon_id;
    if (id) location.hash = polygonHash(id);
    else if (!this.polygon) this.#nothing();
  }

  #nothing() {
    this.actions.clear();
    this.subject.replaceChildren(h("h2", {}, "Nothing waits here"), h("p", {}, "Choose another filter, or a polygon on the map."));
    this.page.pair.ready.then(() => this.page.pair.fit(this.page.options.bounds));
  }

  /** Fetch and show one polygon. */
  async open(id) {
    const asked = (this.asked = Symbol(id));
    this.actions.wait(true);
    const polygon = await get(polygonPath(id));
    if (asked !== this.asked || !this.shown) return;
    this.polygon = polygon;
    this.subject.replaceChildren(...describe(polygon));
    this.subject.parentElement.scrollTop = this.subject.scrollTop = 0;
    this.actions.show(polygon);
    this.actions.wait(false);
    this.queue.mark(id);
    document.title = `${change(polygon)}, ${id} - ${this.page.options.title}`;
    if (!document.activeElement || document.activeElement === document.body || this.page.wantsFocus) this.subject.focus({ preventScroll: true });
    this.page.wantsFocus = false;
    const decided = polygon.due === "re-review" ? (polygon.decided?.geometry ?? null) : null;
    await this.page.pair.show({ id, images: polygon.images, outline: polygon.geometry, decided, key: keyOf(polygon) });
  }

  async go(step) {
    if (this.busy) return;
    try {
      const id = await this.queue.neighbour(step);
      if (id) this.#jump(id);
      else this.page.say(step > 0 ? "This is the last one." : "This is the first one.");
    } catch (error) {
      this.page.alarm(error);
    }
  }

  #jump(id) {
    this.page.wantsFocus = true;
    const hash = polygonHash(id);
    if (location.hash === hash) return this.page.guard(this.open(id));
    location.hash = hash;
    return null;
  }

  async #send(kind, values) {
    const { polygon } = this;
    if (this.busy || !polygon) return;
    await this.#exclusively(async () => {
      const outcome = await SENDERS[kind](polygon, ...values);
      this.decided.push(polygon.polygon_id);
      this.queue.settle(polygon.polygon_id, outcome);
      const waits = outcome.due === "second reviewer" ? ", waits for a second reviewer" : "";
      this.page.say(`${stateWords(outcome.state)}${waits}: ${change(polygon)}, ${polygon.polygon_id}.`, ["Undo", () => this.undo()]);
      this.actions.closeForm(false);
      const next = await this.queue.nextWaiting();
      if (next) this.#jump(next);
      else {
        await this.open(polygon.polygon_id);
        this.page.say("That was the last one: nothing else waits here.", ["Undo", () => this.undo()]);
      }
    }, polygon);
  }

  /** Take back the latest decision of this sitting, or else one's own on the open polygon. */
  async undo() {
    const id = this.decided.at(-1) ?? this.polygon?.polygon_id;
    if (this.busy || !id || !mayDecide()) return;
    await this.#exclusively(async () => {
      const outcome = await undo(id);
      this.decided.pop();
      this.queue.settle(id, outcome, false);
      this.page.say(`Taken back: ${id}.`);
      this.#jump(id);
    }, { polygon_id: id });
  }

  /** One request at a time; a refusal because of newer facts shows them. */
  async #exclusively(act, { polygon_id: id }) {
    this.busy = true;
    this.actions.wait(true);
    try {
      await act();
    } catch (error) {
      this.page.alarm(error);
      if (error instanceof ApiError && error.status === 409) {
        this.decided = this.decided.filter((each) => each !== id);
        await this.page.guard(this.open(id));
      }
    } finally {
      this.busy = false;
      if (this.polygon) this.actions.wait(false);
      this.#count();
    }
  }

  async #count() {
    try {
      const counts = await get("/api/counts");
      this.queue.count(counts);
      byId("progress").textContent = `${counts.accepted} accepted, ${counts.corrected} corrected, ${counts.rejected} rejected`;
    } catch (error) {
      this.page.alarm(error);
    }
  }

  /** Outlines of the polygons in view, once the map has come to rest. */
  moved(map) {
    clearTimeout(this.timer);
    if (!this.shown) return;
    this.timer = setTimeout(async () => {
      const limits = [180, 90, 180, 90];
      const box = map.getBounds().toArray().flat().map((degree, i) => Math.max(-limits[i], Math.min(limits[i], degree)).toFixed(6)).join(",");
      try {
        const found = await get(`/api/polygons?${new URLSearchParams({ bbox: box, limit: String(NEIGHBOURS) })}`);
        if (this.shown) this.page.pair.setNeighbours(found);
      } catch (error) {
        this.page.alarm(error);
      }
    }, SETTLE_MS);
  }

  pick(id) {
    this.#jump(id);
  }

  key(key) {
    if (key === "?" || this.busy) return false;
    const { actions } = this;
    if (actions.form) {
      if (key === "Escape") actions.closeForm();
      else if (key === "e") actions.editOutline();
      else if (/^[1-9]$/.test(key)) actions.chooseReason(Number(key));
      else return false;
      return true;
    }
    const moves = { n: () => this.go(1), p: () => this.go(-1) };
    const decisions = { a: () => this.#send("accept", []), r: () => actions.openReject(), c: () => actions.openCorrect(), u: () => this.undo() };
    if (actions.canConfirm) decisions.y = () => this.#send("confirm", []);
    const act = moves[key] ?? (mayDecide() && this.polygon && this.#isOpen() ? decisions[key] : null);
    act?.();
    return Boolean(act);
  }

  /** Whether the polygon of the address is the one shown: keys never decide on one that is still on its way. */
  #isOpen() {
    return location.hash === polygonHash(this.polygon.polygon_id);
  }
}

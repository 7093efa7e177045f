// Start, addresses, sign-in and messages; the views do the rest.

import { ApiError, get, onExpiry, resume, session, signOut } from "./api.js";
import { byId, h } from "./dom.js";
import { help, listen } from "./keys.js";
import { ImagePair } from "./maps.js";
import { Review } from "./review.js";
import { Samples } from "./samples.js";
import { askForSignIn } from "./signin.js";

const SAID_MS = 8000;
const VIEWS = [["#/", "Review"], ["#/samples", "Sampling"]];

const page = { options: null, pair: null, wantsFocus: false, say, alarm, guard };
let views;
let view;

/** Tell an outcome, with one thing to do about it. */
function say(text, action) {
  byId("outcome").replaceChildren(h("span", {}, text), ...(action ? [h("button", { type: "button", class: "quiet", onclick: action[1] }, action[0])] : []));
  clearTimeout(say.timer);
  say.timer = setTimeout(() => byId("outcome").replaceChildren(), SAID_MS);
}

/** Tell what went wrong; it stays until it is closed or something else is shown. */
function alarm(error) {
  if (!(error instanceof Error)) throw error;
  byId("alarm").replaceChildren(
    h("span", {}, error.message),
    h("button", { type: "button", class: "quiet", "aria-label": "Close this message", onclick: () => byId("alarm").replaceChildren() }, "Close"),
  );
}

/** Await `work` and tell its failure. */
async function guard(work) {
  try {
    await work;
  } catch (error) {
    alarm(error);
  }
}

function tilesLost(error) {
  if (error?.status === 401) askForSignIn().then(() => location.reload());
  else if (error?.status >= 500 || error?.status === 0) alarm(new Error("Some of the imagery could not be loaded."));
}

async function route() {
  const [, name = "", id = ""] = location.hash.split("/").map(decodeURIComponent);
  const wanted = name === "samples" ? views.samples : views.review;
  byId("alarm").replaceChildren();
  document.body.classList.remove("list-open");
  byId("open-list").setAttribute("aria-expanded", "false");
  if (view !== wanted) {
    view?.leave();
    view = wanted;
    byId("views").replaceChildren(...VIEWS.map(([href, text]) => h("a", { href, "aria-current": (href !== "#/") === (view === views.samples) ? "page" : null }, text)));
  }
  try {
    await view.enter(id);
  } catch (error) {
    alarm(error);
    if (error instanceof ApiError && error.status === 404) byId("subject").replaceChildren(h("h2", {}, "Not found"), h("p", {}, error.message));
  }
}

function pressed(key) {
  const { pair } = page;
  if (view.key(key)) return true;
  const shared = {
    "?": help,
    space: () => say(`Shown: ${pair.toggle()}`),
    s: () => pair.setPosition(50),
    o: () => say(`Outline: ${pair.cycleOutline()}`),
    i: () => say(`Shown: ${pair.otherKind()}`),
    z: () => pair.fit(),
  };
  shared[key]?.();
  return key in shared;
}

async function start() {
  onExpiry(askForSignIn);
  try {
    await resume();
  } catch (error) {
    if (error.status !== 401) throw error;
    await askForSignIn();
  }
  page.options = await get("/api/options");
  byId("title").textContent = page.options.title;
  byId("who").textContent = `${session.name}, ${session.role}`;
  try {
    page.pair = new ImagePair(byId("frame"), { onPick: (id) => view.pick(id), onMove: (map) => view.moved(map), onLost: tilesLost });
  } catch (error) {
    throw new Error("The maps need WebGL 2, which this browser lacks or has switched off.", { cause: error });
  }
  views = { review: new Review(page), samples: new Samples(page) };
  byId("help-button").addEventListener("click", help);
  byId("skip").addEventListener("click", (event) => (event.preventDefault(), byId("subject").focus()));
  byId("sign-out").addEventListener("click", () => guard(signOut().then(() => location.reload())));
  byId("open-list").addEventListener("click", () => {
    const open = document.body.classList.toggle("list-open");
    byId("open-list").setAttribute("aria-expanded", String(open));
  });
  listen(pressed);
  window.addEventListener("hashchange", route);
  await route();
}

guard(start());

// The only way to the server. A lost session asks for sign-in and repeats the request; a lost connection is told apart.

const TIMEOUT_MS = 30000;
const PAUSES_MS = [400, 1500];

/** The server refused: `status` and one sentence. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** No answer came; whether a change arrived is unknown. */
export class NoAnswer extends Error {}

export const session = { name: "", role: "", csrf: "" };

let askForSignIn = async () => {};

/** `ask` shows the sign-in form and resolves once somebody is signed in. */
export function onExpiry(ask) {
  askForSignIn = ask;
}

export const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

async function once(method, path, body) {
  const headers = { Accept: "application/json" };
  if (method !== "GET" && session.csrf) headers["X-CSRF-Token"] = session.csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, {
      method,
      headers,
      credentials: "same-origin",
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (response.status === 204) return null;
    if (response.ok) return await response.json();
  } catch {
    throw new NoAnswer("The server does not answer.");
  }
  const detail = await response.json().then((answer) => answer.detail, () => null);
  const text = typeof detail === "string" ? detail : `The server refused the request (${response.status}).`;
  if (response.status >= 502) throw new NoAnswer(text);
  throw new ApiError(response.status, text);
}

async function send(method, path, body) {
  const sender = session.name;
  try {
    return await once(method, path, body);
  } catch (error) {
    if (error.status !== 401) throw error;
    await askForSignIn();
    if (method !== "GET" && session.name !== sender)
      throw new ApiError(409, "Another account signed in; nothing was written under the former one.");
    return once(method, path, body);
  }
}

/** GET, repeated after a lost connection. */
export async function get(path) {
  for (const milliseconds of PAUSES_MS) {
    try {
      return await send("GET", path);
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      await pause(milliseconds);
    }
  }
  return send("GET", path);
}

/** POST or DELETE, sent once. */
export const post = (path, body) => send("POST", path, body);

const keep = (answer) => Object.assign(session, answer);

/** Take up the cookie's session, or throw ApiError 401. */
export const resume = async () => keep(await once("GET", "/api/session"));
export const signIn = async (name, password) => keep(await once("POST", "/api/session", { name, password }));
export async function signOut() {
  await once("DELETE", "/api/session");
  keep({ name: "", role: "", csrf: "" });
}

/** Address of a polygon; the id may hold any character. */
export const polygonPath = (id, action = "") => `/api/polygons/${encodeURIComponent(id)}${action}`;

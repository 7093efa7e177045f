// Sending a decision exactly once, also over a connection that drops answers.

import { ApiError, NoAnswer, get, pause, polygonPath, post, session } from "./api.js";

const PAUSES_MS = [600, 2000];

/** The outcome if this decision is already in the history that grew since `polygon` was shown, else null. */
async function arrived(polygon, state) {
  const now = await get(polygonPath(polygon.polygon_id));
  const added = now.history.slice(polygon.history.length);
  if (!added.length) return null;
  const latest = added.at(-1);
  if (latest.reviewer === session.name && (state === null || latest.state === state)) return { state: now.state, due: now.due };
  throw new ApiError(409, `${latest.reviewer} decided on this polygon in the meantime.`);
}

/**
 * Write one decision of `state` on `polygon` as it was shown. After a lost answer the history is asked before the
 * request is repeated, also when the reviewer presses again later.
 */
async function write(polygon, state, action, body) {
  let said = "";
  for (const milliseconds of [...PAUSES_MS, null]) {
    try {
      if (polygon.unanswered) {
        const outcome = await arrived(polygon, state);
        if (outcome) return outcome;
      }
      return await post(polygonPath(polygon.polygon_id, action), body);
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      polygon.unanswered = true;
      said = error.message;
      if (milliseconds === null) break;
      await pause(milliseconds);
    }
  }
  throw new NoAnswer(
    `${said} It is not known whether the decision arrived; press again later: one that did is not written twice.`,
  );
}

export const accept = (polygon) => decide(polygon, "accepted", {});
export const reject = (polygon, reason) => decide(polygon, "rejected", { reason });
export const correct = (polygon, reason, correction, outline) =>
  decide(polygon, "corrected", { reason, correction, outline });
export const confirm = (polygon) =>
  write(polygon, polygon.state, "/confirm", { reason: "", evidence: polygon.evidence });

const decide = (polygon, state, { reason = "", correction = null, outline = null }) =>
  write(polygon, state, "/decisions", { state, reason, correction, outline, evidence: polygon.evidence });

const lostUndos = new Map();

/** Take back one's own latest decision; returns its state and why it waits now. */
export async function undo(id) {
  const polygon = lostUndos.get(id) ?? (await get(polygonPath(id)));
  lostUndos.delete(id);
  try {
    return await write(polygon, null, "/undo", { evidence: polygon.evidence });
  } catch (error) {
    if (error instanceof NoAnswer) lostUndos.set(id, polygon);
    throw error;
  }
}

import type { CreateOutcome, OnConflict } from "../../src/api/job_store.ts";
import type { FirestoreDocument, FirestoreFields } from "./client.ts";
import { millis } from "./clock.ts";
import { isGone, toDate } from "./document.ts";
import type { TaskFields } from "./fields.ts";

/** What happens when a new task meets what is in the store. */
export interface Meeting {
  readonly outcome: CreateOutcome;
  /** What is written; `undefined`: nothing. */
  readonly fields: FirestoreFields | undefined;
}

/**
 * What becomes of a new task.
 *
 * @param document What is there with its slug.
 * @param now The server's clock.
 */
export function meet(
  fields: TaskFields,
  onConflict: OnConflict,
  document: FirestoreDocument | undefined,
  now: number,
): Meeting {
  const old = document?.data();
  if (old === undefined) return { outcome: "created", fields };
  const createdAt = new Date(now);
  if (isGone(old, now)) {
    return { outcome: "created", fields: over(old, { ...fields, createdAt }) };
  }
  switch (onConflict) {
    case "error":
      return { outcome: "taken", fields: undefined };
    case "keep":
      return { outcome: "kept", fields: undefined };
    case "replace": {
      const revision = Number(old.revision ?? 0) + 1;
      return {
        outcome: "replaced",
        fields: over(old, { ...fields, createdAt, revision }),
      };
    }
    case "rerun":
      return { outcome: "merged", fields: rerun(fields, old) };
  }
}

/** What a further run of a task changes. */
function rerun(
  fields: TaskFields,
  old: FirestoreFields,
): FirestoreFields | undefined {
  const { when, creation, announcedAt, announcedBy } = fields;
  switch (old.status) {
    case "running":
      return isSooner(when, old.rerunAt)
        ? { rerunAt: when, creation }
        : undefined;
    case "scheduled":
      if (!isSooner(when, old.when)) return undefined;
      return {
        when,
        scheduledFor: when,
        ...(old.claimableAt !== null && { claimableAt: when }),
        announcedAt,
        announcedBy,
        creation,
      };
    default: {
      const { createdAt, revision } = old;
      return over(old, {
        ...fields,
        ...(createdAt != null && { createdAt: toDate(createdAt) }),
        ...(revision != null && { revision: Number(revision) }),
      });
    }
  }
}

function isSooner(
  when: Date,
  than: { seconds: number; nanoseconds: number } | null | undefined,
): boolean {
  return than == null || when.getTime() < millis(than);
}

/** Writes a whole document over an old one, of which nothing stays. */
function over(old: FirestoreFields, fields: TaskFields): FirestoreFields {
  const cleared = Object.entries(old)
    .filter(([, value]) => value !== null)
    .map(([name]) => [name, null]);
  return { ...Object.fromEntries(cleared), ...fields };
}

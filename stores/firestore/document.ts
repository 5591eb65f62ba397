import type { LockRequest, NewTask } from "../../src/api/job_store.ts";
import type {
  LastRun,
  StoredError,
  TaskDetails,
  TaskRecord,
} from "../../src/api/task.ts";
import { copyBytes } from "../../src/core/bytes.ts";
import type {
  FirestoreDocument,
  FirestoreFields,
  FirestoreTimestamp,
} from "./client.ts";
import { micros, millis } from "./clock.ts";
import { DEFAULT_PRIORITY, type TaskFields } from "./fields.ts";

/**
 * A slug as the name of a document: itself, unless Firestore would not have it.
 */
export function documentId(slug: string): string {
  const id = slug.replaceAll("%", "%25").replaceAll("/", "%2F");
  if (id === "." || id === ".." || id.startsWith("__")) {
    return `%${id.charCodeAt(0).toString(16).toUpperCase()}${id.slice(1)}`;
  }
  return id;
}

/** Who tells of a task, and when. */
export type Announcement = Pick<TaskFields, "announcedAt" | "announcedBy">;

/** Nothing to tell. */
export const UNANNOUNCED: Announcement = {
  announcedAt: null,
  announcedBy: null,
};

/** What tells nothing of who has a task. */
export const UNCLAIMED = { token: null, holder: null, claimedAt: null };

/** What a new document is made with, beside its task. */
export interface Creation {
  /** The server's clock. */
  readonly now: number;
  readonly shard: number;
  readonly announcedBy: string | null;
  /** Names it. */
  readonly creation: string;
}

/** The document of a new task. */
export function newFields(
  task: NewTask,
  { now, shard, announcedBy, creation }: Creation,
): TaskFields {
  const { due, trigger, key, keepMs, declared } = task;
  const when = new Date("at" in due ? due.at : Math.floor(now + due.inMs));
  return {
    slug: task.slug,
    kind: task.kind,
    payload: task.payload,
    status: "scheduled",
    priority: task.priority ?? DEFAULT_PRIORITY,
    shard,
    claimableAt: when,
    when,
    scheduledFor: when,
    announcedAt: new Date(now),
    announcedBy,
    creation,
    ...(trigger !== undefined && { trigger }),
    ...(key !== undefined && { key }),
    ...(keepMs !== undefined && { keepMs }),
    ...(declared !== undefined && {
      owner: declared.owner,
      declared: declared.hash,
    }),
  };
}

/** What a claim changes in the document. `now` is the server's clock. */
export function claimFields(
  document: FirestoreDocument,
  { leaseMs, holder, token }: LockRequest,
  now: number,
) {
  const { status, crashes, edited, cancel } = document.data()!;
  return {
    status: "running",
    claimableAt: new Date(now + leaseMs),
    ...UNANNOUNCED,
    version: nextVersion(document, now),
    token,
    holder,
    claimedAt: new Date(now),
    ...(status === "running" && { crashes: Number(crashes ?? 0) + 1 }),
    ...(edited != null && { edited: null }),
    ...(cancel != null && { cancel: null }),
  } satisfies Partial<TaskFields>;
}

/**
 * Firestore gives each change of a document a later time, even after a deletion:
 * a version that is higher than that of the last change was never given before.
 */
function nextVersion(document: FirestoreDocument, now: number): number {
  return Math.max(
    Number(document.data()!.version ?? 0) + 1,
    micros(document.updateTime!) + 1,
    now * 1_000,
  );
}

/** Whether a task has ended. */
export function hasEnded({ status }: FirestoreFields): boolean {
  return status !== "scheduled" && status !== "running";
}

/** Whether the time of an ended task to stay has passed: it takes no slug. */
export function isGone(fields: FirestoreFields, now: number): boolean {
  return hasEnded(fields) && fields.keepUntil != null &&
    millis(fields.keepUntil) <= now;
}

/** The task in a document. */
export function toRecord(document: FirestoreDocument): TaskRecord {
  const fields = document.data()!;
  const isRunning = fields.status === "running";
  return {
    slug: fields.slug,
    kind: fields.kind,
    payload: copyBytes(fields.payload),
    trigger: fields.trigger ?? undefined,
    when: toDate(fields.when),
    scheduledFor: toDate(fields.scheduledFor),
    version: versionOf(document),
    token: isRunning ? numberOf(fields.token) : undefined,
    retry: numberOf(fields.retry) ?? 0,
    crashes: numberOf(fields.crashes) ?? 0,
    priority: priorityOf(document),
    key: fields.key ?? undefined,
    revision: numberOf(fields.revision) ?? 0,
    keepMs: numberOf(fields.keepMs),
    result: fields.result ?? "",
    status: fields.status,
    leaseEnd: isRunning ? toDate(fields.claimableAt) : undefined,
  };
}

/** All that a document tells of its task. */
export function toDetails(document: FirestoreDocument): TaskDetails {
  const fields = document.data()!;
  const { holder, claimedAt, owner, declared } = fields;
  return {
    ...toRecord(document),
    createdAt: dateOf(fields.createdAt) ?? toDate(document.createTime!),
    holder: holder == null
      ? undefined
      : { instance: holder, since: toDate(claimedAt) },
    lastRun: lastRunOf(fields),
    lastError: fields.lastError == null
      ? undefined
      : parseError(fields.lastError),
    keepUntil: dateOf(fields.keepUntil),
    declared: owner == null ? undefined : { owner, hash: declared },
    rerunAt: dateOf(fields.rerunAt),
  };
}

function lastRunOf(fields: FirestoreFields): LastRun | undefined {
  const { lastStarted, lastEnded, lastOutcome } = fields;
  if (lastOutcome == null) return undefined;
  return {
    startedAt: toDate(lastStarted),
    endedAt: toDate(lastEnded),
    outcome: lastOutcome,
  };
}

function parseError(json: string): StoredError {
  const { name, message, stack, at } = JSON.parse(json);
  return { name, message, stack, at: new Date(at) };
}

/** The version of the task in a document; one without a claim has its own. */
export function versionOf(document: FirestoreDocument): number {
  return numberOf(document.data()!.version) ?? micros(document.updateTime!);
}

/** The priority of the task in a document. */
export function priorityOf(document: FirestoreDocument): number {
  return numberOf(document.data()!.priority) ?? DEFAULT_PRIORITY;
}

/** From when on the task in a document can be claimed. */
export function claimableAt(document: FirestoreDocument): number {
  return millis(document.data()!.claimableAt);
}

/** An instant that was stored as a `Date`. */
export function toDate(time: FirestoreTimestamp): Date {
  return new Date(millis(time));
}

function dateOf(time: FirestoreTimestamp | null | undefined): Date | undefined {
  return time == null ? undefined : toDate(time);
}

/** A number; the client gives integers as `bigint` if it is told to. */
function numberOf(value: unknown): number | undefined {
  return value == null ? undefined : Number(value);
}

/** Roughly how many bytes a document takes. */
export function sizeOf(fields: FirestoreFields): number {
  let size = 500;
  for (const value of Object.values(fields)) {
    if (typeof value === "string") size += 3 * value.length;
    else if (value instanceof Uint8Array) size += value.length;
  }
  return size + (fields.slug?.length ?? 0) * 3;
}

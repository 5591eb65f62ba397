import type { NewTask, NextState } from "../../src/api/job_store.ts";
import type { TaskRecord, TaskStatus } from "../../src/api/task.ts";
import type {
  FirestoreDocument,
  FirestoreFields,
  FirestoreTimestamp,
} from "./client.ts";
import { micros, millis } from "./clock.ts";

/** What a task looks like in Firestore. */
export interface TaskFields {
  readonly slug: string;
  readonly kind: string;
  readonly payload: Uint8Array;
  readonly trigger: string | null;
  readonly when: Date;
  readonly scheduledFor: Date;
  readonly status: TaskStatus;
  /** The due time, or the end of the lease while running; not when failed. */
  readonly claimableAt: Date | null;
  /** When it was told to listeners that it may be claimed sooner than known. */
  readonly announcedAt: Date | null;
  /** The store that has told its own process already. */
  readonly announcedBy: string | null;
  /** The version of the last claim; 0 before the first. */
  readonly version: number;
  readonly retry: number;
  readonly result: string;
  /** Names the creation, so that its author recognises it. */
  readonly creation: string;
  /** Names the last claim or settlement, likewise. */
  readonly token: string;
  /** Spreads the load over ranges of the index. */
  readonly shard: number;
}

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
const UNANNOUNCED: Announcement = { announcedAt: null, announcedBy: null };

/** The document of a new task. `now` is the server's clock. */
export function newFields(
  task: NewTask,
  now: number,
  shard: number,
  announcedBy: string | null,
): TaskFields {
  const { due } = task;
  const when = new Date("at" in due ? due.at : Math.floor(now + due.inMs));
  return {
    slug: task.slug,
    kind: task.kind,
    payload: task.payload.slice(),
    trigger: task.trigger ?? null,
    when,
    scheduledFor: when,
    status: "scheduled",
    claimableAt: when,
    announcedAt: new Date(now),
    announcedBy,
    version: 0,
    retry: 0,
    result: "",
    creation: crypto.randomUUID(),
    token: "",
    shard,
  };
}

/** What a claim changes in the document. */
export function claimFields(document: FirestoreDocument, leaseEnd: number) {
  return {
    status: "running",
    claimableAt: new Date(leaseEnd),
    ...UNANNOUNCED,
    version: nextVersion(document.updateTime!),
    token: crypto.randomUUID(),
  } satisfies Partial<TaskFields>;
}

/**
 * The version of a claim comes from the time of the change before it. Firestore
 * gives each change of a document a later time, even after a deletion.
 */
function nextVersion(updateTime: FirestoreTimestamp): number {
  return micros(updateTime) + 1;
}

/** What a settlement changes in the document. */
export function settledFields(
  next: NextState,
  announcement: Announcement = UNANNOUNCED,
): FirestoreFields {
  return {
    status: next.status,
    claimableAt: next.status === "scheduled" ? next.when : null,
    ...announcement,
    when: next.when,
    scheduledFor: next.scheduledFor,
    retry: next.retry,
    result: next.result,
    token: crypto.randomUUID(),
    ...(next.payload !== undefined && { payload: next.payload.slice() }),
  } satisfies Partial<TaskFields>;
}

/** The task in a document. */
export function toRecord(document: FirestoreDocument): TaskRecord {
  const fields = document.data()!;
  const running = fields.status === "running";
  return {
    slug: fields.slug,
    kind: fields.kind,
    payload: new Uint8Array(fields.payload),
    trigger: fields.trigger ?? undefined,
    when: toDate(fields.when),
    scheduledFor: toDate(fields.scheduledFor),
    version: versionOf(document),
    retry: Number(fields.retry),
    result: fields.result,
    status: fields.status,
    leaseEnd: running ? toDate(fields.claimableAt) : undefined,
  };
}

/** The version of the task in a document; one without a claim has its own. */
export function versionOf(document: FirestoreDocument): number {
  const version = Number(document.data()!.version);
  return version === 0 ? micros(document.updateTime!) : version;
}

/** An instant that was stored as a `Date`. */
export function toDate(time: FirestoreTimestamp): Date {
  return new Date(millis(time));
}

/** Roughly how many bytes a document takes. */
export function sizeOf(fields: FirestoreFields): number {
  const { slug = "", kind = "", trigger, payload, result = "" } = fields;
  const units = 2 * slug.length + kind.length + result.length +
    (trigger?.length ?? 0);
  return 500 + 3 * units + (payload?.length ?? 0);
}

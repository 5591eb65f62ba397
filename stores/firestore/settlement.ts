import type { NextState } from "../../src/api/job_store.ts";
import type { TaskStatus } from "../../src/api/task.ts";
import type { FirestoreDocument, FirestoreFields } from "./client.ts";
import {
  type Announcement,
  hasEnded,
  toDate,
  UNANNOUNCED,
  UNCLAIMED,
} from "./document.ts";
import type { TaskFields } from "./fields.ts";

/** What the document of a running task says that counts when its run ends. */
export interface Marks {
  readonly kind: string;
  readonly isGated: boolean;
  readonly isEdited: boolean;
  readonly isCancelled: boolean;
  readonly rerunAt: Date | undefined;
  /** Which of the fields that a settlement may clear are there. */
  readonly present: ReadonlySet<string>;
}

/** What a settlement always clears. */
const CLEARED = {
  manual: null,
  cancel: null,
  limited: null,
  progress: null,
  edited: null,
  rerunAt: null,
} satisfies Partial<TaskFields>;

/** What it may clear. */
const CLEARABLE: readonly (keyof TaskFields)[] = [
  ...Object.keys(CLEARED) as (keyof TaskFields)[],
  "retry",
  "crashes",
  "result",
  "lastError",
  "keepUntil",
];

/** Reads what counts in the document of a task. */
export function marksOf(document: FirestoreDocument): Marks {
  const fields = document.data()!;
  return {
    kind: fields.kind,
    isGated: isSet(fields.gate),
    isEdited: isSet(fields.edited),
    isCancelled: isSet(fields.cancel),
    rerunAt: fields.rerunAt == null ? undefined : toDate(fields.rerunAt),
    present: new Set(CLEARABLE.filter((name) => fields[name] != null)),
  };
}

/** Whether a mark is there; older or other code may write 0 or false. */
function isSet(mark: unknown): boolean {
  return typeof mark === "string" || (mark != null && Number(mark) !== 0);
}

/** When a task is due after a run; `undefined`: it has ended. */
export function dueAfter(
  next: NextState | undefined,
  { rerunAt }: Pick<Marks, "rerunAt">,
): Date | undefined {
  const when = next?.status === "scheduled" ? next.when : undefined;
  if (when === undefined || rerunAt === undefined) return when ?? rerunAt;
  return rerunAt < when ? rerunAt : when;
}

/**
 * What a settlement changes in the document; `undefined`: it is removed.
 *
 * @param now The server's clock.
 * @param settlement Names the settlement.
 */
export function settledFields(
  next: NextState | undefined,
  marks: Marks,
  now: number,
  settlement: number,
  announcement: Announcement,
): FirestoreFields | undefined {
  const due = dueAfter(next, marks);
  if (due === undefined && !(next !== undefined && next.keepMs > 0)) {
    return undefined;
  }
  const isRerun = marks.rerunAt !== undefined && due === marks.rerunAt;
  const isAnew = next?.status !== "scheduled" && isRerun;
  return compact({
    ...CLEARED,
    ...UNCLAIMED,
    ...stateAfter(due === undefined ? next!.status : "scheduled", due, marks),
    ...announcement,
    ...(isRerun
      ? { scheduledFor: due }
      : next && { when: next.when, scheduledFor: next.scheduledFor }),
    ...(isAnew ? { retry: null } : { retry: next!.retry || null }),
    crashes: next?.crashes || null,
    keepUntil: due === undefined ? keptUntil(next!, now) : null,
    settlement,
    ...(next && leftFields(next, marks)),
  }, marks);
}

/** What a run left. */
function leftFields(next: NextState, marks: Marks): Partial<TaskFields> {
  const { lastRun, lastError, payload } = next;
  return {
    result: next.result || null,
    ...(payload !== undefined && !marks.isEdited && { payload }),
    ...(lastRun !== undefined && {
      lastStarted: lastRun.startedAt,
      lastEnded: lastRun.endedAt,
      lastOutcome: lastRun.outcome,
    }),
    ...(lastError !== undefined && {
      lastError: lastError && JSON.stringify(lastError),
    }),
  };
}

/**
 * What becomes of a running task whose lease has ended and that must not run
 * again by itself; `undefined`: nothing, it can be claimed.
 */
export function withheldFields(
  document: FirestoreDocument,
): FirestoreFields | undefined {
  const fields = document.data()!;
  if (fields.status !== "running") return undefined;
  const marks = marksOf(document);
  if (!marks.isGated && !marks.isCancelled) return undefined;
  const { rerunAt } = marks;
  const isOver = marks.isCancelled && rerunAt === undefined;
  const due = isOver ? undefined : rerunAt ?? toDate(fields.when);
  return compact({
    ...CLEARED,
    ...UNCLAIMED,
    ...UNANNOUNCED,
    ...stateAfter(isOver ? "cancelled" : "scheduled", due, marks),
    ...(rerunAt !== undefined && { scheduledFor: rerunAt }),
    ...(marks.isCancelled ? { retry: null, crashes: null } : {
      crashes: Number(fields.crashes ?? 0) + 1,
    }),
  }, marks);
}

function stateAfter(
  status: TaskStatus,
  due: Date | undefined,
  { isGated }: Marks,
): Partial<TaskFields> {
  return {
    status,
    claimableAt: hasEnded({ status }) || isGated ? null : due,
    ...(due !== undefined && { when: due }),
  };
}

function keptUntil({ keepMs }: NextState, now: number): Date | null {
  return keepMs === Infinity ? null : new Date(now + keepMs);
}

/** Clears only what is there, so that documents stay small. */
function compact(
  fields: FirestoreFields,
  { present }: Marks,
): FirestoreFields {
  const names = CLEARABLE as readonly string[];
  return Object.fromEntries(
    Object.entries(fields).filter(([name, value]) =>
      value !== null || present.has(name) || !names.includes(name)
    ),
  );
}

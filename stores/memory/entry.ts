import type { NewTask } from "../../src/api/job_store.ts";
import type {
  LastRun,
  StoredError,
  TaskDetails,
  TaskRecord,
  TaskStatus,
} from "../../src/api/task.ts";
import { copyBytes } from "../../src/core/bytes.ts";
import type { HeapItem } from "./heap.ts";

/** What a claim leaves in its task. Instants are in milliseconds since 1970. */
export interface EntryClaim {
  readonly token: number;
  readonly holder: string;
  readonly since: number;
  readonly leaseEnd: number;
}

/** What most tasks do not have: they share one object, which saves memory. */
export interface Rare {
  readonly priority: number;
  readonly key: string | undefined;
  readonly keepMs: number | undefined;
  readonly declared: NewTask["declared"];
  readonly revision: number;
  readonly crashes: number;
  readonly lastRun: LastRun | undefined;
  readonly lastError: StoredError | undefined;
  /** Only once it has ended; `Infinity`: it stays. */
  readonly keepUntil: number;
  readonly rerunAt: number | undefined;
}

const COMMON: Rare = {
  priority: 3,
  key: undefined,
  keepMs: undefined,
  declared: undefined,
  revision: 0,
  crashes: 0,
  lastRun: undefined,
  lastError: undefined,
  keepUntil: Infinity,
  rerunAt: undefined,
};

/** A task in memory. Instants are in milliseconds since 1970. */
export interface Entry extends HeapItem {
  readonly slug: string;
  readonly kind: string;
  readonly trigger: string | undefined;
  readonly createdAt: number;
  payload: Uint8Array;
  when: number;
  scheduledFor: number;
  version: number;
  retry: number;
  result: string;
  status: TaskStatus;
  /** Only while running. */
  claim: EntryClaim | undefined;
  rare: Rare;
}

/** Makes the entry of a new task, or of one that starts anew. */
export function newEntry(
  task: NewTask,
  when: number,
  order: number,
  { revision, createdAt }: { revision: number; createdAt: number },
): Entry {
  const { priority = 3, key, keepMs, declared } = task;
  const isCommon = priority === 3 && key === undefined &&
    keepMs === undefined && declared === undefined && revision === 0;
  return {
    slug: task.slug,
    kind: task.kind,
    trigger: task.trigger,
    createdAt,
    payload: copyBytes(task.payload),
    when,
    scheduledFor: when,
    version: 0,
    retry: 0,
    result: "",
    status: "scheduled",
    claim: undefined,
    rare: isCommon
      ? COMMON
      : { ...COMMON, priority, key, keepMs, declared, revision },
    order,
    position: -1,
  };
}

/** Changes what most tasks do not have, if it changes. */
export function setRare(entry: Entry, changes: Partial<Rare>): void {
  const { rare } = entry;
  const names = Object.keys(changes) as (keyof Rare)[];
  if (names.some((name) => rare[name] !== changes[name])) {
    entry.rare = { ...rare, ...changes };
  }
}

/** Whether the task has ended. */
export function hasEnded({ status }: Entry): boolean {
  return status !== "scheduled" && status !== "running";
}

/** A task as `lock` hands it out; nothing is shared with the entry. */
export function toRecord(entry: Entry): TaskRecord {
  const { claim, rare } = entry;
  return {
    slug: entry.slug,
    kind: entry.kind,
    payload: copyBytes(entry.payload),
    trigger: entry.trigger,
    when: new Date(entry.when),
    scheduledFor: new Date(entry.scheduledFor),
    version: entry.version,
    token: claim?.token,
    retry: entry.retry,
    crashes: rare.crashes,
    priority: rare.priority,
    key: rare.key,
    revision: rare.revision,
    keepMs: rare.keepMs,
    result: entry.result,
    status: entry.status,
    leaseEnd: claim && new Date(claim.leaseEnd),
  };
}

/** A copy that shares nothing. */
export function copyOfRun({ startedAt, endedAt, outcome }: LastRun): LastRun {
  return {
    startedAt: new Date(startedAt),
    endedAt: new Date(endedAt),
    outcome,
  };
}

/** A copy that shares nothing. */
export function copyOfError(error: StoredError): StoredError {
  return { ...error, at: new Date(error.at) };
}

/** All that is known of a task. */
export function toDetails(entry: Entry): TaskDetails {
  const { claim } = entry;
  const { lastRun, lastError, keepUntil, rerunAt, declared } = entry.rare;
  return {
    ...toRecord(entry),
    createdAt: new Date(entry.createdAt),
    holder: claim && { instance: claim.holder, since: new Date(claim.since) },
    lastRun: lastRun && copyOfRun(lastRun),
    lastError: lastError && copyOfError(lastError),
    keepUntil: hasEnded(entry) && keepUntil !== Infinity
      ? new Date(keepUntil)
      : undefined,
    declared: declared && { ...declared },
    rerunAt: rerunAt === undefined ? undefined : new Date(rerunAt),
  };
}

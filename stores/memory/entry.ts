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

/** What a claim leaves in its task. */
export interface EntryClaim {
  readonly token: number;
  readonly holder: string;
  readonly since: number;
}

/** A task in memory. Instants are in milliseconds since 1970. */
export interface Entry extends HeapItem {
  readonly slug: string;
  readonly kind: string;
  readonly trigger: string | undefined;
  readonly priority: number;
  readonly key: string | undefined;
  readonly keepMs: number | undefined;
  readonly declared: NewTask["declared"];
  readonly revision: number;
  readonly createdAt: number;
  payload: Uint8Array;
  when: number;
  scheduledFor: number;
  version: number;
  retry: number;
  crashes: number;
  result: string;
  status: TaskStatus;
  /** Only while running. */
  leaseEnd: number;
  /** Only while running. */
  claim: EntryClaim | undefined;
  lastRun: LastRun | undefined;
  lastError: StoredError | undefined;
  /** Only once it has ended; `Infinity`: it stays. */
  keepUntil: number;
  rerunAt: number | undefined;
}

/** Makes the entry of a new task, or of one that starts anew. */
export function newEntry(
  task: NewTask,
  when: number,
  order: number,
  { revision, createdAt }: Pick<Entry, "revision" | "createdAt">,
): Entry {
  return {
    slug: task.slug,
    kind: task.kind,
    trigger: task.trigger,
    priority: task.priority ?? 3,
    key: task.key,
    keepMs: task.keepMs,
    declared: task.declared,
    revision,
    createdAt,
    payload: copyBytes(task.payload),
    when,
    scheduledFor: when,
    version: 0,
    retry: 0,
    crashes: 0,
    result: "",
    status: "scheduled",
    leaseEnd: 0,
    claim: undefined,
    lastRun: undefined,
    lastError: undefined,
    keepUntil: Infinity,
    rerunAt: undefined,
    order,
    position: -1,
  };
}

/** A task as `lock` hands it out; nothing is shared with the entry. */
export function toRecord(entry: Entry): TaskRecord {
  return {
    slug: entry.slug,
    kind: entry.kind,
    payload: copyBytes(entry.payload),
    trigger: entry.trigger,
    when: new Date(entry.when),
    scheduledFor: new Date(entry.scheduledFor),
    version: entry.version,
    token: entry.claim?.token,
    retry: entry.retry,
    crashes: entry.crashes,
    priority: entry.priority,
    key: entry.key,
    revision: entry.revision,
    keepMs: entry.keepMs,
    result: entry.result,
    status: entry.status,
    leaseEnd: entry.claim && new Date(entry.leaseEnd),
  };
}

/** All that is known of a task. */
export function toDetails(entry: Entry): TaskDetails {
  const { claim, lastRun, lastError, keepUntil, rerunAt, declared } = entry;
  const hasEnded = entry.status !== "scheduled" && entry.status !== "running";
  return {
    ...toRecord(entry),
    createdAt: new Date(entry.createdAt),
    holder: claim && { instance: claim.holder, since: new Date(claim.since) },
    lastRun: lastRun && {
      ...lastRun,
      startedAt: new Date(lastRun.startedAt),
      endedAt: new Date(lastRun.endedAt),
    },
    lastError: lastError && { ...lastError, at: new Date(lastError.at) },
    keepUntil: hasEnded && keepUntil !== Infinity
      ? new Date(keepUntil)
      : undefined,
    declared: declared && { ...declared },
    rerunAt: rerunAt === undefined ? undefined : new Date(rerunAt),
  };
}

import type { LivingInstance } from "../../src/api/job_store.ts";
import type {
  LastRun,
  RunOutcome,
  StoredError,
  TaskDetails,
  TaskRecord,
  TaskStatus,
} from "../../src/api/task.ts";
import { copyBytes, NO_BYTES } from "../../src/core/bytes.ts";
import type { PgRows } from "./client.ts";

type Row = PgRows["rows"][number];

/** What is usual of a claimed task. */
const USUAL: readonly unknown[] = [null, 0, 3, null, 0, null];

/** The task in a row of the columns `CLAIMED`, claimed with the token. */
export function toClaimed(row: Row, token: number): TaskRecord {
  const [trigger, crashes, priority, key, revision, keepMs] = row.rare === null
    ? USUAL
    : JSON.parse(row.rare as string) as unknown[];
  return {
    slug: row.slug as string,
    kind: row.kind as string,
    payload: toBytes(row.payload),
    trigger: toText(trigger),
    when: toDate(row.run_at),
    scheduledFor: toDate(row.scheduled_for ?? row.run_at),
    version: Number(row.version),
    token,
    retry: Number(row.retry),
    crashes: Number(crashes),
    priority: Number(priority),
    key: toText(key),
    revision: Number(revision),
    keepMs: toNumber(keepMs),
    result: toText(row.result) ?? "",
    status: "running",
    leaseEnd: toDate(row.claimable_at),
  };
}

function toBytes(payload: unknown): Uint8Array {
  return payload === null ? NO_BYTES : copyBytes(payload as Uint8Array);
}

/** The task in a row of the columns of `DETAILS` that every reading has. */
function toRecord(row: Row): TaskRecord {
  const status = row.status as TaskStatus;
  return {
    slug: row.slug as string,
    kind: row.kind as string,
    payload: toBytes(row.payload),
    trigger: toText(row.trigger),
    when: toDate(row.run_at),
    scheduledFor: toDate(row.scheduled_for ?? row.run_at),
    version: Number(row.version),
    token: toNumber(row.token),
    retry: Number(row.retry),
    crashes: Number(row.crashes),
    priority: Number(row.priority),
    key: toText(row.key),
    revision: Number(row.revision),
    keepMs: toNumber(row.keep_ms),
    result: toText(row.result) ?? "",
    status,
    leaseEnd: status === "running" ? toDate(row.claimable_at) : undefined,
  };
}

/** The task in a row of the columns `DETAILS`. */
export function toDetails(row: Row): TaskDetails {
  return {
    ...toRecord(row),
    createdAt: toDate(row.created_at),
    holder: row.holder === null
      ? undefined
      : { instance: row.holder as string, since: toDate(row.claimed_at) },
    lastRun: toLastRun(row),
    lastError: toError(row.last_error as string | null),
    keepUntil: toMaybeDate(row.keep_until),
    declared: row.owner === null
      ? undefined
      : { owner: row.owner as string, hash: toText(row.declared) ?? "" },
    rerunAt: toMaybeDate(row.rerun_at),
  };
}

function toLastRun(row: Row): LastRun | undefined {
  if (row.last_outcome === null) return undefined;
  return {
    startedAt: toDate(row.last_started),
    endedAt: toDate(row.last_ended),
    outcome: row.last_outcome as RunOutcome,
  };
}

function toError(json: string | null): StoredError | undefined {
  if (json === null) return undefined;
  const { name, message, stack, at } = JSON.parse(json);
  return { name, message, stack, at: new Date(at) };
}

/** The instance in a row. */
export function toInstance(row: Row): LivingInstance {
  return {
    id: row.id as string,
    name: row.name as string,
    kinds: row.kinds as string[],
    slots: Number(row.slots),
    library: row.library as string,
    app: toText(row.app),
    startedAt: toDate(row.started_at),
    stopping: row.stopping as boolean,
    timeoutMs: Number(row.timeout_ms),
    seenAt: toDate(row.seen_at),
  };
}

function toText(value: unknown): string | undefined {
  return value as string | null ?? undefined;
}

function toNumber(value: unknown): number | undefined {
  return value === null ? undefined : Number(value);
}

/** Instants are kept in whole milliseconds; the fraction is a rounding error. */
export function toDate(ms: unknown): Date {
  return new Date(Math.round(Number(ms)));
}

function toMaybeDate(ms: unknown): Date | undefined {
  return ms === null ? undefined : toDate(ms);
}

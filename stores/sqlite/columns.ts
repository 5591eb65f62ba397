import type {
  RunOutcome,
  StoredError,
  TaskDetails,
  TaskRecord,
  TaskStatus,
} from "../../src/api/task.ts";

/**
 * The columns of a task. Instants are in milliseconds since 1970; what is asked
 * for often comes first, what may be large comes last.
 */
export const COLUMN_DEFINITIONS = `
  id INTEGER PRIMARY KEY,
  slug TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  status INTEGER NOT NULL DEFAULT 0, -- 0: scheduled, 1: running, 2: failed, 3: cancelled, 4: done
  gate INTEGER NOT NULL DEFAULT 0, -- 0: open, 1: waits for its key, 2: paused, 3: staged
  priority INTEGER NOT NULL DEFAULT 3,
  claimable_at INTEGER, -- due time, or end of the lease; NULL: cannot be claimed
  run_at INTEGER NOT NULL,
  scheduled_for INTEGER NOT NULL,
  version INTEGER NOT NULL, -- with token: the fence
  token INTEGER,
  holder TEXT,
  claimed_at INTEGER,
  retry INTEGER NOT NULL DEFAULT 0,
  crashes INTEGER NOT NULL DEFAULT 0,
  revision INTEGER NOT NULL DEFAULT 0,
  edited INTEGER NOT NULL DEFAULT 0,
  rerun_at INTEGER,
  cancel TEXT,
  manual INTEGER NOT NULL DEFAULT 0,
  limited INTEGER NOT NULL DEFAULT 0,
  "key" TEXT,
  owner TEXT,
  declared TEXT,
  "trigger" TEXT,
  keep_ms REAL, -- may be infinite
  keep_until INTEGER,
  created_at INTEGER NOT NULL,
  last_started INTEGER,
  last_ended INTEGER,
  last_outcome TEXT,
  last_error TEXT,
  progress TEXT,
  trace TEXT,
  creation INTEGER,
  result TEXT NOT NULL DEFAULT '',
  payload BLOB NOT NULL`;

/** The gate of a task that waits for others that are created with it. */
export const GATE_STAGED = 3;

/** What the numbers in the column `status` stand for. */
const STATUSES: readonly TaskStatus[] = [
  "scheduled",
  "running",
  "failed",
  "cancelled",
  "done",
];

/** The number that stands for a status. */
export function statusCode(status: TaskStatus): number {
  return STATUSES.indexOf(status);
}

/** What is read of a task that is claimed; for {@linkcode toRecord}. */
export const RECORD_COLUMNS = `id, slug, kind, status, priority, claimable_at,
  run_at, scheduled_for, version, token, retry, crashes, revision, "key",
  "trigger", keep_ms, result, payload`;

/** The values of {@linkcode RECORD_COLUMNS}. */
export type RecordRow = [
  id: number,
  slug: string,
  kind: string,
  status: number,
  priority: number,
  claimableAt: number | null,
  runAt: number,
  scheduledFor: number,
  version: number,
  token: number | null,
  retry: number,
  crashes: number,
  revision: number,
  key: string | null,
  trigger: string | null,
  keepMs: number | null,
  result: string,
  payload: Uint8Array,
];

/** The number of values in a {@linkcode RecordRow}. */
const RECORD_LENGTH = 18;

/** What is read of a task that is shown; for {@linkcode toDetails}. */
export const DETAIL_COLUMNS = `${RECORD_COLUMNS}, created_at, holder,
  claimed_at, last_started, last_ended, last_outcome, last_error, keep_until,
  owner, declared, rerun_at`;

/** The values of {@linkcode DETAIL_COLUMNS}. */
export type DetailRow = [
  ...record: RecordRow,
  createdAt: number,
  holder: string | null,
  claimedAt: number | null,
  lastStarted: number | null,
  lastEnded: number | null,
  lastOutcome: RunOutcome | null,
  lastError: string | null,
  keepUntil: number | null,
  owner: string | null,
  declared: string | null,
  rerunAt: number | null,
];

/** The task that a row stands for. */
export function toRecord(row: RecordRow): TaskRecord {
  // Not destructured: this is done for every task that runs.
  const isRunning = row[3] === 1;
  return {
    slug: row[1],
    kind: row[2],
    payload: row[17],
    trigger: row[14] ?? undefined,
    when: new Date(row[6]),
    scheduledFor: new Date(row[7]),
    version: row[8],
    token: row[9] ?? undefined,
    retry: row[10],
    crashes: row[11],
    priority: row[4],
    key: row[13] ?? undefined,
    revision: row[12],
    keepMs: row[15] ?? undefined,
    result: row[16],
    status: STATUSES[row[3]],
    leaseEnd: isRunning ? new Date(row[5]!) : undefined,
  };
}

/** All that is known of the task that a row stands for. */
export function toDetails(row: DetailRow): TaskDetails {
  const record = toRecord(row.slice(0, RECORD_LENGTH) as RecordRow);
  const [
    createdAt,
    holder,
    claimedAt,
    lastStarted,
    lastEnded,
    lastOutcome,
    lastError,
    keepUntil,
    owner,
    declared,
    rerunAt,
  ] = row.slice(RECORD_LENGTH) as DetailRow extends
    [...RecordRow, ...infer Rest] ? Rest : never;
  return {
    ...record,
    createdAt: new Date(createdAt),
    holder: holder === null
      ? undefined
      : { instance: holder, since: new Date(claimedAt!) },
    lastRun: lastOutcome === null ? undefined : {
      startedAt: new Date(lastStarted!),
      endedAt: new Date(lastEnded!),
      outcome: lastOutcome,
    },
    lastError: lastError === null ? undefined : decodeError(lastError),
    keepUntil: toDate(keepUntil),
    declared: owner === null ? undefined : { owner, hash: declared! },
    rerunAt: toDate(rerunAt),
  };
}

function toDate(ms: number | null): Date | undefined {
  return ms === null ? undefined : new Date(ms);
}

/** What the column `last_error` holds. */
export function encodeError(
  { name, message, stack, at }: StoredError,
): string {
  return JSON.stringify({ name, message, stack, at: at.getTime() });
}

function decodeError(json: string): StoredError {
  const { at, ...error } = JSON.parse(json);
  return { ...error, at: new Date(at) };
}

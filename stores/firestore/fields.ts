import type { TaskStatus } from "../../src/api/task.ts";

/**
 * What a task looks like in Firestore. Where `null` is allowed, it is the same
 * as an absent field: the default. Documents are created without such fields.
 */
export interface TaskFields {
  readonly slug: string;
  readonly kind: string;
  readonly payload: Uint8Array;
  readonly status: TaskStatus;
  /** Always there, for a query cannot ask for what is absent. */
  readonly priority: number;
  /** Spreads the load over ranges of the index. */
  readonly shard: number;
  /** The due time, or the end of the lease while running; `null`: never. */
  readonly claimableAt: Date | null;
  readonly when: Date;
  readonly scheduledFor: Date;
  /** When it was told to listeners that it may be claimed sooner than known. */
  readonly announcedAt: Date | null;
  /** The store that has told its own process already. */
  readonly announcedBy: string | null;
  /** Names the last creation, so that its author recognises it. */
  readonly creation: string;
  /** Names the last settlement, likewise. */
  readonly settlement?: number | null;
  readonly trigger?: string | null;
  /** 1: waits for its key; 2: paused. */
  readonly gate?: number | null;
  /** The version of the last claim. */
  readonly version?: number | null;
  readonly token?: number | null;
  readonly holder?: string | null;
  readonly claimedAt?: Date | null;
  readonly retry?: number | null;
  readonly crashes?: number | null;
  readonly revision?: number | null;
  /** `true`: the payload was edited while the task runs. */
  readonly edited?: boolean | null;
  readonly rerunAt?: Date | null;
  /** Why the run under way should end. */
  readonly cancel?: string | null;
  readonly manual?: boolean | null;
  readonly limited?: boolean | null;
  readonly key?: string | null;
  readonly owner?: string | null;
  readonly declared?: string | null;
  readonly keepMs?: number | null;
  readonly keepUntil?: Date | null;
  /** Only if it differs from when the document was created. */
  readonly createdAt?: Date | null;
  readonly lastStarted?: Date | null;
  readonly lastEnded?: Date | null;
  readonly lastOutcome?: string | null;
  /** As JSON. */
  readonly lastError?: string | null;
  /** As JSON. */
  readonly progress?: string | null;
  readonly trace?: string | null;
  readonly result?: string | null;
}

/** The names of all fields: `firestore.indexes.json` exempts each of them. */
export const TASK_FIELDS = Object.keys(
  {
    slug: 0,
    kind: 0,
    payload: 0,
    status: 0,
    priority: 0,
    shard: 0,
    claimableAt: 0,
    when: 0,
    scheduledFor: 0,
    announcedAt: 0,
    announcedBy: 0,
    creation: 0,
    settlement: 0,
    trigger: 0,
    gate: 0,
    version: 0,
    token: 0,
    holder: 0,
    claimedAt: 0,
    retry: 0,
    crashes: 0,
    revision: 0,
    edited: 0,
    rerunAt: 0,
    cancel: 0,
    manual: 0,
    limited: 0,
    key: 0,
    owner: 0,
    declared: 0,
    keepMs: 0,
    keepUntil: 0,
    createdAt: 0,
    lastStarted: 0,
    lastEnded: 0,
    lastOutcome: 0,
    lastError: 0,
    progress: 0,
    trace: 0,
    result: 0,
  } satisfies Record<keyof TaskFields, 0>,
) as readonly (keyof TaskFields)[];

/** The priority of tasks that say nothing of it. */
export const DEFAULT_PRIORITY = 3;
/** All priorities: 0 is the lane of runs that were asked for by hand. */
export const PRIORITIES: readonly number[] = [0, 1, 2, 3, 4];

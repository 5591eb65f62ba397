import { JobAlreadyScheduledError } from "../api/errors.ts";
import type { Job } from "../api/job.ts";
import type { NewTask, OnConflict } from "../api/job_store.ts";
import type {
  ScheduleJobOptions,
  ScheduleJobsEntry,
} from "../api/scheduler.ts";
import type { Trigger, TriggerCodec } from "../api/trigger.ts";
import { checkOptions } from "../core/options.ts";
import { encodePayload } from "../core/payload.ts";
import { printable } from "../core/text.ts";
import {
  checkDelay,
  checkName,
  checkStay,
  checkWhen,
} from "../core/validate.ts";
import { NO_TRIGGER, type Registry, toTrigger } from "./registry.ts";

/** A task to be created, but for a due time that depends on the store's clock. */
export interface Draft extends Omit<NewTask, "due"> {
  readonly due: NewTask["due"] | { readonly first: Trigger };
}

/** What entries are checked against. */
export interface DraftSettings {
  readonly registry: Registry;
  readonly codec: TriggerCodec;
  readonly maxPayloadBytes: number;
  /** The store's clock, as far as it is known. */
  readonly now: Date;
}

/** The options of `scheduleJob`, but for the transaction. */
export type TaskOptions = Omit<ScheduleJobOptions, "transaction">;

/** The names of the options of `scheduleJob`. */
const SCHEDULE_OPTIONS: readonly (keyof ScheduleJobOptions)[] = [
  "delayMs",
  "when",
  "payload",
  "trigger",
  "timeZone",
  "onConflict",
  "keepMs",
  "transaction",
];

const CONFLICTS: readonly OnConflict[] = [
  "error",
  "keep",
  "replace",
  "rerun",
];

const ENTRY_OPTIONS = ["slug", "job", ...SCHEDULE_OPTIONS]
  .filter((name) => name !== "transaction");

/**
 * Checks entries and copies what they hold, so that the caller may change it.
 *
 * @throws {TypeError | RangeError | SchedulerError} If any makes no sense.
 */
export function draftTasks(
  entries: Iterable<ScheduleJobsEntry>,
  settings: DraftSettings,
): Draft[] {
  if (typeof Object(entries)[Symbol.iterator] !== "function") {
    throw new TypeError(
      `Cannot schedule ${printable(entries)}: expected an iterable of entries`,
    );
  }
  const slugs = new Set<string>();
  return Array.from(entries, (entry) => {
    if (typeof entry !== "object" || entry === null) {
      throw new TypeError(
        `Cannot schedule ${printable(entry)}: expected an object with slug ` +
          "and job",
      );
    }
    const { slug, job } = entry;
    const draft = draftTask(slug, job, entry, settings, ENTRY_OPTIONS);
    if (slugs.has(draft.slug)) {
      throw new JobAlreadyScheduledError(
        [draft.slug],
        `Cannot schedule "${draft.slug}" twice in one call: ` +
          "expected slugs that differ",
      );
    }
    slugs.add(draft.slug);
    return draft;
  });
}

/**
 * Completes drafts by the store's clock.
 *
 * @throws {RangeError} If a trigger never fires.
 */
export function datedTasks(drafts: readonly Draft[], now: Date): NewTask[] {
  // Entries of one call often share a trigger.
  const firsts = new Map<Trigger, Date>();
  return drafts.map(({ due, ...task }) => {
    if (!("first" in due)) return { ...task, due };
    let at = firsts.get(due.first);
    if (at === undefined) {
      at = firstFireTime(task.slug, due.first, now);
      firsts.set(due.first, at);
    }
    return { ...task, due: { at } };
  });
}

/**
 * Checks what is to be scheduled and copies what it holds, so that the caller
 * may change it.
 *
 * @param known The names that the options may have.
 * @throws {TypeError | RangeError | SchedulerError} If any makes no sense.
 */
export function draftTask(
  slug: string,
  job: Job | string,
  options: TaskOptions,
  { registry, codec, maxPayloadBytes, now }: DraftSettings,
  known: readonly string[] = SCHEDULE_OPTIONS,
): Draft {
  checkName("slug", slug);
  const action = `schedule "${slug}"`;
  checkOptions(action, options, known);
  const kind = kindOf(action, job);
  const { onConflict = "error", keepMs } = options;
  if (!CONFLICTS.includes(onConflict)) {
    throw new TypeError(
      `Cannot ${action} with onConflict ${printable(onConflict)}: ` +
        `expected "error", "keep", "replace" or "rerun"`,
    );
  }
  if (keepMs !== undefined) checkStay("keepMs", keepMs);
  const isOneOff = options.trigger === null;
  const trigger = isOneOff ? undefined : toTrigger(action, options, codec);
  return {
    slug,
    kind,
    payload: encodePayload(slug, options.payload, maxPayloadBytes),
    trigger: isOneOff ? NO_TRIGGER : trigger && codec.encode(trigger),
    due: dueTime(
      slug,
      options,
      isOneOff ? undefined : trigger ?? registry.trigger(kind),
      now,
    ),
    onConflict,
    keepMs,
  };
}

function kindOf(action: string, job: unknown): string {
  const kind = typeof job === "string" ? job : Object(job).kind;
  if (typeof job === "function" || kind === undefined) {
    throw new TypeError(
      `Cannot ${action}: expected a job or its kind, got ${printable(job)}`,
    );
  }
  checkName("kind", kind);
  return kind;
}

function dueTime(
  slug: string,
  { delayMs, when }: TaskOptions,
  trigger: Trigger | undefined,
  now: Date,
): Draft["due"] {
  if (delayMs !== undefined && when !== undefined) {
    throw new TypeError(
      `Cannot schedule "${slug}" with both delayMs and when: expected one`,
    );
  }
  if (delayMs !== undefined) {
    return { inMs: checkDelay(slug, delayMs, now.getTime()) };
  }
  if (when !== undefined) return { at: checkWhen(slug, when) };
  return trigger === undefined ? { inMs: 0 } : { first: trigger };
}

function firstFireTime(slug: string, trigger: Trigger, now: Date): Date {
  const first = trigger.nextFireTime(new Date(now));
  if (first === undefined) {
    throw new RangeError(
      `Cannot schedule "${slug}": its trigger never fires after ` +
        `${now.toISOString()}; expected a fire time`,
    );
  }
  return checkWhen(slug, first);
}

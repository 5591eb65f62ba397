import {
  CronExpressionError,
  JobAlreadyRegisteredError,
} from "../api/errors.ts";
import type { Job } from "../api/job.ts";
import type {
  JobFunction,
  RegisterJobOptions,
  ScheduleJobOptions,
} from "../api/scheduler.ts";
import type { TaskRecord } from "../api/task.ts";
import type { Trigger, TriggerCodec } from "../api/trigger.ts";
import { ExponentialBackoff } from "../core/backoff.ts";
import type { RunPolicy } from "../core/decide.ts";
import { checkOptions } from "../core/options.ts";
import { printable } from "../core/text.ts";
import { checkMethods, checkName, checkStay } from "../core/validate.ts";

/** A job and what its kind says about its runs. */
export interface Registration extends RunPolicy {
  /** Does the work. */
  readonly job: Job;
}

/** The stored form of no trigger, whatever the kind has. */
export const NO_TRIGGER = "null";

/** More restored triggers than these are not remembered. */
const MAX_TRIGGERS = 1_000;

const OPTIONS: readonly (keyof RegisterJobOptions)[] = [
  "trigger",
  "timeZone",
  "backoff",
  "misfire",
  "misfireThresholdMs",
  "keepMs",
  "keepFailedMs",
];

/** The jobs that this process knows, by kind. */
export class Registry {
  readonly #codec: TriggerCodec;
  readonly #registrations = new Map<string, Registration>();
  /** Restored triggers by their stored form: many tasks share few of them. */
  readonly #triggers = new Map<string, Trigger>();
  #kinds: readonly string[] = [];

  constructor(codec: TriggerCodec) {
    this.#codec = codec;
  }

  /** The kinds that this process knows. */
  get kinds(): readonly string[] {
    return this.#kinds;
  }

  /** Adds a job; throws if it is no job, or if its kind is taken. */
  add(job: Job, options: RegisterJobOptions = {}): void {
    const { kind } = Object(job);
    if (typeof job === "function" || kind === undefined) {
      throw new TypeError(
        `Cannot register ${printable(job)}: expected a job, or a kind and a ` +
          "function",
      );
    }
    checkName("kind", kind);
    checkMethods(`register "${kind}"`, "a job", job, ["execute"]);
    if (this.#registrations.has(kind)) {
      throw new JobAlreadyRegisteredError(kind);
    }
    this.#registrations.set(kind, { job, ...this.#toPolicy(kind, options) });
    this.#kinds = [...this.#registrations.keys()];
  }

  /** Whether this process knows the kind. */
  has(kind: string): boolean {
    return this.#registrations.has(kind);
  }

  /** The job of a kind, if this process knows it. */
  job(kind: string): Job | undefined {
    return this.#registrations.get(kind)?.job;
  }

  /** The trigger of a kind, if it has one. */
  trigger(kind: string): Trigger | undefined {
    return this.#registrations.get(kind)?.trigger;
  }

  /** The job and the policy of a kind that this process knows. */
  get(kind: string): Registration {
    return this.#registrations.get(kind)!;
  }

  /**
   * The job of a task, and what its kind says about its runs. Throws if the
   * task's own trigger cannot be restored.
   */
  registrationOf(task: TaskRecord): Registration {
    const registration = this.get(task.kind);
    switch (task.trigger) {
      case undefined:
        return registration;
      case NO_TRIGGER:
        return { ...registration, trigger: undefined };
      default:
        return { ...registration, trigger: this.#restore(task.trigger) };
    }
  }

  #restore(stored: string): Trigger {
    const known = this.#triggers.get(stored);
    if (known !== undefined) return known;
    const trigger = this.#codec.decode(stored);
    if (this.#triggers.size >= MAX_TRIGGERS) this.#triggers.clear();
    this.#triggers.set(stored, trigger);
    return trigger;
  }

  #toPolicy(kind: string, options: RegisterJobOptions): RunPolicy {
    const action = `register "${kind}"`;
    checkOptions(action, options, OPTIONS);
    const {
      backoff = new ExponentialBackoff(),
      misfire = "fireOnce",
      misfireThresholdMs = 60_000,
      keepMs = 0,
      keepFailedMs = Infinity,
    } = options;
    const trigger = toTrigger(action, options, this.#codec);
    checkMethods(action, "a backoff", backoff, ["nextRetryTime"]);
    if (!["fireOnce", "skip", "catchUp"].includes(misfire)) {
      throw new TypeError(
        `Cannot ${action} with misfire ${printable(misfire)}: ` +
          `expected "fireOnce", "skip" or "catchUp"`,
      );
    }
    checkStay("misfireThresholdMs", misfireThresholdMs);
    checkStay("keepMs", keepMs);
    checkStay("keepFailedMs", keepFailedMs);
    return {
      trigger,
      backoff,
      misfire,
      misfireThresholdMs,
      keepMs,
      keepFailedMs,
    };
  }
}

/** What is registered: a job, or a function of a kind. */
export function toJob(job: Job | string, execute: unknown): Job {
  if (typeof job !== "string") return job;
  if (typeof execute !== "function") {
    throw new TypeError(
      `Cannot register "${job}": expected a function that does the work, ` +
        `got ${printable(execute)}`,
    );
  }
  return { kind: job, execute: execute as JobFunction };
}

/** The trigger that options name, if any. A string is an expression. */
export function toTrigger(
  action: string,
  { trigger, timeZone }: Pick<ScheduleJobOptions, "trigger" | "timeZone">,
  codec: TriggerCodec,
): Trigger | undefined {
  if (typeof trigger === "string") {
    return parse(action, trigger, timeZone, codec);
  }
  if (timeZone !== undefined) {
    throw new TypeError(
      `Cannot ${action} with the time zone ${printable(timeZone)}: ` +
        "expected a trigger that is a cron expression beside it",
    );
  }
  if (trigger === undefined) return undefined;
  checkMethods(action, "a trigger", trigger, ["nextFireTime"]);
  return trigger as Trigger;
}

/** Reads an expression; the error names the task or the kind. */
function parse(
  action: string,
  trigger: string,
  timeZone: string | undefined,
  codec: TriggerCodec,
): Trigger {
  try {
    return codec.parse(trigger, timeZone);
  } catch (error) {
    if (!(error instanceof CronExpressionError)) throw error;
    const { expression, field, value, reason } = error;
    throw new CronExpressionError(expression, field, value, reason, action);
  }
}

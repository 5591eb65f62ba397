import { restoreTrigger } from "../../triggers/codec.ts";
import { type Backoff, ExponentialBackoff } from "../api/backoff.ts";
import type { RunPolicy } from "../core/decide.ts";
import { JobAlreadyRegisteredError } from "../api/errors.ts";
import type { Job } from "../api/job.ts";
import type { Misfire } from "../core/misfire.ts";
import type { TaskRecord } from "../api/task.ts";
import type { Trigger } from "../api/trigger.ts";
import { checkDuration, checkName } from "../core/validate.ts";

/** Options of `registerJob`. */
export interface RegisterJobOptions {
  /**
   * Makes every task of the kind that has no trigger of its own recur.
   *
   * @default undefined
   */
  readonly trigger?: Trigger;
  /**
   * When failed runs are tried again.
   *
   * @default new ExponentialBackoff()
   */
  readonly backoff?: Backoff;
  /**
   * What happens to fire times that nobody could run in time.
   *
   * @default "fireOnce"
   */
  readonly misfire?: Misfire;
  /**
   * From when on `misfire: "skip"` calls a fire time missed, in milliseconds.
   *
   * @default 60_000
   */
  readonly misfireThresholdMs?: number;
}

/** A job and what its kind says about its runs. */
export interface Registration extends RunPolicy {
  /** Does the work. */
  readonly job: Job;
}

/** More restored triggers than these are not remembered. */
const MAX_TRIGGERS = 1_000;

/** The jobs that this process knows, by kind. */
export class Registry {
  readonly #registrations = new Map<string, Registration>();
  /** Restored triggers by their stored form: many tasks share few of them. */
  readonly #triggers = new Map<string, Trigger>();
  #kinds: readonly string[] = [];

  /** The kinds that this process knows. */
  get kinds(): readonly string[] {
    return this.#kinds;
  }

  /** Adds a job; throws if it is no job, or if its kind is taken. */
  add(job: Job, options: RegisterJobOptions): void {
    checkName("kind", job?.kind);
    const { kind } = job;
    if (typeof job.execute !== "function") {
      throw new TypeError(
        `Cannot register "${kind}": the job must have a method execute`,
      );
    }
    if (this.#registrations.has(kind)) {
      throw new JobAlreadyRegisteredError(kind);
    }
    this.#registrations.set(kind, { job, ...toPolicy(kind, options) });
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
   * What the kind of a task says about its runs. Throws if the task's own
   * trigger cannot be restored.
   */
  policyOf(task: TaskRecord): RunPolicy {
    const policy = this.get(task.kind);
    return task.trigger === undefined
      ? policy
      : { ...policy, trigger: this.#restore(task.trigger) };
  }

  #restore(stored: string): Trigger {
    const known = this.#triggers.get(stored);
    if (known !== undefined) return known;
    const trigger = restoreTrigger(stored);
    if (this.#triggers.size >= MAX_TRIGGERS) this.#triggers.clear();
    this.#triggers.set(stored, trigger);
    return trigger;
  }
}

function toPolicy(kind: string, options: RegisterJobOptions): RunPolicy {
  const {
    trigger,
    backoff = new ExponentialBackoff(),
    misfire = "fireOnce",
    misfireThresholdMs = 60_000,
  } = options;
  if (trigger !== undefined) checkTrigger(`register "${kind}"`, trigger);
  if (typeof backoff?.nextRetryTime !== "function") {
    throw new TypeError(
      `Cannot register "${kind}": the backoff must have a method nextRetryTime`,
    );
  }
  if (!["fireOnce", "skip", "catchUp"].includes(misfire)) {
    throw new TypeError(
      `Cannot register "${kind}" with misfire "${misfire}": ` +
        `it must be "fireOnce", "skip" or "catchUp"`,
    );
  }
  checkDuration("misfireThresholdMs", misfireThresholdMs, { min: 0 });
  return { trigger, backoff, misfire, misfireThresholdMs };
}

/** Throws if `trigger` is no trigger. */
export function checkTrigger(action: string, trigger: Trigger): void {
  if (typeof trigger?.nextFireTime !== "function") {
    throw new TypeError(
      `Cannot ${action}: the trigger must have a method nextFireTime`,
    );
  }
}

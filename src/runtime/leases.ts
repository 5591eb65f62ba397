import { Alarm } from "./alarm.ts";
import type { Clock } from "../api/clock.ts";
import { JobNotLockedError } from "../api/errors.ts";
import type { ClaimingStore, Renewal } from "../api/job_store.ts";
import type { Logger } from "../api/logger.ts";
import { fieldsOf } from "./reports.ts";
import type { Run } from "./run.ts";
import { reasonText } from "../core/text.ts";

/**
 * Holds the runs of a process, and renews their leases in one batch. A lease
 * that could not be renewed in time counts as lost: somebody else may run the
 * task by now.
 */
export class Leases {
  readonly #store: ClaimingStore;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #leaseMs: number;
  readonly #held = new Set<Run>();
  readonly #alarm: Alarm;
  /** Those that the store has not answered yet. */
  readonly #renewals = new Set<Promise<void>>();
  /** Ends when nothing is held any more. */
  #watching: Promise<void> | undefined;

  constructor(
    store: ClaimingStore,
    clock: Clock,
    logger: Logger,
    leaseMs: number,
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#logger = logger;
    this.#leaseMs = leaseMs;
    this.#alarm = new Alarm(clock);
  }

  /** How many runs are held. */
  get size(): number {
    return this.#held.size;
  }

  /** The runs that are held. */
  [Symbol.iterator](): Iterator<Run> {
    return this.#held.values();
  }

  /** Holds a run until it is dropped. */
  hold(run: Run): void {
    this.#held.add(run);
    this.#alarm.setAt(run.renewAt);
    this.#watching ??= this.#watch();
  }

  /** Lets go of a run. */
  drop(run: Run): void {
    this.#held.delete(run);
  }

  /** Resolves when no renewal is under way. */
  async renewed(): Promise<void> {
    await Promise.all(this.#renewals);
  }

  /** Stops watching, and lets go of everything. */
  async end(): Promise<void> {
    this.#held.clear();
    this.#alarm.setNow();
    await this.#watching;
  }

  async #watch(): Promise<void> {
    for (;;) {
      await this.#alarm.ring();
      if (this.#held.size === 0) break;
      this.#look();
    }
    this.#watching = undefined;
  }

  #look(): void {
    const now = this.#clock.monotonic();
    const due: Run[] = [];
    let next = now + this.#leaseMs;
    for (const run of this.#held) {
      if (run.leaseEndsAt <= now) this.#expire(run);
      else next = Math.min(next, run.leaseEndsAt);
      if (run.renewAt <= now) {
        // If the store does not answer, the next renewal goes out all the same.
        run.renewAt = now + renewalPeriodMs(this.#leaseMs);
        due.push(run);
      }
      next = Math.min(next, run.renewAt);
    }
    this.#alarm.setAt(next);
    if (due.length === 0) return;
    const renewal = this.#renew(due, now);
    this.#renewals.add(renewal);
    void renewal.then(() => this.#renewals.delete(renewal));
  }

  /**
   * Somebody else may run the task by now, so the job must end. What it still
   * hands in counts if nobody does: the store knows.
   */
  #expire(run: Run): void {
    const { slug, version } = run;
    run.leaseEndsAt = Infinity;
    if (!run.executing) return;
    const reason = "its lease ran out before it could be renewed";
    run.abort(new JobNotLockedError(slug, version, reason));
    this.#logger.warn(`Aborted "${slug}": ${reason}`, fieldsOf(run.task));
  }

  #lose(run: Run): void {
    run.lose("another process took it over, or it was deleted");
    this.#held.delete(run);
    this.#logger.warn(`Lost the claim on "${run.slug}"`, fieldsOf(run.task));
  }

  async #renew(runs: readonly Run[], now: number): Promise<void> {
    try {
      const renewals = await this.#store.renew(runs, this.#leaseMs);
      runs.forEach((run, index) => this.#onRenewal(run, renewals[index], now));
    } catch (error) {
      const retryMs = this.#retryMs;
      for (const run of runs) this.#renewSoon(run);
      this.#logger.warn(`Cannot renew leases: ${reasonText(error)}`, {
        error,
        retryMs,
      });
    }
  }

  #onRenewal(run: Run, renewal: Renewal, now: number): void {
    switch (renewal) {
      case "held":
      case "cancelled":
        run.leaseEndsAt = Math.max(run.leaseEndsAt, now + this.#leaseMs);
        if (renewal === "cancelled") run.cancel();
        break;
      case "busy":
        // Somebody has the task locked; its lease may still be renewed in time.
        this.#renewSoon(run);
        break;
      case "lost":
        // Others may have been settled meanwhile.
        if (run.executing) this.#lose(run);
    }
  }

  get #retryMs(): number {
    return this.#leaseMs / 10;
  }

  #renewSoon(run: Run): void {
    const renewAt = this.#clock.monotonic() + this.#retryMs;
    run.renewAt = Math.min(run.renewAt, renewAt);
    this.#alarm.setAt(renewAt);
  }
}

/** A third of the lease: two renewals may fail before it runs out. */
export function renewalPeriodMs(leaseMs: number): number {
  return leaseMs / 3;
}

import { Alarm } from "./alarm.ts";
import type { Clock } from "../api/clock.ts";
import {
  decide,
  isMissed,
  type Outcome,
  release,
  type RunPolicy,
} from "../core/decide.ts";
import { SchedulerError } from "../api/errors.ts";
import { execute } from "./execute.ts";
import type { JobStore, StoreChange } from "../api/job_store.ts";
import { Leases, renewalPeriodMs } from "./leases.ts";
import type { Logger } from "../api/logger.ts";
import type { Registry } from "./registry.ts";
import { Run, RunContext } from "./run.ts";
import { Settler } from "./settler.ts";
import type { StoreClock } from "./store_clock.ts";
import { errorText } from "../core/text.ts";

/** What a {@linkcode Runner} works with. */
export interface RunnerSettings {
  readonly store: JobStore;
  readonly registry: Registry;
  readonly storeClock: StoreClock;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly concurrency: number;
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  readonly jitterMs: number;
}

/** The first and the longest pause before the store is tried again. */
const RETRY_MS = { first: 100, longest: 10_000 };
/** How long other work may have to wait for a turn of the event loop. */
const MAX_BUSY_MS = 20;
/** How long stopping may take beyond its deadline to reach the store. */
const HAND_BACK_MS = 5_000;

/**
 * Runs what is due, from `start` to `stop`: claims tasks, executes their jobs,
 * decides what becomes of them, and tells the store; then sleeps until the next
 * task is due or something changes.
 */
export class Runner {
  readonly #settings: RunnerSettings;
  readonly #alarm: Alarm;
  /** When the next task can be claimed, for all that is known. */
  #dueAt = Infinity;
  readonly #leases: Leases;
  readonly #settler: Settler;
  readonly #stopping = new AbortController();
  #starting: Promise<void> = Promise.resolve();
  #watch: AsyncDisposable | undefined;
  #loop: Promise<void> | undefined;
  #executing = 0;
  /** Whether tasks may be due for which there was no room. */
  #full = false;
  /** How often in a row a task was due and yet not to be had. */
  #misses = 0;
  #busySince = 0;
  #onIdle: (() => void) | undefined;

  constructor(settings: RunnerSettings) {
    const { store, clock, logger, leaseMs } = settings;
    this.#settings = settings;
    this.#alarm = new Alarm(clock);
    this.#leases = new Leases(store, clock, logger, leaseMs);
    this.#settler = new Settler(store, clock, logger, (run) => {
      this.#leases.drop(run);
      this.#makeRoom();
    });
  }

  /** Resolves when it runs; rejects if the store cannot be used. */
  start(): Promise<void> {
    return this.#starting = this.#start();
  }

  async #start(): Promise<void> {
    const { store, clock } = this.#settings;
    this.#watch = await store.watch((change) => this.#onChange(change));
    try {
      await this.#planNextLook();
      this.#stopping.signal.throwIfAborted();
    } catch (error) {
      await this.#unwatch();
      throw error;
    }
    this.#busySince = clock.monotonic();
    this.#loop = this.#runLoop();
  }

  /** Looks for due tasks at once: more kinds are known now. */
  wake(): void {
    this.#lookAt(-Infinity);
  }

  /** The runs of tasks with these slugs; all runs, if none are given. */
  runsOf(slugs?: ReadonlySet<string>): Run[] {
    return [...this.#leases].filter((run) => slugs?.has(run.slug) ?? true);
  }

  /**
   * Claims no more, lets running jobs finish until the deadline, then tells
   * them to end, and hands back to the store what did not finish.
   */
  async stop(timeoutMs: number): Promise<void> {
    // A start that fails has nothing to stop, and tells its own caller.
    await this.#within(HAND_BACK_MS, this.#starting.catch(() => {}));
    const unwatched = this.#unwatch();
    this.#stopping.abort(
      new SchedulerError("Cannot start the scheduler: it was stopped"),
    );
    this.#alarm.setNow();
    await this.#within(timeoutMs, this.#drained());
    if (this.#executing > 0) await this.#abortJobs();
    await this.#within(
      HAND_BACK_MS,
      Promise.all([this.#settledAll(), unwatched]),
    );
    this.#settler.giveUp();
    await this.#leases.end();
  }

  async #unwatch(): Promise<void> {
    const watch = this.#watch;
    this.#watch = undefined;
    try {
      await watch?.[Symbol.asyncDispose]();
    } catch (error) {
      const { logger } = this.#settings;
      logger.warn(`Cannot end the watch: ${errorText(error)}`, { error });
    }
  }

  async #runLoop(): Promise<void> {
    const { clock, logger } = this.#settings;
    let retryMs = RETRY_MS.first;
    for (;;) {
      await this.#alarm.ring();
      if (this.#stopping.signal.aborted) return;
      const due = this.#dueAt <= clock.monotonic();
      this.#dueAt = Infinity;
      try {
        if (due) await this.#runDue();
        else await this.#planNextLook();
        if (retryMs > RETRY_MS.first) logger.warn("The store answers again");
        retryMs = RETRY_MS.first;
      } catch (error) {
        logger.error(
          `Cannot look for due tasks, next try in ${retryMs} ms: ` +
            errorText(error),
          { error, retryMs },
        );
        await clock.sleep(retryMs, this.#stopping.signal);
        retryMs = Math.min(retryMs * 2, RETRY_MS.longest);
        this.wake();
      }
    }
  }

  /** Claims and runs what is due, then plans when to look again. */
  async #runDue(): Promise<void> {
    for (;;) {
      const limit = this.#room();
      this.#full = limit === 0;
      if (this.#full) return;
      const claimed = await this.#claim(limit);
      if (claimed > 0) this.#misses = 0;
      if (claimed < limit) break;
      await this.#letOthersGo();
    }
    await this.#planNextLook();
  }

  /**
   * How many tasks may be claimed: as many as there are free slots, and no more
   * while the store is behind with settling.
   */
  #room(): number {
    const { concurrency } = this.#settings;
    if (this.#stopping.signal.aborted) return 0;
    return Math.max(
      0,
      Math.min(
        concurrency - this.#executing,
        2 * concurrency - this.#leases.size,
      ),
    );
  }

  #makeRoom(): void {
    if (this.#full) this.wake();
  }

  /** Claims up to `limit` due tasks and sets off their jobs. */
  async #claim(limit: number): Promise<number> {
    const { store, registry, storeClock, clock, leaseMs } = this.#settings;
    const { kinds } = registry;
    if (kinds.length === 0) return 0;
    const askedAt = clock.monotonic();
    const tasks = await store.lock({ kinds, limit, leaseMs });
    const now = storeClock.now();
    for (const task of tasks) {
      const run = new Run(
        task,
        askedAt + leaseMs,
        askedAt + renewalPeriodMs(leaseMs),
      );
      this.#leases.hold(run);
      this.#executing++;
      if (this.#stopping.signal.aborted) {
        this.#end(run, { type: "released" }, registry.get(task.kind));
      } else {
        this.#run(run, now);
      }
    }
    return tasks.length;
  }

  #run(run: Run, now: Date): void {
    const { registry, store } = this.#settings;
    const { task } = run;
    const registration = registry.get(task.kind);
    let policy: RunPolicy;
    try {
      policy = registry.policyOf(task);
    } catch (error) {
      const outcome = { type: "failed", message: errorText(error) } as const;
      return this.#end(run, outcome, { ...registration, trigger: undefined });
    }
    if (isMissed(task, policy, now)) {
      return this.#end(run, { type: "skipped" }, policy);
    }
    const outcome = execute(
      registration.job,
      task,
      new RunContext(run),
      store.maxPayloadBytes,
    );
    if (outcome instanceof Promise) {
      void outcome.then((outcome) => this.#end(run, outcome, policy));
    } else {
      this.#end(run, outcome, policy);
    }
  }

  #end(run: Run, outcome: Outcome, policy: RunPolicy): void {
    run.executing = false;
    this.#executing--;
    if (run.ended === undefined) {
      this.#settle(run, run.aborted ? excused(outcome) : outcome, policy);
    } else if (run.ended === "lost") {
      this.#leases.drop(run);
    }
    this.#makeRoom();
    if (this.#executing === 0) this.#onIdle?.();
  }

  #settle(run: Run, outcome: Outcome, policy: RunPolicy): void {
    const { logger, storeClock } = this.#settings;
    const next = decide(run.task, outcome, policy, storeClock.now());
    if (outcome.type === "failed") {
      const { slug, kind } = run.task;
      const plan = next?.status === "failed"
        ? "stays as failed"
        : `runs again at ${next?.when.toISOString()}`;
      logger.warn(`Run of "${slug}" failed, it ${plan}: ${outcome.message}`, {
        kind,
        retry: next?.retry,
      });
    }
    this.#settler.add(run, next);
  }

  /** Sets the alarm to when the next task can be claimed. */
  async #planNextLook(): Promise<void> {
    const { store, registry, storeClock, clock, heartbeatMs } = this.#settings;
    const { now, when } = await store.nextRun(registry.kinds);
    storeClock.update(now);
    const present = clock.monotonic();
    this.#alarm.setAt(present + heartbeatMs);
    if (when === undefined || when > now) this.#misses = 0;
    if (when === undefined) return;
    const earliest = present + Math.min(2 ** this.#misses++, 1_000);
    this.#lookAt(Math.max(this.#claimableAt(when), earliest));
  }

  #onChange({ when, kinds }: StoreChange): void {
    const { registry } = this.#settings;
    if (kinds?.some((kind) => registry.has(kind)) ?? true) {
      this.#lookAt(when === undefined ? -Infinity : this.#claimableAt(when));
    }
  }

  /** Looks for due tasks at `at`, unless it does so sooner. */
  #lookAt(at: number): void {
    this.#dueAt = Math.min(this.#dueAt, at);
    this.#alarm.setAt(at);
  }

  /** When to look for a task that can be claimed from `when` on. */
  #claimableAt(when: Date): number {
    const { storeClock, clock, jitterMs } = this.#settings;
    const jitter = jitterMs === 0 ? 0 : jitterMs * clock.random();
    return storeClock.toMonotonic(when) + jitter;
  }

  /** Timers and sockets get a turn even if jobs and store never wait. */
  async #letOthersGo(): Promise<void> {
    const { clock } = this.#settings;
    if (clock.monotonic() - this.#busySince > MAX_BUSY_MS) {
      await clock.sleep(0);
      this.#busySince = clock.monotonic();
    }
  }

  /** Resolves when nothing is claimed any more and no job runs. */
  async #drained(): Promise<void> {
    await this.#loop;
    if (this.#executing === 0) return;
    await new Promise<void>((resolve) => this.#onIdle = resolve);
  }

  async #abortJobs(): Promise<void> {
    const { clock, logger } = this.#settings;
    const reason = new SchedulerError("The scheduler stopped before the end");
    for (const run of this.#leases) if (run.executing) run.abort(reason);
    // A job that heeds its signal may finish in its own way.
    await clock.sleep(0);
    for (const run of this.#leases) {
      if (!run.executing || run.ended !== undefined) continue;
      run.ended = "released";
      logger.warn(`Handed "${run.slug}" back: its job did not end in time`);
      this.#settler.add(run, release(run.task));
    }
  }

  /** Resolves when the store knows how everything ended. */
  async #settledAll(): Promise<void> {
    await this.#loop;
    await this.#settler.flush();
    await this.#leases.renewed();
  }

  async #within(timeoutMs: number, done: Promise<unknown>): Promise<void> {
    const over = new AbortController();
    await Promise.race([
      done.finally(() => over.abort()),
      this.#settings.clock.sleep(timeoutMs, over.signal),
    ]);
  }
}

/** What a job throws when it is told to end is no fault of its own. */
function excused(outcome: Outcome): Outcome {
  return outcome.type === "failed" ? { type: "released" } : outcome;
}

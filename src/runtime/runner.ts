import type { Clock } from "../api/clock.ts";
import { SchedulerError } from "../api/errors.ts";
import type { JobStore } from "../api/job_store.ts";
import { release } from "../core/decide.ts";
import { reasonText } from "../core/text.ts";
import { within } from "./within.ts";
import { Alarm } from "./alarm.ts";
import { Instance } from "./instance.ts";
import { KindTurns } from "./kind_turns.ts";
import { Leases } from "./leases.ts";
import { Loop } from "./loop.ts";
import type { Registry } from "./registry.ts";
import { fieldsOf } from "./reports.ts";
import type { Run } from "./run.ts";
import type { Runtime } from "./run_due.ts";
import type { SafeLogger } from "../core/safe_logger.ts";
import { Settler } from "./settler.ts";
import { Slots } from "./slots.ts";
import type { StoreClock } from "./store_clock.ts";
import { Turns } from "./turns.ts";

/** What a {@linkcode Runner} works with. */
export interface RunnerSettings {
  readonly store: JobStore;
  readonly registry: Registry;
  readonly storeClock: StoreClock;
  readonly clock: Clock;
  readonly logger: SafeLogger;
  readonly concurrency: number;
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  readonly jitterMs: number;
  readonly name: string | undefined;
  readonly version: string | undefined;
}

/** How long stopping may take beyond its deadline to reach the store. */
const HAND_BACK_MS = 5_000;

/** Runs what is due, from `start` to `stop`. */
export class Runner {
  readonly #runtime: Runtime & Pick<RunnerSettings, "store">;
  readonly #loop: Loop;
  readonly #stopping = new AbortController();
  /** Rings when running jobs have had their time. */
  readonly #deadline: Alarm;
  #starting: Promise<void> = Promise.resolve();
  #watch: AsyncDisposable | undefined;
  #looping: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(settings: RunnerSettings) {
    const { store, clock, logger, leaseMs, concurrency } = settings;
    const leases = new Leases(store, clock, logger, leaseMs);
    const onRoom = () => this.#loop.onRoom();
    this.#runtime = {
      ...settings,
      leases,
      slots: new Slots(concurrency, onRoom),
      settler: new Settler(store, clock, logger, (run) => {
        leases.drop(run);
        onRoom();
      }),
      turns: new Turns(clock),
      kindTurns: new KindTurns(),
      instance: new Instance({ ...settings, slots: concurrency }),
      stopping: this.#stopping.signal,
    };
    this.#loop = new Loop(this.#runtime, settings);
    this.#deadline = new Alarm(clock);
  }

  /** Whether it was told to stop. */
  get isStopping(): boolean {
    return this.#stopped !== undefined;
  }

  /** Resolves when it runs; rejects if the store cannot be used. */
  start(): Promise<void> {
    return this.#starting = this.#start();
  }

  async #start(): Promise<void> {
    const { store, stopping } = this.#runtime;
    this.#watch = await store.watch((change) => this.#loop.onChange(change));
    try {
      stopping.throwIfAborted();
      await this.#loop.plan();
      stopping.throwIfAborted();
    } catch (error) {
      await this.#unwatch();
      throw error;
    }
    this.#looping = this.#loop.run();
  }

  /** Looks for due tasks at once: more kinds are known now. */
  wake(): void {
    this.#loop.wake();
  }

  /** The runs of tasks with these slugs; all runs, if none are given. */
  runsOf(slugs?: ReadonlySet<string>): Run[] {
    return [...this.#runtime.leases].filter((run) =>
      slugs?.has(run.slug) ?? true
    );
  }

  /**
   * Claims no more, lets running jobs finish until the deadline, then tells
   * them to end, and hands back to the store what did not finish. Called again,
   * the earlier deadline counts.
   */
  stop(timeoutMs: number): Promise<void> {
    this.#deadline.setAt(this.#runtime.clock.monotonic() + timeoutMs);
    return this.#stopped ??= this.#stop();
  }

  async #stop(): Promise<void> {
    const { clock, settler, slots, leases } = this.#runtime;
    this.#stopping.abort(
      new SchedulerError("Cannot start the scheduler: it was stopped"),
    );
    const unwatched = this.#unwatch();
    this.#loop.wake();
    // Before it runs, no job is waited for, but only the store.
    if (this.#looping === undefined) {
      this.#deadline.setAt(clock.monotonic() + HAND_BACK_MS);
    }
    void this.#drained().then(() => this.#deadline.setNow());
    await this.#deadline.ring();
    if (slots.free < slots.total) await this.#abortJobs();
    await this.#within(
      HAND_BACK_MS,
      Promise.all([this.#settledAll(), unwatched]),
    );
    settler.giveUp();
    await leases.end();
    await this.#within(HAND_BACK_MS, this.#leave());
  }

  async #unwatch(): Promise<void> {
    const watch = this.#watch;
    this.#watch = undefined;
    try {
      await watch?.[Symbol.asyncDispose]();
    } catch (error) {
      const { logger } = this.#runtime;
      logger.warn(`Cannot end the watch: ${reasonText(error)}`, { error });
    }
  }

  /** Resolves when nothing is claimed any more and no job runs. */
  async #drained(): Promise<void> {
    // A start that fails has nothing to stop, and tells its own caller.
    await this.#starting.catch(() => {});
    await this.#looping;
    await this.#runtime.slots.idle();
  }

  async #abortJobs(): Promise<void> {
    const { clock, leases, logger, settler } = this.#runtime;
    const reason = new SchedulerError("The scheduler stopped before the end");
    for (const run of leases) if (run.executing) run.abort(reason);
    // A job that heeds its signal may finish in its own way.
    await clock.sleep(0);
    for (const run of leases) {
      if (!run.executing || run.ended !== undefined) continue;
      run.ended = "released";
      logger.warn(
        `Handed "${run.slug}" back: its job did not end in time`,
        fieldsOf(run.task),
      );
      settler.add({ run, next: release(run.task) });
    }
  }

  /** Others need not wait until the record of this instance is out of date. */
  async #leave(): Promise<void> {
    const { store, instance, logger } = this.#runtime;
    if (!instance.isKnown) return;
    try {
      await store.removeInstance?.(instance.id);
    } catch (error) {
      logger.warn(
        `Cannot remove the record of this instance: ${reasonText(error)}`,
        { instance: instance.id, error },
      );
    }
  }

  /** Resolves when the store knows how everything ended. */
  async #settledAll(): Promise<void> {
    const { settler, leases } = this.#runtime;
    await this.#looping;
    await settler.flush();
    await leases.renewed();
  }

  /** Waits, but no longer than so many milliseconds. */
  async #within(timeoutMs: number, done: Promise<unknown>): Promise<void> {
    const late = new Error("late");
    try {
      const { clock } = this.#runtime;
      await within(done, timeoutMs, () => late, { clock });
    } catch (error) {
      if (error !== late) throw error;
    }
  }
}

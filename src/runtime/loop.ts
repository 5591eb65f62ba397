import type { StoreChange } from "../api/job_store.ts";
import { GrowingPause } from "../core/growing_pause.ts";
import { reasonText } from "../core/text.ts";
import { Alarm } from "./alarm.ts";
import { runDue, type Runtime } from "./run_due.ts";

/** What a {@linkcode Loop} is told beside its workshop. */
export interface LoopSettings {
  readonly heartbeatMs: number;
  readonly jitterMs: number;
}

/** The pauses before the store is tried again. */
const OUTAGE = { firstMs: 100, longestMs: 10_000 };

/**
 * Sleeps until something is due, or may be, has it run, and finds out when the
 * next is due.
 */
export class Loop {
  readonly #runtime: Runtime;
  readonly #settings: LoopSettings;
  readonly #alarm: Alarm;
  readonly #pause = new GrowingPause(OUTAGE);
  /** When the next task can be claimed, for all that is known. */
  #dueAt = Infinity;
  /** Whether tasks may be due for which there was no room. */
  #full = false;
  /** How often in a row a task was due and yet not to be had. */
  #misses = 0;

  constructor(runtime: Runtime, settings: LoopSettings) {
    this.#runtime = runtime;
    this.#settings = settings;
    this.#alarm = new Alarm(runtime.clock);
  }

  /** Goes on until nothing more is to begin; never rejects. */
  async run(): Promise<void> {
    const { clock, logger, stopping } = this.#runtime;
    for (;;) {
      await this.#alarm.ring();
      if (stopping.aborted) return;
      const isDue = this.#dueAt <= clock.monotonic();
      this.#dueAt = Infinity;
      try {
        if (isDue) await this.#runDue();
        else await this.plan();
        if (this.#pause.hasGrown) logger.warn("The store is back");
        this.#pause.reset();
      } catch (error) {
        const retryMs = this.#pause.next();
        logger.error(
          `Cannot look for due tasks, next try in ${retryMs} ms: ` +
            reasonText(error),
          { error, retryMs },
        );
        await clock.sleep(retryMs, stopping);
        this.wake();
      }
    }
  }

  /** Looks for due tasks at once. */
  wake(): void {
    this.#lookAt(-Infinity);
  }

  /** Looks for due tasks at once if there was no room for them. */
  onRoom(): void {
    if (this.#full) this.wake();
  }

  /** Looks when what has changed is due. */
  onChange({ when, kinds }: StoreChange): void {
    const { registry } = this.#runtime;
    if (kinds?.some((kind) => registry.has(kind)) ?? true) {
      this.#lookAt(when === undefined ? -Infinity : this.#claimableAt(when));
    }
  }

  /** Finds out when the next task can be claimed, and looks then. */
  async plan(): Promise<void> {
    const { store, registry, storeClock, clock, logger } = this.#runtime;
    const { kinds } = registry;
    const instance = this.#runtime.instance.beat(
      clock.monotonic(),
      storeClock.now(),
      kinds,
    );
    const { now, when } = await store.nextRun({ kinds, instance });
    storeClock.update(now);
    const present = clock.monotonic();
    this.#alarm.setAt(present + this.#settings.heartbeatMs);
    if (logger.debugs) logger.debug("Planned the next look", { when });
    if (when === undefined || when > now) this.#misses = 0;
    if (when === undefined) return;
    const pauseMs = this.#misses === 0 ? 0 : Math.min(2 ** this.#misses, 1_000);
    const earliest = present + pauseMs;
    this.#misses++;
    this.#lookAt(Math.max(this.#claimableAt(when), earliest));
  }

  async #runDue(): Promise<void> {
    const { turns } = this.#runtime;
    for (;;) {
      const room = this.#room();
      this.#full = room === 0;
      if (this.#full) return;
      const { claimed } = await runDue(this.#runtime, room);
      if (claimed > 0) this.#misses = 0;
      if (claimed < room) break;
      if (turns.areDue) await turns.give();
    }
    await this.plan();
  }

  /**
   * How many tasks may be claimed: as many as there are free slots, and no more
   * while the store is behind with settling.
   */
  #room(): number {
    const { slots, leases, stopping } = this.#runtime;
    if (stopping.aborted) return 0;
    return Math.max(0, Math.min(slots.free, 2 * slots.total - leases.size));
  }

  #lookAt(at: number): void {
    this.#dueAt = Math.min(this.#dueAt, at);
    this.#alarm.setAt(at);
  }

  /** When to look for a task that can be claimed from `when` on. */
  #claimableAt(when: Date): number {
    const { storeClock, clock } = this.#runtime;
    const { jitterMs } = this.#settings;
    const jitter = jitterMs === 0 ? 0 : jitterMs * clock.random();
    return storeClock.toMonotonic(when) + jitter;
  }
}

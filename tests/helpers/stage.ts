import { assertEquals } from "@std/assert";
import type { Clock } from "../../src/api/clock.ts";
import type { Job } from "../../src/api/job.ts";
import {
  StdScheduler,
  type StdSchedulerOptions,
} from "../../triggers/std_scheduler.ts";
import { MemoryStore } from "../../stores/memory.ts";
import { FaultyStore } from "./faulty_store.ts";
import { RecordingLogger } from "./recording_logger.ts";
import { SteppedClock } from "./stepped_clock.ts";

/** What the stepped clock shows at first. */
export const START: Date = new Date("2026-01-01T00:00:00Z");

/** The instant so many milliseconds after the start. */
export function at(ms: number): Date {
  return new Date(START.getTime() + ms);
}

/** A scheduler on a memory store, with everything that a test can turn. */
export class Stage implements AsyncDisposable {
  readonly clock: SteppedClock;
  readonly memory: MemoryStore;
  readonly store: FaultyStore;
  readonly logger: RecordingLogger = new RecordingLogger();
  readonly scheduler: StdScheduler;
  readonly #options: StdSchedulerOptions;

  constructor(options: StdSchedulerOptions = {}) {
    this.clock = new SteppedClock(START);
    this.#options = { clock: this.clock, logger: this.logger, ...options };
    const clock = this.#options.clock!;
    this.memory = new MemoryStore({ clock });
    this.store = new FaultyStore(this.memory, clock);
    this.scheduler = new StdScheduler(this.store, this.#options);
  }

  /** Another scheduler on the same tasks, as another process would have it. */
  another(options: StdSchedulerOptions = {}): StdScheduler {
    return new StdScheduler(this.memory, { ...this.#options, ...options });
  }

  /** Milliseconds since the start. */
  get elapsed(): number {
    return this.clock.monotonic();
  }

  /** Stops the scheduler; nothing may be left of it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.scheduler.stop();
    assertEquals(this.clock.sleepers, 0, "timers are left");
    assertEquals(this.store.watches, 0, "watches are left");
  }
}

/** A job that remembers when it ran what. */
export function recorder(clock: Clock, kind = "work"): Job & {
  readonly runs: readonly string[];
} {
  const started = clock.monotonic();
  const runs: string[] = [];
  return {
    kind,
    runs,
    execute: ({ slug }) =>
      void runs.push(`${slug} ${clock.monotonic() - started}`),
  };
}

/** A job that runs until it is let go, and remembers its signals. */
export function blocker(kind = "work"): Job & {
  readonly signals: readonly AbortSignal[];
  letGo(): void;
} {
  const gate = Promise.withResolvers<void>();
  const signals: AbortSignal[] = [];
  return {
    kind,
    signals,
    letGo: () => gate.resolve(),
    async execute(_task, { signal }) {
      signals.push(signal);
      await gate.promise;
    },
  };
}

/** A job that does this. */
export function job(execute: Job["execute"], kind = "work"): Job {
  return { kind, execute };
}

/** Lets a promise tell whether it is settled. */
export function watched(promise: Promise<unknown>): { readonly over: boolean } {
  const state = { over: false };
  const done = () => void (state.over = true);
  promise.then(done, done);
  return state;
}

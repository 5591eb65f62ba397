import type { Clock } from "../api/clock.ts";
import type { JobStore, NextState, Settlement } from "../api/job_store.ts";
import type { Logger } from "../api/logger.ts";
import { fieldsOf } from "./reports.ts";
import type { Run } from "./run.ts";
import { GrowingPause } from "../core/growing_pause.ts";
import { reasonText } from "../core/text.ts";

interface Entry {
  readonly run: Run;
  readonly next: NextState | undefined;
}

/** The pauses between attempts to reach the store. */
const OUTAGE = { firstMs: 100, longestMs: 5_000 };

/**
 * Tells the store how runs ended. What ends while an answer is outstanding goes
 * together into the next batch. A batch that cannot be delivered is sent again:
 * each settlement takes effect once at most, for the store fences it.
 */
export class Settler {
  readonly #store: JobStore;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #onSettled: (run: Run) => void;
  readonly #giveUp = new AbortController();
  #queue: Entry[] = [];
  #delivery: Promise<void> | undefined;

  constructor(
    store: JobStore,
    clock: Clock,
    logger: Logger,
    onSettled: (run: Run) => void,
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#logger = logger;
    this.#onSettled = onSettled;
  }

  /** Hands in the next state of a run's task; `undefined`: it is done. */
  add(run: Run, next: NextState | undefined): void {
    this.#queue.push({ run, next });
    this.#delivery ??= this.#deliverAll();
  }

  /** Resolves when the store knows everything that was handed in. */
  async flush(): Promise<void> {
    await this.#delivery;
  }

  /** Stops trying: what the store does not know by now, its lease will tell. */
  giveUp(): void {
    this.#giveUp.abort();
  }

  async #deliverAll(): Promise<void> {
    // What ends in the same turn belongs into the same batch.
    await undefined;
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      await this.#deliver(batch);
    }
    this.#delivery = undefined;
  }

  async #deliver(batch: readonly Entry[]): Promise<void> {
    const settlements = batch.map(({ run, next }): Settlement => ({
      slug: run.slug,
      version: run.version,
      next,
    }));
    const refused = await this.#send(settlements);
    for (const index of refused) {
      const { task } = batch[index].run;
      this.#logger.warn(
        `Result of "${task.slug}" was refused: its claim is gone`,
        fieldsOf(task),
      );
    }
    for (const { run } of batch) this.#onSettled(run);
  }

  /** The positions of the settlements that were refused. */
  async #send(settlements: readonly Settlement[]): Promise<number[]> {
    const { signal } = this.#giveUp;
    const pause = new GrowingPause(OUTAGE);
    while (!signal.aborted) {
      try {
        const effects = await this.#store.reschedule(settlements);
        // Sent again, a refusal may mean that the first attempt got through.
        return pause.hasGrown ? [] : refusals(effects);
      } catch (error) {
        const retryMs = pause.next();
        this.#logger.error(
          `Cannot store ${settlements.length} results, next try in ` +
            `${retryMs} ms: ${reasonText(error)}`,
          { error, retryMs },
        );
        await this.#clock.sleep(retryMs, signal);
      }
    }
    return [];
  }
}

function refusals(effects: readonly boolean[]): number[] {
  const refused: number[] = [];
  effects.forEach((effect, index) => {
    if (!effect) refused.push(index);
  });
  return refused;
}

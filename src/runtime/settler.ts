import type { Clock } from "../api/clock.ts";
import type {
  ClaimingStore,
  NextState,
  Settlement,
  SettleOutcome,
} from "../api/job_store.ts";
import type { Logger } from "../api/logger.ts";
import { GrowingPause } from "../core/growing_pause.ts";
import { reasonText } from "../core/text.ts";
import { fieldsOf } from "./reports.ts";
import type { Run } from "./run.ts";

/** How a run is to be settled. */
export interface SettlerEntry {
  readonly run: Run;
  /** The next state of its task; `undefined`: it is done. */
  readonly next: NextState | undefined;
  /**
   * The next state in place of one that the store can never take.
   *
   * @param error Why it cannot.
   */
  readonly parked?: (error: Error) => NextState;
}

/** The pauses between attempts to reach the store. */
const OUTAGE = { firstMs: 100, longestMs: 5_000 };
/** The pauses before a task is tried again that somebody has locked. */
const BUSY = { firstMs: 20, longestMs: 1_000 };

/**
 * Tells the store how runs ended. What ends while an answer is outstanding goes
 * together into the next batch. A batch that cannot be delivered is sent again:
 * each settlement takes effect once at most, for the store fences it. One that
 * is not taken holds up no other.
 */
export class Settler {
  readonly #store: ClaimingStore;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #onSettled: (run: Run) => void;
  readonly #giveUp = new AbortController();
  #queue: SettlerEntry[] = [];
  #delivery: Promise<void> | undefined;
  /** Those whose tasks somebody has locked. */
  #busy: SettlerEntry[] = [];
  #waiting: Promise<void> | undefined;
  readonly #busyPause = new GrowingPause(BUSY);

  constructor(
    store: ClaimingStore,
    clock: Clock,
    logger: Logger,
    onSettled: (run: Run) => void,
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#logger = logger;
    this.#onSettled = onSettled;
  }

  /** Hands in how a run is to be settled. */
  add(entry: SettlerEntry): void {
    this.#queue.push(entry);
    this.#delivery ??= this.#deliverAll();
  }

  /** Resolves when the store knows everything that was handed in. */
  async flush(): Promise<void> {
    while (this.#delivery !== undefined || this.#waiting !== undefined) {
      await this.#delivery;
      await this.#waiting;
    }
  }

  /** Stops trying: what the store does not know by now, its lease will tell. */
  giveUp(): void {
    this.#giveUp.abort();
  }

  async #deliverAll(): Promise<void> {
    // What ends in the same turn belongs in the same batch.
    await undefined;
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      await this.#deliver(batch);
    }
    this.#delivery = undefined;
  }

  async #deliver(batch: readonly SettlerEntry[]): Promise<void> {
    const outcomes = await this.#send(batch.map(toSettlement));
    batch.forEach((entry, index) => this.#onOutcome(entry, outcomes[index]));
    if (this.#busy.length === 0) this.#busyPause.reset();
    else this.#waiting ??= this.#retryBusy();
  }

  #onOutcome(entry: SettlerEntry, outcome: SettleOutcome): void {
    const { run, parked } = entry;
    const { task } = run;
    if (outcome === "busy" && !this.#giveUp.signal.aborted) {
      this.#busy.push(entry);
      return;
    }
    if (outcome === "lost") {
      this.#logger.warn(
        `Result of "${task.slug}" was refused: its claim is gone`,
        fieldsOf(task),
      );
    } else if (typeof outcome === "object") {
      const { error } = outcome;
      this.#logger.error(
        `Cannot store the result of "${task.slug}": ${reasonText(error)}`,
        { ...fieldsOf(task), error },
      );
      if (parked !== undefined) return this.add({ run, next: parked(error) });
    }
    this.#onSettled(run);
  }

  /** Comes back to the tasks that were locked. */
  async #retryBusy(): Promise<void> {
    const { signal } = this.#giveUp;
    await this.#clock.sleep(this.#busyPause.next(), signal);
    this.#waiting = undefined;
    const entries = this.#busy;
    this.#busy = [];
    for (const entry of entries) this.add(entry);
  }

  /** What became of each settlement. */
  async #send(settlements: readonly Settlement[]): Promise<SettleOutcome[]> {
    const { signal } = this.#giveUp;
    const pause = new GrowingPause(OUTAGE);
    while (!signal.aborted) {
      try {
        const outcomes = await this.#store.reschedule(settlements);
        // Sent again, a loss may mean that the first attempt got through.
        return pause.hasGrown
          ? outcomes.map((one) => one === "lost" ? "settled" : one)
          : outcomes;
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
    return settlements.map(() => "settled");
  }
}

function toSettlement({ run, next }: SettlerEntry): Settlement {
  const { slug, version, token } = run;
  return { slug, version, token, next };
}

import type { StoreChange } from "../../src/api/job_store.ts";
import { type ListenerSettings, PgListener } from "./listener.ts";
import { ANYTHING, merged, readMessage } from "./message.ts";

/** What a {@linkcode PgWatch} works with. */
export interface WatchSettings
  extends Omit<ListenerSettings, "onMessage" | "onGap"> {
  /** Messages with this origin are of no interest: they were told directly. */
  readonly origin: string;
  readonly onChange: (change: StoreChange) => void;
}

/** Messages that come in less than that are passed on as one. */
const SHORTEST_GAP_MS = 5;

type Timer = ReturnType<typeof setTimeout>;

/** Tells of changes that were made by this process or others. */
export class PgWatch implements AsyncDisposable {
  readonly #settings: WatchSettings;
  readonly #listener: PgListener;
  #toldAt = -Infinity;
  /** What is to be told when the gap is over. */
  #pending: StoreChange | undefined;
  #gap: Timer | undefined;
  #lookAgain: Timer | undefined;
  #over = false;

  constructor(settings: WatchSettings) {
    this.#settings = settings;
    this.#listener = new PgListener({
      ...settings,
      onMessage: (message) => this.#onMessage(message),
      onGap: () => this.tell(ANYTHING),
    });
  }

  /** Resolves when changes are heard of. */
  async start(): Promise<void> {
    await this.#listener.start();
  }

  /** Passes on a change; never throws. */
  tell(change: StoreChange): void {
    if (this.#over) return;
    try {
      this.#settings.onChange(change);
    } catch (error) {
      this.#settings.logger.error(
        `Cannot pass on a change of "${this.#settings.channel}": the ` +
          `callback of the watch threw`,
        { error },
      );
    }
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#over = true;
    clearTimeout(this.#gap);
    clearTimeout(this.#lookAgain);
    await this.#listener[Symbol.asyncDispose]();
  }

  #onMessage(text: string): void {
    const { origin, change, againMs } = readMessage(text);
    if (this.#over || origin === this.#settings.origin) return;
    this.#tellSoon(change);
    if (againMs === undefined) return;
    clearTimeout(this.#lookAgain);
    this.#lookAgain = setTimeout(() => this.#tellSoon(ANYTHING), againMs);
  }

  /** At once, unless something was told a moment ago. */
  #tellSoon(change: StoreChange): void {
    if (this.#pending !== undefined) {
      this.#pending = merged(this.#pending, change);
      return;
    }
    const waitMs = this.#toldAt + SHORTEST_GAP_MS - performance.now();
    if (waitMs <= 0) return this.#tellNow(change);
    this.#pending = change;
    this.#gap = setTimeout(() => this.#tellNow(this.#pending!), waitMs);
  }

  #tellNow(change: StoreChange): void {
    this.#pending = undefined;
    this.#toldAt = performance.now();
    this.tell(change);
  }
}

import type { StoreChange } from "../../src/api/job_store.ts";
import type { Announcement } from "./announcer.ts";
import { type ListenerSettings, PgListener } from "./listener.ts";

/** What a {@linkcode PgWatch} works with. */
export interface WatchSettings
  extends Omit<ListenerSettings, "onMessage" | "onGap"> {
  /** Messages with this origin are of no interest: they were told directly. */
  readonly origin: string;
  readonly onChange: (change: StoreChange) => void;
}

/** What a message says: an announcement and what changed. */
interface Message extends Announcement {
  /** When the soonest is due, in milliseconds since 1970; `null`: it is. */
  readonly w: number | null;
  /** The kinds. */
  readonly k: readonly string[] | null;
}

const ANYTHING: StoreChange = { when: undefined, kinds: undefined };

/** Tells of changes that were made by this process or others. */
export class PgWatch implements AsyncDisposable {
  readonly #settings: WatchSettings;
  readonly #listener: PgListener;
  #lookAgain: ReturnType<typeof setTimeout> | undefined;
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

  /** Passes on a change. */
  tell(change: StoreChange): void {
    if (!this.#over) this.#settings.onChange(change);
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#over = true;
    clearTimeout(this.#lookAgain);
    await this.#listener[Symbol.asyncDispose]();
  }

  #onMessage(text: string): void {
    const message = parse(text);
    if (this.#over || message.o === this.#settings.origin) return;
    this.tell({
      when: message.w === null ? undefined : new Date(message.w),
      kinds: message.k ?? undefined,
    });
    if (message.again !== undefined) {
      clearTimeout(this.#lookAgain);
      this.#lookAgain = setTimeout(() => this.tell(ANYTHING), message.again);
    }
  }
}

/** Whatever somebody else sends on the channel means: look. */
function parse(text: string): Message {
  try {
    return { o: null, w: null, k: null, ...JSON.parse(text) };
  } catch {
    return { o: null, w: null, k: null };
  }
}

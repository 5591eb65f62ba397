import { systemClock } from "../../src/api/clock.ts";
import type { StoreChange } from "../../src/api/job_store.ts";
import { GrowingPause } from "../../src/core/growing_pause.ts";
import type { FirestoreResult } from "./client.ts";
import { priorityOf, toDate } from "./document.ts";
import { DEFAULT_PRIORITY } from "./fields.ts";
import type { FirestoreQueries } from "./queries.ts";
import type { FirestoreRequests } from "./requests.ts";
import type { FirestoreSchema } from "./schema.ts";

/** With so many announcements at a time, it pauses, for each one costs. */
const MAX_DOCUMENTS = 20;
/** For how long it pauses. */
const PAUSE_MS = 1_000;
/** So late may an announcement arrive, for its author takes time to write. */
const OVERLAP_MS = 5_000;
/** The pauses between attempts to listen. */
const RETRY_PAUSES = { firstMs: 1_000, longestMs: 60_000 };

/** Is told of a change, and the priority of the task. */
type Tell = (change: StoreChange, priority: number) => void;

/**
 * Listens to announcements in the collection, until it is ended. The client
 * mends broken connections; when it gives up, this starts anew.
 */
export class FirestoreListener {
  readonly #requests: FirestoreRequests;
  readonly #schema: FirestoreSchema;
  readonly #queries: FirestoreQueries;
  readonly #tell: Tell;
  #started: Promise<void> | undefined;
  #ended = false;
  #unsubscribe: (() => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #pauses = new GrowingPause(RETRY_PAUSES);

  constructor(
    requests: FirestoreRequests,
    schema: FirestoreSchema,
    queries: FirestoreQueries,
    tell: Tell,
  ) {
    this.#requests = requests;
    this.#schema = schema;
    this.#queries = queries;
    this.#tell = tell;
  }

  /** Resolves when it listens; rejects if it cannot. */
  start(): Promise<void> {
    return this.#started ??= this.#listen();
  }

  /** Leaves nothing behind. */
  async end(): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#timer);
    await this.#hangUp();
  }

  async #listen(): Promise<void> {
    const now = await this.#schema.now();
    if (this.#ended) return;
    const open = Promise.withResolvers<void>();
    let opened = false;
    const unsubscribe = this.#queries
      .announcedAfter(new Date(now - OVERLAP_MS), MAX_DOCUMENTS)
      .onSnapshot(
        (result) => {
          opened = true;
          open.resolve();
          this.#onSnapshot(result);
        },
        (error) => {
          open.reject(error);
          if (opened) this.#restartIn(this.#pauses.next());
        },
      );
    this.#unsubscribe = () => {
      unsubscribe();
      open.resolve();
    };
    await this.#requests.listening(open.promise);
  }

  #onSnapshot(result: FirestoreResult): void {
    for (const { type, doc } of result.docChanges()) {
      const { claimableAt, kind, announcedBy } = doc.data()!;
      const known = announcedBy === this.#requests.author;
      if (known || type === "removed" || claimableAt == null) continue;
      const change = { when: toDate(claimableAt), kinds: [kind] };
      this.#tell(change, priorityOf(doc));
    }
    if (result.docs.length >= MAX_DOCUMENTS) {
      void this.#hangUp();
      this.#restartIn(PAUSE_MS);
    }
  }

  /**
   * If the client ends its stream amid the parts of an answer, it never gets to
   * know of the end, and `terminate` hangs: timers do not run there. And it may
   * be about to open a new stream, which must not be too late for `terminate`.
   */
  async #hangUp(): Promise<void> {
    const unsubscribe = this.#unsubscribe;
    if (unsubscribe === undefined) return;
    this.#unsubscribe = undefined;
    await systemClock.sleep(0);
    unsubscribe();
    await systemClock.sleep(0);
  }

  #restartIn(ms: number): void {
    if (this.#ended) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#restart();
    }, ms);
  }

  async #restart(): Promise<void> {
    await this.#hangUp();
    try {
      await this.#listen();
      this.#pauses.reset();
      // Something may have been missed.
      if (!this.#ended) {
        const unknown = { when: undefined, kinds: undefined };
        this.#tell(unknown, DEFAULT_PRIORITY);
      }
    } catch {
      this.#restartIn(this.#pauses.next());
    }
  }
}

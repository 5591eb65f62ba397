import { type Clock, systemClock } from "../../src/api/clock.ts";
import { SchedulerError } from "../../src/api/errors.ts";
import { GrowingPause } from "../../src/core/growing_pause.ts";
import { within } from "../../src/runtime/within.ts";
import type {
  FirestoreBatch,
  FirestoreClient,
  FirestoreCollection,
  FirestoreDocument,
  FirestoreFields,
  FirestoreQuery,
  FirestoreReference,
  FirestoreResult,
  FirestoreTimestamp,
  FirestoreWriteResult,
} from "./client.ts";
import { FirestoreClock } from "./clock.ts";
import { documentId, sizeOf } from "./document.ts";
import {
  isBusy,
  isLost,
  isMissing,
  isOpen,
  isOverload,
  isRefused,
  isSuspicious,
  storeError,
} from "./errors.ts";

/** A change of a document that takes place only if it is as it was known. */
export interface GuardedWrite {
  readonly ref: FirestoreReference;
  /** The fields to change; `undefined`: remove the document. */
  readonly fields: FirestoreFields | undefined;
  /** When it was changed last, as far as is known. */
  readonly updateTime: FirestoreTimestamp;
}

/** What became of a {@linkcode GuardedWrite}. */
export type WriteOutcome =
  | { readonly type: "done"; readonly updateTime: FirestoreTimestamp }
  /**
   * The document was not as it was known. The client sends a write again when
   * its answer got lost, so this may follow one's own success.
   */
  | { readonly type: "lost"; readonly error: Error }
  /** Somebody has the document locked; nothing took place. */
  | { readonly type: "busy"; readonly error: Error }
  /** It is open whether it took place. */
  | { readonly type: "open"; readonly error: Error }
  /** What was to be written can never be. */
  | { readonly type: "refused"; readonly error: Error }
  | { readonly type: "failed"; readonly error: Error };

/** A bulk write sends 20 writes in one request, of which 4 MiB is safe. */
const MAX_BULK_ITEM_BYTES = 150 * 1_024;
/** The pauses before the next writes, while Firestore refuses some for now. */
const OVERLOAD_PAUSES = { firstMs: 100, longestMs: 2_000 };

/** Sends requests, limits their time, and learns the server's clock from them. */
export class FirestoreRequests {
  /** Names this store among those that share the collection. */
  readonly author: string = crypto.randomUUID().slice(0, 13);
  /** The server's clock. */
  readonly clock: FirestoreClock = new FirestoreClock();
  /** Where the tasks are. */
  readonly collection: FirestoreCollection;
  readonly #client: FirestoreClient;
  /** The path of that collection. */
  readonly path: string;
  readonly #timeoutMs: number;
  /** Measures pauses and ages. */
  readonly timer: Clock;
  readonly #pauses = new GrowingPause(OVERLOAD_PAUSES);
  /** Until when writes wait, because Firestore refused the last ones. */
  #resumeAt = -Infinity;

  constructor(
    client: FirestoreClient,
    path: string,
    timeoutMs: number,
    timer: Clock = systemClock,
  ) {
    this.timer = timer;
    this.#client = client;
    this.path = path;
    this.#timeoutMs = timeoutMs;
    this.collection = client.collection(path);
  }

  /** Names the document of a task. */
  ref(slug: string): FirestoreReference {
    return this.collection.doc(documentId(slug));
  }

  /** A collection of the store's own, beside that of the tasks. */
  sibling(name: string): FirestoreCollection {
    return this.#client.collection(`${this.path}_${name}`);
  }

  /** Reads a document. */
  get(ref: FirestoreReference): Promise<FirestoreDocument> {
    return this.#ask("read", () => ref.get(), ({ readTime }) => readTime);
  }

  /** Reads documents. */
  async getAll(
    refs: readonly FirestoreReference[],
  ): Promise<readonly FirestoreDocument[]> {
    if (refs.length === 0) return [];
    return await this.#ask(
      "read",
      () => this.#client.getAll(...refs),
      ([first]) => first.readTime,
    );
  }

  /** Runs a query once. */
  query(query: FirestoreQuery): Promise<FirestoreResult> {
    return this.#ask("query", () => query.get(), ({ readTime }) => readTime);
  }

  /** Waits for a listener on the collection. */
  listening<T>(answer: Promise<T>): Promise<T> {
    return this.#ask("listen to", () => answer);
  }

  /** Sends writes that take place together. */
  async commit(
    fill: (batch: FirestoreBatch) => void,
  ): Promise<readonly FirestoreWriteResult[]> {
    const batch = this.#client.batch();
    fill(batch);
    return await this.#ask(
      "write to",
      () => batch.commit(),
      ([first]) => first.writeTime,
    );
  }

  /** Removes a document. @returns Whether there was one. */
  async delete(ref: FirestoreReference): Promise<boolean> {
    const batch = this.#client.batch();
    batch.delete(ref, { exists: true });
    try {
      await this.#ask("delete from", () => batch.commit());
      return true;
    } catch (error) {
      if (isMissing((error as Error).cause)) return false;
      throw error;
    }
  }

  /**
   * Sends writes that take place one by one; never rejects. After some for which
   * Firestore had no resources, or no time, the next ones wait a little.
   */
  async write(writes: readonly GuardedWrite[]): Promise<WriteOutcome[]> {
    if (writes.length === 0) return [];
    const waitMs = this.#resumeAt - this.timer.monotonic();
    if (waitMs > 0) await this.timer.sleep(waitMs);
    const outcomes = await this.#writeNow(writes);
    const isOverloaded = outcomes.some((outcome) =>
      (outcome.type === "open" || outcome.type === "busy") &&
      isOverload(outcome.error.cause)
    );
    const now = this.timer.monotonic();
    if (isOverloaded) {
      if (now >= this.#resumeAt) this.#resumeAt = now + this.#pauses.next();
    } else if (outcomes.some(({ type }) => type === "done")) {
      this.#pauses.reset();
    }
    return outcomes;
  }

  async #writeNow(writes: readonly GuardedWrite[]): Promise<WriteOutcome[]> {
    const bulk = this.#client.bulkWriter({ throttling: false });
    bulk.onWriteError(() => false);
    const isLarge = ({ fields }: GuardedWrite) =>
      fields !== undefined && sizeOf(fields) > MAX_BULK_ITEM_BYTES;
    const answers = writes.map((write) =>
      isLarge(write)
        ? this.#writeAlone(write)
        : this.#outcome(() => send(bulk, write))
    );
    void bulk.close();
    const outcomes = await Promise.all(answers);
    // One that cannot be written takes those with it that were sent along.
    return await Promise.all(outcomes.map((outcome, index) => {
      const write = writes[index];
      const isAlone = writes.length === 1 || isLarge(write);
      return !isAlone && isSuspect(outcome) ? this.#writeAlone(write) : outcome;
    }));
  }

  #writeAlone(write: GuardedWrite): Promise<WriteOutcome> {
    return this.#outcome(() => {
      const batch = this.#client.batch();
      send(batch, write);
      return batch.commit().then(([result]) => result);
    });
  }

  async #outcome(
    send: () => Promise<FirestoreWriteResult>,
  ): Promise<WriteOutcome> {
    const act = `write to "${this.path}"`;
    try {
      const { writeTime } = await this.#inTime(act, send());
      return { type: "done", updateTime: writeTime };
    } catch (error) {
      return { type: typeOf(error), error: storeError(error, act) };
    }
  }

  /** The client goes on trying for minutes: what timed out may take place. */
  #inTime<T>(act: string, answer: Promise<T>): Promise<T> {
    const ms = this.#timeoutMs;
    const late = () =>
      new SchedulerError(
        `Cannot ${act}: Firestore did not answer within ${ms} ms`,
      );
    return within(answer, ms, late);
  }

  async #ask<T>(
    verb: string,
    request: () => Promise<T>,
    timeOf?: (answer: T) => FirestoreTimestamp,
  ): Promise<T> {
    const act = `${verb} "${this.path}"`;
    const askedAt = performance.now();
    try {
      const answer = await this.#inTime(act, request());
      if (timeOf !== undefined) this.clock.note(timeOf(answer), askedAt);
      return answer;
    } catch (error) {
      throw storeError(error, act);
    }
  }
}

/** Whether it may be the fault of what was to be written. */
export function isSuspect(outcome: WriteOutcome): boolean {
  return outcome.type !== "done" && isSuspicious(outcome.error.cause);
}

function typeOf(error: unknown): Exclude<WriteOutcome["type"], "done"> {
  if (isLost(error)) return "lost";
  if (isBusy(error)) return "busy";
  if (isRefused(error)) return "refused";
  return isOpen(error) ? "open" : "failed";
}

function send<T>(
  to: {
    update(
      ref: FirestoreReference,
      fields: FirestoreFields,
      precondition: { lastUpdateTime: FirestoreTimestamp },
    ): T;
    delete(
      ref: FirestoreReference,
      precondition: { lastUpdateTime: FirestoreTimestamp },
    ): T;
  },
  { ref, fields, updateTime }: GuardedWrite,
): T {
  const precondition = { lastUpdateTime: updateTime };
  return fields === undefined
    ? to.delete(ref, precondition)
    : to.update(ref, fields, precondition);
}

import type { KindLimits } from "../../src/core/lanes.ts";
import type { FirestoreDocument } from "./client.ts";
import { millis } from "./clock.ts";
import type { FirestoreQueries } from "./queries.ts";
import type { FirestoreRequests } from "./requests.ts";

/** What is to be found. */
export interface Wanted {
  /** In the order in which they take turns. */
  readonly kinds: readonly string[];
  readonly limits: KindLimits;
  readonly count: number;
}

/** What a query for some kinds found. */
export interface Answer {
  readonly kinds: readonly string[];
  readonly documents: readonly FirestoreDocument[];
  /** Whether there may be more. */
  readonly isFull: boolean;
}

/** One look for due tasks. */
export class Search {
  readonly wanted: Wanted;
  /** The server's clock when the first answer was read. */
  readAt = Infinity;
  readonly #requests: FirestoreRequests;
  readonly #queries: FirestoreQueries;
  readonly #latest: Date;
  readonly #onRead: (document: FirestoreDocument) => void;

  constructor(
    wanted: Wanted,
    requests: FirestoreRequests,
    queries: FirestoreQueries,
    onRead: (document: FirestoreDocument) => void,
  ) {
    this.wanted = wanted;
    this.#requests = requests;
    this.#queries = queries;
    this.#latest = new Date(requests.clock.latest());
    this.#onRead = onRead;
  }

  /**
   * Asks for tasks of these kinds, in as many queries as it takes.
   *
   * @param priorities `undefined`: of any.
   * @param after Only those after this one.
   */
  async ask(
    kinds: readonly string[],
    priorities: readonly number[] | undefined,
    limit: number,
    after?: FirestoreDocument,
  ): Promise<Answer[]> {
    const queries = this.#queries
      .claimable(kinds, priorities, this.#latest, limit);
    return await Promise.all(queries.map(async ({ kinds, query }) => {
      const { docs, readTime } = await this.#requests
        .query(after === undefined ? query : query.startAfter(after));
      this.readAt = Math.min(this.readAt, millis(readTime));
      docs.forEach(this.#onRead);
      return { kinds, documents: docs, isFull: docs.length >= limit };
    }));
  }
}

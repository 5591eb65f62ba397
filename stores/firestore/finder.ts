import { agedPriority } from "../../src/core/lanes.ts";
import type { FirestoreDocument } from "./client.ts";
import { claimableAt, priorityOf } from "./document.ts";
import { DEFAULT_PRIORITY, PRIORITIES } from "./fields.ts";
import { FirestorePools } from "./pools.ts";
import type { FirestoreQueries } from "./queries.ts";
import type { FirestoreRequests } from "./requests.ts";
import { Search, type Wanted } from "./search.ts";

/** What was found. */
export interface Found {
  /** Due tasks. */
  readonly documents: readonly FirestoreDocument[];
  /** The server's clock when they were read. */
  readonly readAt: number;
}

/** How often to ask for priorities that are not known to be in use. */
const PROBE_MS = 10_000;
/** For how long a priority that was seen counts as in use. */
const IN_USE_MS = 300_000;

/**
 * Finds tasks to claim, with as few reads as possible. As long as all that is
 * due fits into one answer, one query for all kinds and priorities tells it all.
 * When there is more, kinds and the priorities that are in use get their shares.
 */
export class FirestoreFinder {
  readonly #requests: FirestoreRequests;
  readonly #queries: FirestoreQueries;
  readonly #pools: FirestorePools;
  /** Priorities other than the default one, and when each was seen last. */
  readonly #seen = new Map<number, number>();
  #probeAt = -Infinity;
  /** Whether the last answer was not all that is due. */
  #isCrowded = false;

  constructor(requests: FirestoreRequests, queries: FirestoreQueries) {
    this.#requests = requests;
    this.#queries = queries;
    this.#pools = new FirestorePools(requests.timer);
  }

  /** Takes note of a task that may become due. */
  notice(priority = DEFAULT_PRIORITY): void {
    this.#pools.stir();
    this.#see(priority);
  }

  /** Finds due tasks. */
  async find(wanted: Wanted): Promise<Found> {
    const search = new Search(
      wanted,
      this.#requests,
      this.#queries,
      (document) => this.#see(priorityOf(document)),
    );
    const documents = await this.#findAll(search);
    const { readAt } = search;
    return {
      documents: documents.filter((one) => claimableAt(one) <= readAt),
      readAt,
    };
  }

  async #findAll(search: Search): Promise<readonly FirestoreDocument[]> {
    const { count } = search.wanted;
    if (!this.#isCrowded || this.#inUse.length === 1) {
      const pool = await this.#pools.read(search, undefined, count);
      this.#isCrowded = pool.hasMore;
      if (pool.hasMore) await this.#probe(search);
      if (!pool.hasMore || this.#inUse.length === 1) return pool.documents;
    }
    const documents = await this.#findByPriority(search);
    if (documents.length > 0) return documents;
    // What is due has a priority that was not known to be in use.
    return (await this.#pools.read(search, undefined, count)).documents;
  }

  async #findByPriority(search: Search): Promise<FirestoreDocument[]> {
    const documents: FirestoreDocument[] = [];
    let hasMore = false;
    for (const priorities of await this.#classes(search)) {
      const missing = search.wanted.count - documents.length;
      if (missing <= 0) return documents;
      const pools = await Promise.all(
        priorities.map((priority) =>
          this.#pools.read(search, priority, missing)
        ),
      );
      documents.push(...pools.flatMap((pool) => pool.documents));
      hasMore ||= pools.some((pool) => pool.hasMore);
    }
    this.#isCrowded = hasMore;
    return documents;
  }

  /** The priorities of which something is due, in classes, the best first. */
  async #classes(search: Search): Promise<number[][]> {
    const classes = new Map<number, number[]>();
    const now = this.#requests.clock.now();
    await Promise.all(this.#inUse.map(async (priority) => {
      const answers = await search.ask(search.wanted.kinds, [priority], 1);
      const heads = answers.flatMap(({ documents }) => documents);
      if (heads.length === 0) return;
      const oldest = Math.min(...heads.map(claimableAt));
      const aged = agedPriority(priority, now - oldest);
      classes.set(aged, [...classes.get(aged) ?? [], priority]);
    }));
    return [...classes.keys()].sort((a, b) => a - b)
      .map((aged) => classes.get(aged)!);
  }

  /** Asks, now and then, whether further priorities are in use. */
  async #probe(search: Search): Promise<void> {
    const present = this.#requests.timer.monotonic();
    if (present < this.#probeAt) return;
    this.#probeAt = present + PROBE_MS;
    for (;;) {
      const known = this.#inUse;
      const others = PRIORITIES.filter((one) => !known.includes(one));
      if (others.length === 0) return;
      const answers = await search.ask(search.wanted.kinds, others, 1);
      if (answers.every(({ documents }) => documents.length === 0)) return;
    }
  }

  /** The priorities in use, at least the default one. */
  get #inUse(): number[] {
    const since = this.#requests.timer.monotonic() - IN_USE_MS;
    for (const [priority, at] of this.#seen) {
      if (at < since) this.#seen.delete(priority);
    }
    return PRIORITIES.filter((priority) =>
      priority === DEFAULT_PRIORITY || this.#seen.has(priority)
    );
  }

  #see(priority: number): void {
    if (priority === DEFAULT_PRIORITY) return;
    this.#seen.set(priority, this.#requests.timer.monotonic());
  }
}

import { agedPriority, dealOut, KindLimits } from "../../src/core/lanes.ts";
import type { FirestoreDocument, FirestoreResult } from "./client.ts";
import { millis } from "./clock.ts";
import { claimableAt, priorityOf } from "./document.ts";
import { DEFAULT_PRIORITY, PRIORITIES } from "./fields.ts";
import type { FirestoreQueries } from "./queries.ts";
import type { FirestoreRequests } from "./requests.ts";

/** What was found. */
export interface Found {
  /** Due tasks. */
  readonly documents: readonly FirestoreDocument[];
  /** The server's clock when they were read. */
  readonly readAt: number;
}

/** What is to be found. */
export interface Wanted {
  /** In the order in which they take turns. */
  readonly kinds: readonly string[];
  readonly limits: KindLimits;
  readonly count: number;
}

/** Documents of one or several lanes. */
interface Pool {
  readonly documents: FirestoreDocument[];
  /** Whether there may be more of them. */
  hasMore: boolean;
  /** Kinds of which there may be more, after that document. */
  readonly more: Map<string, FirestoreDocument>;
}

/** What there is to know of one operation. */
interface Search extends Wanted {
  readonly latest: Date;
  readAt: number;
}

/** How often to ask for priorities that are not known to be in use. */
const PROBE_MS = 10_000;
/** For how long a priority that was seen counts as in use. */
const IN_USE_MS = 300_000;
/** How often in a row the kinds that were not seen are asked for. */
const MAX_PEELS = 8;

/**
 * Finds tasks to claim, with as few reads as possible. As long as all that is
 * due fits into one answer, one query for all kinds and priorities tells it all.
 * When there is more, the kinds that fill the answers get queries of their own,
 * so that each can have its turn; and so do the priorities that are in use.
 */
export class FirestoreFinder {
  readonly #requests: FirestoreRequests;
  readonly #queries: FirestoreQueries;
  /** Lanes that have more than their share. */
  readonly #hot = new Set<string>();
  /** Priorities other than the default one, and when each was seen last. */
  readonly #seen = new Map<number, number>();
  #probeAt = -Infinity;
  /** Whether the last answer was not all that is due. */
  #crowded = false;

  constructor(requests: FirestoreRequests, queries: FirestoreQueries) {
    this.#requests = requests;
    this.#queries = queries;
  }

  /** Takes note of a priority that is in use. */
  notice(priority: number): void {
    if (priority === DEFAULT_PRIORITY) return;
    this.#seen.set(priority, performance.now());
  }

  /** Finds due tasks: at least one for each turn, if there is one. */
  async find(wanted: Wanted): Promise<Found> {
    const search: Search = {
      ...wanted,
      latest: new Date(this.#requests.clock.latest()),
      readAt: Infinity,
    };
    const documents = await this.#findAll(search);
    return {
      documents: documents.filter((one) => claimableAt(one) <= search.readAt),
      readAt: search.readAt,
    };
  }

  async #findAll(search: Search): Promise<FirestoreDocument[]> {
    const { count } = search;
    if (!this.#crowded || this.#inUse.length === 1) {
      const pool = await this.#pool(search, undefined, count);
      this.#crowded = pool.hasMore;
      if (!pool.hasMore) return pool.documents;
      await this.#probe(search);
      if (this.#inUse.length === 1) return pool.documents;
    }
    const documents: FirestoreDocument[] = [];
    let hasMore = false;
    for (const priorities of await this.#classes(search)) {
      const left = count - documents.length;
      if (left <= 0) return documents;
      const pools = await Promise.all(
        priorities.map((priority) => this.#pool(search, priority, left)),
      );
      documents.push(...pools.flatMap((pool) => pool.documents));
      hasMore ||= pools.some((pool) => pool.hasMore);
    }
    this.#crowded = hasMore;
    if (documents.length > 0) return documents;
    // What is due has a priority that was not known to be in use.
    return (await this.#pool(search, undefined, count)).documents;
  }

  /** The priorities in use, at least the default one. */
  get #inUse(): number[] {
    const since = performance.now() - IN_USE_MS;
    for (const [priority, at] of this.#seen) {
      if (at < since) this.#seen.delete(priority);
    }
    return PRIORITIES.filter((priority) =>
      priority === DEFAULT_PRIORITY || this.#seen.has(priority)
    );
  }

  /** Asks, now and then, whether further priorities are in use. */
  async #probe(search: Search): Promise<void> {
    const present = performance.now();
    if (present < this.#probeAt) return;
    this.#probeAt = present + PROBE_MS;
    for (;;) {
      const known = this.#inUse;
      const others = PRIORITIES.filter((one) => !known.includes(one));
      if (others.length === 0) return;
      const answers = await this.#ask(search, search.kinds, others, 1);
      if (answers.every(({ documents }) => documents.length === 0)) return;
    }
  }

  /** The priorities of which something is due, in classes, the best first. */
  async #classes(search: Search): Promise<number[][]> {
    const classes = new Map<number, number[]>();
    const now = this.#requests.clock.now();
    await Promise.all(this.#inUse.map(async (priority) => {
      const answers = await this.#ask(search, search.kinds, [priority], 1);
      const heads = answers.flatMap(({ documents }) => documents);
      if (heads.length === 0) return;
      const oldest = Math.min(...heads.map(claimableAt));
      const aged = agedPriority(priority, now - oldest);
      classes.set(aged, [...classes.get(aged) ?? [], priority]);
    }));
    return [...classes.keys()].sort((a, b) => a - b)
      .map((aged) => classes.get(aged)!);
  }

  /** Finds tasks of a priority, or of any, for each kind that is due. */
  async #pool(
    search: Search,
    priority: number | undefined,
    count: number,
  ): Promise<Pool> {
    const { limits } = search;
    const priorities = priority === undefined ? undefined : [priority];
    const kinds = search.kinds.filter((kind) => limits.left(kind) > 0);
    const laneOf = (kind: string) => `${priority ?? ""} ${kind}`;
    const hot = kinds.filter((kind) => this.#hot.has(laneOf(kind)));
    const rest = kinds.filter((kind) => !hot.includes(kind));
    const share = Math.ceil(count / (hot.length + (rest.length > 0 ? 1 : 0)));
    const pool: Pool = { documents: [], hasMore: false, more: new Map() };

    const askHot = hot.slice(0, count).map(async (kind) => {
      const limit = Math.min(share, limits.left(kind));
      const [answer] = await this.#ask(search, [kind], priorities, limit);
      pool.documents.push(...answer.documents);
      pool.hasMore ||= answer.isFull;
      if (!answer.isFull) this.#hot.delete(laneOf(kind));
    });
    const most = rest.reduce((sum, kind) => sum + limits.left(kind), 0);
    const askRest = this.#ask(search, rest, priorities, Math.min(share, most));
    await Promise.all(askHot);
    let answers = await askRest;
    for (let peels = 0; answers.length > 0; peels++) {
      const unseen: string[] = [];
      for (const { documents, isFull, kinds } of answers) {
        pool.documents.push(...documents);
        pool.hasMore ||= isFull;
        if (!isFull) continue;
        const seen = countByKind(documents);
        for (const [kind, times] of seen) {
          pool.more.set(kind, documents.at(-1)!);
          // With a single kind, the common query is its own.
          if (times > 1 && search.kinds.length > 1) {
            this.#hot.add(laneOf(kind));
          }
        }
        unseen.push(...kinds.filter((kind) => !seen.has(kind)));
      }
      if (peels === MAX_PEELS) break;
      const found = countByKind(pool.documents);
      // Who comes after all those that are served has no turn in this round.
      const served = search.kinds.filter((kind) => found.has(kind));
      const last = search.kinds.indexOf(served[count - 1] ?? "");
      const next = unseen.filter((kind) =>
        last === -1 || search.kinds.indexOf(kind) < last
      );
      if (next.length === 0) break;
      const limit = Math.max(
        1,
        Math.floor(count / (found.size + 1)),
        count - pool.documents.length,
      );
      answers = await this.#ask(search, next, priorities, limit);
    }
    await this.#topUp(search, pool, priorities, count);
    return pool;
  }

  /** Reads what kinds lack of their shares because others filled the answers. */
  async #topUp(
    search: Search,
    { documents, more }: Pool,
    priorities: readonly number[] | undefined,
    count: number,
  ): Promise<void> {
    const found = countByKind(documents);
    const lanes = search.kinds.filter((kind) => found.has(kind))
      .map((kind) => ({ kind, priority: 0, claimableAt: 0 }));
    const shares = dealOut([lanes], count, copyOf(search)).flat();
    await Promise.all(shares.map(async ({ lane: { kind }, count: share }) => {
      const last = more.get(kind);
      const lacking = share - found.get(kind)!;
      if (last === undefined || lacking <= 0) return;
      const answers = await this.#ask(
        search,
        [kind],
        priorities,
        lacking,
        last,
      );
      for (const answer of answers) documents.push(...answer.documents);
    }));
  }

  /** Asks for tasks of these kinds, in as many queries as it takes. */
  async #ask(
    search: Search,
    kinds: readonly string[],
    priorities: readonly number[] | undefined,
    limit: number,
    after?: FirestoreDocument,
  ) {
    const queries = this.#queries
      .claimable(kinds, priorities, search.latest, limit);
    return await Promise.all(queries.map(async ({ kinds, query }) => {
      const { docs, readTime }: FirestoreResult = await this.#requests
        .query(after === undefined ? query : query.startAfter(after));
      search.readAt = Math.min(search.readAt, millis(readTime));
      for (const document of docs) this.notice(priorityOf(document));
      return { kinds, documents: docs, isFull: docs.length >= limit };
    }));
  }
}

function copyOf({ kinds, limits }: Wanted): KindLimits {
  return new KindLimits(
    kinds.map((kind) => ({ kind, limit: limits.left(kind) })),
  );
}

function countByKind(
  documents: readonly FirestoreDocument[],
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const document of documents) {
    const { kind } = document.data()!;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

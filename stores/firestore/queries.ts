import type { FirestoreCollection, FirestoreQuery } from "./client.ts";
import { MAX_COMBINATIONS } from "./options.ts";

/** A query for tasks of some kinds. */
export interface KindsQuery {
  readonly kinds: readonly string[];
  readonly query: FirestoreQuery;
}

/** The queries of the store; each is answered from one index. */
export class FirestoreQueries {
  readonly #collection: FirestoreCollection;
  readonly #shards: number;

  constructor(collection: FirestoreCollection, shards: number) {
    this.#collection = collection;
    this.#shards = shards;
  }

  /**
   * Tasks of these kinds that are claimable by `latest`, soonest first.
   *
   * @param priorities Only those of these priorities; `undefined`: of any.
   */
  claimable(
    kinds: readonly string[],
    priorities: readonly number[] | undefined,
    latest: Date,
    limit: number,
  ): KindsQuery[] {
    return this.#byKinds(
      kinds,
      priorities,
      (query) =>
        query.where("claimableAt", "<=", latest)
          .orderBy("claimableAt").limit(limit),
    );
  }

  /** The task of these kinds that is claimable first. */
  soonest(kinds: readonly string[]): FirestoreQuery[] {
    return this.#byKinds(kinds, undefined, (query) =>
      // Tasks that cannot be claimed have null there, which comes first.
      query.where("claimableAt", ">=", new Date(0))
        .orderBy("claimableAt").limit(1)).map(({ query }) => query);
  }

  /** Tasks that have ended and that were to stay until before `now`. */
  keptUntil(now: Date, limit: number): FirestoreQuery {
    return this.#allShards()
      .where("keepUntil", "<=", now)
      .orderBy("keepUntil").limit(limit);
  }

  /** Tasks that were announced after `time`, the earliest first. */
  announcedAfter(time: Date, limit: number): FirestoreQuery {
    return this.#allShards()
      .where("announcedAt", ">", time)
      .orderBy("announcedAt").limit(limit);
  }

  /** Pages through all tasks, with these fields. */
  page(limit: number, ...fields: string[]): FirestoreQuery {
    return this.#collection.select(...fields).limit(limit);
  }

  #byKinds(
    kinds: readonly string[],
    priorities: readonly number[] | undefined,
    complete: (query: FirestoreQuery) => FirestoreQuery,
  ): KindsQuery[] {
    const room = Math.floor(MAX_COMBINATIONS / this.#shards);
    return chunks(priorities ?? [], room).flatMap((some) => {
      const size = Math.floor(room / Math.max(1, some.length));
      return chunks(kinds, size).filter((kinds) => kinds.length > 0)
        .map((kinds) => {
          const query = among(this.#allShards(), "kind", kinds);
          const lanes = some.length === 0
            ? query
            : among(query, "priority", some);
          return { kinds, query: complete(lanes) };
        });
    });
  }

  #allShards(): FirestoreQuery {
    const shards = Array.from({ length: this.#shards }, (_, shard) => shard);
    return among(this.#collection, "shard", shards);
  }
}

function among(
  query: FirestoreQuery,
  field: string,
  values: readonly unknown[],
): FirestoreQuery {
  return values.length === 1
    ? query.where(field, "==", values[0])
    : query.where(field, "in", [...values]);
}

/** Pieces of at most so many items; one empty piece of nothing. */
function chunks<T>(items: readonly T[], size: number): T[][] {
  const count = Math.max(1, Math.ceil(items.length / size));
  return Array.from(
    { length: count },
    (_, nth) => items.slice(nth * size, (nth + 1) * size),
  );
}

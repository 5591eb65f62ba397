import type { FirestoreCollection, FirestoreQuery } from "./client.ts";
import { MAX_COMBINATIONS } from "./options.ts";

/** The queries of the store; each is answered from one index. */
export class FirestoreQueries {
  readonly #collection: FirestoreCollection;
  readonly #shards: number;

  constructor(collection: FirestoreCollection, shards: number) {
    this.#collection = collection;
    this.#shards = shards;
  }

  /** Tasks of these kinds that are claimable by `latest`, soonest first. */
  claimable(
    kinds: readonly string[],
    latest: Date,
    limit: number,
  ): FirestoreQuery[] {
    return this.#byKinds(
      kinds,
      (query) =>
        query.where("claimableAt", "<=", latest)
          .orderBy("claimableAt").limit(limit),
    );
  }

  /** The task of these kinds that is claimable first. */
  soonest(kinds: readonly string[]): FirestoreQuery[] {
    return this.#byKinds(kinds, (query) =>
      // Tasks that cannot be claimed have null there, which comes first.
      query.where("claimableAt", ">=", new Date(0))
        .orderBy("claimableAt").limit(1));
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
    complete: (query: FirestoreQuery) => FirestoreQuery,
  ): FirestoreQuery[] {
    const size = Math.floor(MAX_COMBINATIONS / this.#shards);
    const distinct = [...new Set(kinds)];
    const queries: FirestoreQuery[] = [];
    for (let start = 0; start < distinct.length; start += size) {
      const some = distinct.slice(start, start + size);
      queries.push(complete(this.#allShards().where("kind", "in", some)));
    }
    return queries;
  }

  #allShards(): FirestoreQuery {
    const shards = Array.from({ length: this.#shards }, (_, shard) => shard);
    return shards.length === 1
      ? this.#collection.where("shard", "==", 0)
      : this.#collection.where("shard", "in", shards);
  }
}

import type { FirestoreClient } from "./client.ts";

/** Firestore takes at most so many combinations of values in one query. */
export const MAX_COMBINATIONS = 30;

const METHODS = ["collection", "getAll", "batch", "bulkWriter"] as const;
const MAX_SEGMENT_BYTES = 1_500;

/** Throws if `client` is not a `Firestore`. */
export function checkClient(client: FirestoreClient): void {
  if (METHODS.some((method) => typeof client?.[method] !== "function")) {
    throw new TypeError(
      "Cannot make a store without a client: expected a Firestore of " +
        "@google-cloud/firestore",
    );
  }
}

/** Throws if `path` is not the path of a collection. */
export function checkCollection(path: unknown): void {
  if (typeof path !== "string") {
    throw new TypeError(
      `Cannot use ${String(path)} as a collection: expected a string`,
    );
  }
  const fault = pathFault(path.split("/"));
  if (fault !== undefined) {
    throw new RangeError(`Cannot use "${path}" as a collection: ${fault}`);
  }
}

function pathFault(segments: readonly string[]): string | undefined {
  for (const segment of segments) {
    if (segment === "") {
      return "a segment is empty; expected a name for each, without a slash " +
        "before the first or after the last";
    }
    if (segment === "." || segment === ".." || /^__.*__$/s.test(segment)) {
      return `Firestore reserves "${segment}"; expected another name`;
    }
    if (!segment.isWellFormed() || segment.includes("\0")) {
      return "expected Unicode without NUL and without lone surrogates";
    }
    if (new TextEncoder().encode(segment).length > MAX_SEGMENT_BYTES) {
      return `a segment is too long; expected at most ${MAX_SEGMENT_BYTES} bytes`;
    }
  }
  if (segments.length % 2 === 0) {
    return "that is the path of a document; expected an odd number of segments, " +
      'such as "a" or "a/b/c"';
  }
}

/** Throws if `shards` is not a number of shards that one query can cover. */
export function checkShards(shards: unknown): void {
  if (
    !Number.isInteger(shards) || (shards as number) < 1 ||
    (shards as number) > MAX_COMBINATIONS
  ) {
    throw new RangeError(
      `Cannot use ${String(shards)} shards: ` +
        `expected an integer from 1 to ${MAX_COMBINATIONS}`,
    );
  }
}

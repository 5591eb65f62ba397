import { classesOf, dealOut, KindLimits } from "../../src/core/lanes.ts";
import type { FirestoreDocument } from "./client.ts";
import { claimableAt, priorityOf } from "./document.ts";
import type { Wanted } from "./search.ts";

/** The due tasks of a kind and a priority that were read, soonest first. */
interface Lane {
  readonly kind: string;
  readonly priority: number;
  readonly claimableAt: number;
  readonly documents: FirestoreDocument[];
}

/**
 * Chooses from due tasks that were read whose turn it is, in that order.
 *
 * @param now The store's clock.
 * @param choose Chooses so many tasks of one lane.
 */
export function inTurn(
  documents: readonly FirestoreDocument[],
  { kinds, limits, count }: Wanted,
  now: number,
  choose: (
    documents: readonly FirestoreDocument[],
    count: number,
  ) => FirestoreDocument[],
): FirestoreDocument[] {
  const classes = classesOf(lanesOf(documents, kinds), now);
  const counts = shareOut(classes, kinds, limits, count);
  return classes.flatMap((lanes) => {
    const chosen = lanes.map((lane) =>
      choose(lane.documents, counts.get(lane) ?? 0)
    );
    const turns = Math.max(...chosen.map(({ length }) => length));
    return Array.from(
      { length: turns },
      (_, turn) =>
        chosen.flatMap((documents) => documents.slice(turn, turn + 1)),
    ).flat();
  });
}

/** The lanes in the order of the kinds; those of a kind by priority. */
function lanesOf(
  documents: readonly FirestoreDocument[],
  kinds: readonly string[],
): Lane[] {
  const lanes = new Map<string, Lane>();
  const sooner = (a: FirestoreDocument, b: FirestoreDocument) =>
    claimableAt(a) - claimableAt(b);
  for (const document of [...documents].sort(sooner)) {
    const { kind } = document.data()!;
    const priority = priorityOf(document);
    const name = `${priority} ${kind}`;
    const lane = lanes.get(name);
    if (lane !== undefined) lane.documents.push(document);
    else {
      lanes.set(name, {
        kind,
        priority,
        claimableAt: claimableAt(document),
        documents: [document],
      });
    }
  }
  const order = new Map(kinds.map((kind, index) => [kind, index]));
  return [...lanes.values()].sort((a, b) =>
    order.get(a.kind)! - order.get(b.kind)! || a.priority - b.priority
  );
}

/**
 * How many tasks to take of each lane. What a lane cannot fill is dealt again,
 * for all of these tasks were paid for when they were read.
 */
function shareOut(
  classes: readonly (readonly Lane[])[],
  kinds: readonly string[],
  limits: KindLimits,
  count: number,
): Map<Lane, number> {
  const counts = new Map<Lane, number>();
  const left = new KindLimits(
    kinds.map((kind) => ({ kind, limit: limits.left(kind) })),
  );
  let open = classes;
  for (let missing = count; missing > 0;) {
    const shares = dealOut(open, missing, left).flat();
    if (shares.length === 0) break;
    for (const { lane, count } of shares) {
      const before = counts.get(lane) ?? 0;
      const taken = Math.min(count, lane.documents.length - before);
      counts.set(lane, before + taken);
      left.take(lane.kind, taken - count);
      missing -= taken;
    }
    open = open.map((lanes) =>
      lanes.filter((lane) => (counts.get(lane) ?? 0) < lane.documents.length)
    );
  }
  return counts;
}

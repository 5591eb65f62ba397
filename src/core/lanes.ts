/** A lane: the tasks of one kind and one priority, and when its first is due. */
export interface LaneHead {
  readonly kind: string;
  readonly priority: number;
  /** From when on its first task can be claimed, in milliseconds. */
  readonly claimableAt: number;
}

/** A waiting task rises by one priority in so many milliseconds. */
const AGEING_MS = 60_000;
/** No task rises higher. */
const HIGHEST_AGED = 1;

/**
 * Puts the lanes whose first task is due into classes, the best first: those of
 * one class take turns, in the order in which they were given. The oldest head
 * of a priority decides for all lanes of that priority, so that a backlog of one
 * kind does not go before fresh tasks of another.
 */
export function classesOf<Lane extends LaneHead>(
  lanes: readonly Lane[],
  now: number,
): Lane[][] {
  const due = lanes.filter(({ claimableAt }) => claimableAt <= now);
  const oldest = new Map<number, number>();
  for (const { priority, claimableAt } of due) {
    const before = oldest.get(priority) ?? Infinity;
    oldest.set(priority, Math.min(before, claimableAt));
  }
  const classes = new Map<number, Lane[]>();
  for (const lane of due) {
    const { priority } = lane;
    const effective = agedPriority(priority, now - oldest.get(priority)!);
    const others = classes.get(effective);
    if (others === undefined) classes.set(effective, [lane]);
    else others.push(lane);
  }
  return [...classes.keys()].sort((a, b) => a - b)
    .map((effective) => classes.get(effective)!);
}

/** The priority of tasks the oldest of which has waited for so long. */
export function agedPriority(priority: number, waitedMs: number): number {
  if (priority <= HIGHEST_AGED) return priority;
  return Math.max(
    HIGHEST_AGED,
    priority - Math.floor(Math.max(0, waitedMs) / AGEING_MS),
  );
}

/** How many tasks of each kind may be claimed, beside the limit of all. */
export class KindLimits {
  readonly #left = new Map<string, number>();

  /** A kind that is named twice counts once. */
  constructor(kinds: readonly { kind: string; limit?: number | undefined }[]) {
    for (const { kind, limit = Infinity } of kinds) {
      if (!this.#left.has(kind)) this.#left.set(kind, limit);
    }
  }

  /** The kinds, each once, in their order. */
  get kinds(): string[] {
    return [...this.#left.keys()];
  }

  /** How many more of this kind. */
  left(kind: string): number {
    return this.#left.get(kind) ?? 0;
  }

  /** Notes that so many were taken. */
  take(kind: string, count: number): void {
    this.#left.set(kind, this.left(kind) - count);
  }
}

/** How many tasks to take from a lane. */
export interface Share<Lane> {
  readonly lane: Lane;
  readonly count: number;
}

/** How many times each of the lanes can be dealt one. */
function rounds(
  lanes: readonly LaneHead[],
  left: number,
  limits: KindLimits,
): number {
  const lanesOf = new Map<string, number>();
  for (const { kind } of lanes) {
    lanesOf.set(kind, (lanesOf.get(kind) ?? 0) + 1);
  }
  let least = left / lanes.length;
  for (const [kind, count] of lanesOf) {
    least = Math.min(least, limits.left(kind) / count);
  }
  return Math.floor(least);
}

/**
 * Deals `limit` out among the lanes of the classes, one by one, the best class
 * first, as if each lane had as many tasks as it is dealt.
 *
 * @returns The shares of each class that has any.
 */
export function dealOut<Lane extends LaneHead>(
  classes: readonly (readonly Lane[])[],
  limit: number,
  limits: KindLimits,
): Share<Lane>[][] {
  let left = limit;
  return classes.map((lanes) => {
    const shares = new Map<Lane, number>();
    let dealt = -1;
    while (left > 0 && dealt !== 0) {
      dealt = 0;
      const open = lanes.filter(({ kind }) => limits.left(kind) > 0);
      const each = Math.max(1, rounds(open, left, limits));
      for (const lane of open) {
        const share = Math.min(each, left, limits.left(lane.kind));
        shares.set(lane, (shares.get(lane) ?? 0) + share);
        limits.take(lane.kind, share);
        left -= share;
        dealt += share;
      }
    }
    return Array.from(shares, ([lane, count]) => ({ lane, count }))
      .filter(({ count }) => count > 0);
  }).filter((shares) => shares.length > 0);
}

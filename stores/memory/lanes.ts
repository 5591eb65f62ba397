import type { LaneHead } from "../../src/core/lanes.ts";
import type { Entry } from "./entry.ts";
import { MemoryHeap } from "./heap.ts";

/** The tasks of one kind and one priority that can or will be claimable. */
export class MemoryLane implements LaneHead {
  readonly kind: string;
  readonly priority: number;
  readonly heap = new MemoryHeap<Entry>();

  constructor(kind: string, priority: number) {
    this.kind = kind;
    this.priority = priority;
  }

  /** From when on its first task can be claimed. */
  get claimableAt(): number {
    return this.heap.firstKey;
  }
}

/** All lanes. */
export class MemoryLanes {
  /** By kind; those of a kind by priority. */
  readonly #lanes = new Map<string, MemoryLane[]>();

  /** The lane of a task. */
  of({ kind, rare: { priority } }: Entry): MemoryLane {
    let lanes = this.#lanes.get(kind);
    if (lanes === undefined) this.#lanes.set(kind, lanes = []);
    let lane = lanes.find((one) => one.priority === priority);
    if (lane === undefined) {
      lane = new MemoryLane(kind, priority);
      lanes.push(lane);
      lanes.sort((a, b) => a.priority - b.priority);
    }
    return lane;
  }

  /** The lanes of these kinds, in the order of the kinds. */
  ofKinds(kinds: readonly string[]): MemoryLane[] {
    return kinds.flatMap((kind) => this.#lanes.get(kind) ?? []);
  }

  /** From when on the first task of these kinds can be claimed. */
  soonest(kinds: readonly string[]): number {
    let soonest = Infinity;
    for (const kind of kinds) {
      for (const { claimableAt } of this.#lanes.get(kind) ?? []) {
        if (claimableAt < soonest) soonest = claimableAt;
      }
    }
    return soonest;
  }

  clear(): void {
    this.#lanes.clear();
  }
}

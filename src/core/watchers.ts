import type { StoreChange } from "../api/job_store.ts";

type Watcher = (change: StoreChange) => void;

/** Those who want to hear what changes in a store. */
export class Watchers {
  readonly #watchers = new Set<Watcher>();

  /** How many there are. */
  get size(): number {
    return this.#watchers.size;
  }

  /** Adds one; the same function may be added twice. @returns Ends that. */
  add(onChange: Watcher): () => boolean {
    const watcher: Watcher = (change) => onChange(change);
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Tells all of them. One that throws changes nothing for anybody else. */
  tell(change: StoreChange): void {
    for (const watcher of this.#watchers) {
      try {
        watcher(change);
      } catch {
        // It is not the store's: what was stored is stored.
      }
    }
  }
}

/** Gathers what one operation made claimable. */
export class GatheredChange {
  #when = Infinity;
  readonly #kinds = new Set<string>();

  /** Notes a task, and from when on; −Infinity: now. */
  readonly add = (kind: string, when: number): void => {
    this.#when = Math.min(this.#when, when);
    this.#kinds.add(kind);
  };

  /** All of it; `undefined`: nothing. */
  get change(): StoreChange | undefined {
    if (this.#kinds.size === 0) return undefined;
    const when = this.#when === -Infinity ? undefined : new Date(this.#when);
    return { when, kinds: [...this.#kinds] };
  }
}

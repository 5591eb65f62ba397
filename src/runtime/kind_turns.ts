import type { KindRequest } from "../api/job_store.ts";

/**
 * The order in which kinds take turns: it begins after the one that was served
 * last, so that each is first one day, however small the limit is.
 */
export class KindTurns {
  #last: string | undefined;

  /** The kinds, the one whose turn it is first. */
  order(kinds: readonly string[]): KindRequest[] {
    const from = this.#last === undefined ? 0 : kinds.indexOf(this.#last) + 1;
    return [...kinds.slice(from), ...kinds.slice(0, from)]
      .map((kind) => ({ kind }));
  }

  /** Notes which kinds were served, of those that were asked for in order. */
  served(
    order: readonly KindRequest[],
    tasks: readonly { readonly kind: string }[],
  ): void {
    if (order.length < 2 || tasks.length === 0) return;
    const kinds = new Set(tasks.map(({ kind }) => kind));
    this.#last = order.findLast(({ kind }) => kinds.has(kind))?.kind ??
      this.#last;
  }
}

import type { Clock } from "../../src/api/clock.ts";
import { dealOut, KindLimits } from "../../src/core/lanes.ts";
import type { FirestoreDocument } from "./client.ts";
import type { Answer, Search } from "./search.ts";

/** Due tasks of several kinds. */
export interface Pool {
  readonly documents: readonly FirestoreDocument[];
  /** Whether there may be more of them. */
  readonly hasMore: boolean;
}

/** How often in a row the kinds that were not seen are asked for. */
const MAX_PEELS = 8;
/** For so long, kinds of which nothing was due are not asked for again. */
const QUIET_MS = 500;

/**
 * Finds due tasks of several kinds, so that each kind that is due gets its share.
 * One query for all of them does, unless there is more than it may return. Then
 * the kinds that fill the answers are asked for one by one from then on, and the
 * others together.
 */
export class FirestorePools {
  readonly #timer: Clock;
  /** Kinds that have more than their share, by priority. */
  readonly #hot = new Map<number | undefined, Set<string>>();
  /** Until when the other kinds are not asked for, by priority. */
  readonly #quietUntil = new Map<number | undefined, number>();

  constructor(timer: Clock) {
    this.#timer = timer;
  }

  /** Takes note that tasks of any kind may have become due. */
  stir(): void {
    this.#quietUntil.clear();
  }

  /**
   * Reads up to about `count` tasks, of which each kind has its share.
   *
   * @param priority Of which priority; `undefined`: of any.
   */
  async read(
    search: Search,
    priority: number | undefined,
    count: number,
  ): Promise<Pool> {
    const reading = new Reading(search, priority, count);
    const hot = this.#hotOf(priority);
    const busy = reading.kinds.filter((kind) => hot.has(kind));
    const others = reading.kinds.filter((kind) => !hot.has(kind));
    const isQuiet = this.#isQuiet(priority);
    const asksOthers = others.length > 0 && !(isQuiet && busy.length > 0);
    const share = Math.ceil(count / (busy.length + (asksOthers ? 1 : 0)));

    let [cooled, answers] = await Promise.all([
      reading.readEach(busy.slice(0, count), share),
      asksOthers ? reading.ask(others, share) : [],
    ]);
    for (const kind of cooled) hot.delete(kind);
    if (!asksOthers && others.length > 0 && reading.missing > 0) {
      answers = await reading.ask(others, reading.missing);
    }
    for (let peels = 0; answers.length > 0; peels++) {
      const { unseen, repeated } = reading.take(answers);
      // A kind that is alone needs no query of its own.
      if (reading.kinds.length > 1) repeated.forEach((kind) => hot.add(kind));
      const next = isQuiet ? [] : reading.beforeTheLast(unseen);
      if (next.length === 0 || peels === MAX_PEELS) break;
      answers = await reading.ask(next, reading.shareOfNext);
    }
    if (answers.length > 0 && answers.every(isEmpty)) {
      this.#quietUntil.set(priority, this.#timer.monotonic() + QUIET_MS);
    }
    await reading.topUp();
    return reading;
  }

  #hotOf(priority: number | undefined): Set<string> {
    let hot = this.#hot.get(priority);
    if (hot === undefined) this.#hot.set(priority, hot = new Set());
    return hot;
  }

  #isQuiet(priority: number | undefined): boolean {
    const until = this.#quietUntil.get(priority) ?? -Infinity;
    return this.#timer.monotonic() < until;
  }
}

/** What one call reads. */
class Reading implements Pool {
  readonly documents: FirestoreDocument[] = [];
  hasMore = false;
  /** Those that may be claimed, in the order in which they take turns. */
  readonly kinds: readonly string[];
  readonly #search: Search;
  readonly #priorities: readonly number[] | undefined;
  readonly #count: number;
  /** Kinds of which there may be more, after that document. */
  readonly #more = new Map<string, FirestoreDocument>();

  constructor(search: Search, priority: number | undefined, count: number) {
    const { kinds, limits } = search.wanted;
    this.kinds = kinds.filter((kind) => limits.left(kind) > 0);
    this.#search = search;
    this.#priorities = priority === undefined ? undefined : [priority];
    this.#count = count;
  }

  /** How many are missing. */
  get missing(): number {
    return Math.max(0, this.#count - this.documents.length);
  }

  /** How many to ask for of kinds that were not seen. */
  get shareOfNext(): number {
    const share = Math.floor(this.#count / (this.#found().size + 1));
    return Math.max(1, share, this.missing);
  }

  /** Asks for some kinds together. */
  async ask(kinds: readonly string[], limit: number): Promise<Answer[]> {
    const { limits } = this.#search.wanted;
    const most = kinds.reduce((sum, kind) => sum + limits.left(kind), 0);
    return await this.#search
      .ask(kinds, this.#priorities, Math.min(limit, most));
  }

  /** Reads each of the kinds. @returns Those that had less than their share. */
  async readEach(kinds: readonly string[], share: number): Promise<string[]> {
    const answers = await Promise.all(
      kinds.map((kind) => this.ask([kind], share)),
    );
    this.take(answers.flat());
    return answers.flat().filter(({ isFull }) => !isFull)
      .flatMap(({ kinds }) => kinds);
  }

  /** Adds what was found; `unseen`: kinds of which there may be some all the same. */
  take(
    answers: readonly Answer[],
  ): { readonly unseen: string[]; readonly repeated: string[] } {
    const unseen: string[] = [];
    const repeated: string[] = [];
    for (const { documents, isFull, kinds } of answers) {
      this.documents.push(...documents);
      if (!isFull) continue;
      this.hasMore = true;
      const seen = countByKind(documents);
      for (const [kind, times] of seen) {
        this.#more.set(kind, documents.at(-1)!);
        if (times > 1) repeated.push(kind);
      }
      unseen.push(...kinds.filter((kind) => !seen.has(kind)));
    }
    return { unseen, repeated };
  }

  /** The kinds whose turn is before that of the last one that can be served. */
  beforeTheLast(kinds: readonly string[]): string[] {
    const found = this.#found();
    const served = this.kinds.filter((kind) => found.has(kind));
    if (served.length < this.#count) return [...kinds];
    const last = this.kinds.indexOf(served[this.#count - 1]);
    return kinds.filter((kind) => this.kinds.indexOf(kind) < last);
  }

  /** Reads what kinds lack of their shares, now that all that are due are known. */
  async topUp(): Promise<void> {
    const { limits } = this.#search.wanted;
    const found = this.#found();
    const kinds = this.kinds.filter((kind) => found.has(kind));
    const lanes = kinds.map((kind) => ({ kind, priority: 0, claimableAt: 0 }));
    const most = new KindLimits(kinds.map((kind) => ({
      kind,
      limit: this.#more.has(kind)
        ? limits.left(kind)
        : Math.min(limits.left(kind), found.get(kind)!),
    })));
    const shares = dealOut([lanes], this.#count, most).flat();
    await Promise.all(shares.map(async ({ lane: { kind }, count }) => {
      const last = this.#more.get(kind);
      const lacking = count - found.get(kind)!;
      if (last === undefined || lacking <= 0) return;
      const answers = await this.#search
        .ask([kind], this.#priorities, lacking, last);
      for (const { documents } of answers) this.documents.push(...documents);
    }));
  }

  #found(): Map<string, number> {
    return countByKind(this.documents);
  }
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

function isEmpty({ documents }: Answer): boolean {
  return documents.length === 0;
}

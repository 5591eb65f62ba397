/** What an announcement says beside what changed. */
export interface Announcement {
  /** Which store sends it; `null` when it comes from a transaction. */
  readonly o: string | null;
  /** Look again after so many milliseconds: there may be more by then. */
  readonly again?: number;
}

/** So many changes within `windowMs` make a burst. */
const BURST = { count: 10, windowMs: 50 };
/** How long the sender keeps silent in a burst. */
const SILENT_MS = 5;
/** After how long the others look again; more than the silence lasts. */
const AGAIN_MS = 10;

/**
 * Decides which changes are announced to other processes. In a burst, an
 * announcement asks the others to look again a little later; until shortly
 * before that, further changes need not be announced.
 */
export class Announcer {
  readonly #origin: string;
  /** When the last changes were made. */
  readonly #changes: number[] = [];
  /** When the last announcement was sent that asks to look again. */
  #silentSince = -Infinity;

  constructor(origin: string) {
    this.#origin = origin;
  }

  /**
   * To be called when a change is sent to the database.
   *
   * @returns What to announce with it; `undefined`: nothing.
   */
  announce(now: number): Announcement | undefined {
    this.#changes.push(now);
    const isBurst = this.#changes.length > BURST.count &&
      now - this.#changes.shift()! < BURST.windowMs;
    if (now - this.#silentSince < SILENT_MS) return undefined;
    if (!isBurst) return { o: this.#origin };
    this.#silentSince = now;
    return { o: this.#origin, again: AGAIN_MS };
  }

  /**
   * To be called when a change is in the database that was not announced:
   * whether the others look again late enough to see it.
   */
  isSeen(now: number): boolean {
    return now - this.#silentSince < AGAIN_MS;
  }
}

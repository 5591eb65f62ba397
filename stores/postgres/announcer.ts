/** What an announcement says beside what changed. */
export interface Announcement {
  /** Which store sends it; `null` when it comes from a transaction. */
  readonly o: string | null;
  /** Look again after so many milliseconds: there may be more by then. */
  readonly again?: number;
}

/** So many changes within `windowMs` make a burst. */
const BURST = { count: 10, windowMs: 50 };
/** How long the sender keeps silent in a burst: as long as a statement takes. */
const SILENT_MS = { min: 5, max: 25 };
/** After how long the others look again, at least. */
const AGAIN_MS = 10;

/**
 * Decides which changes are announced to other processes. In a burst, an
 * announcement asks the others to look again a little later, so that further
 * changes need not be announced for a moment. Whether these are seen is known
 * when the database has answered: an announcement that waits there, or fails,
 * is heard by nobody.
 */
export class Announcer {
  readonly #origin: string;
  /** When the last changes were made. */
  readonly #changes: number[] = [];
  /** Until when there is no need to announce. */
  #silentUntil = -Infinity;
  /** Until when the others will look again for sure. */
  #seenUntil = -Infinity;
  /** How long the last announcement took, within limits. */
  #tripMs = SILENT_MS.min;

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
    if (now < this.#silentUntil) return undefined;
    return isBurst ? this.nudge(now) : { o: this.#origin };
  }

  /** Asks the others to look, and to look again. */
  nudge(now: number): Announcement {
    this.#silentUntil = now + this.#tripMs;
    // Its own trip, the silence, and the trip of the last silent change.
    const again = Math.max(Math.round(3 * this.#tripMs), AGAIN_MS);
    return { o: this.#origin, again };
  }

  /**
   * To be called when the database has confirmed an announcement. The others
   * heard it at any time since it was sent, and look again so much later.
   */
  confirm({ again }: Announcement, sentAt: number, now: number): void {
    if (again === undefined) return;
    const { min, max } = SILENT_MS;
    this.#tripMs = Math.min(Math.max(now - sentAt, min), max);
    this.#silentUntil = now + this.#tripMs;
    this.#seenUntil = Math.max(this.#seenUntil, sentAt + again);
  }

  /**
   * To be called when a change is in the database that was not announced:
   * whether the others look again late enough to see it.
   */
  isSeen(now: number): boolean {
    return now < this.#seenUntil;
  }
}

import { DAY_MS } from "../../src/core/durations.ts";
import { LAST_INSTANT_MS } from "../instant.ts";

/**
 * The time line is examined in blocks of this length. No zone has ever changed
 * its offset twice within one: the changes closest to each other are 3.98 days
 * apart (Freetown in 1939), and since then a week.
 */
const BLOCK_MS = 3 * DAY_MS;

/** More than there are zones: any spelling of a name, and any offset, counts. */
const MAX_CLOCKS = 1_000;

/** Ten years of blocks, as many as a long preview touches. */
const MAX_BLOCKS = 1_200;

/** A part of the time line in which the offset of a zone does not change. */
export interface Stretch {
  /** Its first instant, or an instant at least two days back. */
  readonly start: number;
  /** The first instant after it, or an instant at least three days ahead. */
  readonly end: number;
  /** Whether the offset changes at `end`. */
  readonly endsInChange: boolean;
  /** The offset: wall-clock time minus UTC, in milliseconds. */
  readonly offset: number;
  /** The offset just before `start`: equal to `offset` unless it changed there. */
  readonly before: number;
}

/** What the clocks on the walls of a time zone show. */
export class WallClock {
  static readonly #clocks = new Map<string, WallClock>();
  readonly #format: Intl.DateTimeFormat;
  readonly #blocks = new Map<number, readonly Stretch[]>();

  private constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat("en-US", {
      timeZone,
      timeZoneName: "longOffset",
    });
  }

  /**
   * The clock of a zone, shared by all callers, as is what it has found out.
   *
   * @throws {RangeError} If the zone is unknown.
   */
  static of(timeZone: string): WallClock {
    const known = WallClock.#clocks.get(timeZone);
    if (known !== undefined) return known;
    const clock = new WallClock(timeZone);
    if (WallClock.#clocks.size >= MAX_CLOCKS) WallClock.#clocks.clear();
    WallClock.#clocks.set(timeZone, clock);
    return clock;
  }

  /** The stretch in which an instant lies. */
  stretchAt(instant: number): Stretch {
    const index = Math.floor(instant / BLOCK_MS);
    let stretches = this.#blocks.get(index);
    if (stretches === undefined) {
      stretches = this.#stretchesAround(index);
      if (this.#blocks.size >= MAX_BLOCKS) this.#blocks.clear();
      this.#blocks.set(index, stretches);
    }
    return stretches.find((stretch) => instant < stretch.end)!;
  }

  /** The stretches of a block and its two neighbours. */
  #stretchesAround(index: number): Stretch[] {
    const stretches: Stretch[] = [];
    let start = (index - 1) * BLOCK_MS;
    let offset = this.#offsetAt(start);
    let before = offset;
    for (let block = index - 1; block <= index + 1; block++) {
      const next = this.#offsetAt((block + 1) * BLOCK_MS);
      if (next === offset) continue;
      const end = this.#changeIn(block, offset);
      stretches.push({ start, end, endsInChange: true, offset, before });
      [start, before, offset] = [end, offset, next];
    }
    const end = (index + 2) * BLOCK_MS;
    stretches.push({ start, end, endsInChange: false, offset, before });
    return stretches;
  }

  /** The first instant in a block whose offset differs from that of its start. */
  #changeIn(block: number, offset: number): number {
    let low = block * BLOCK_MS / 1000;
    let high = (block + 1) * BLOCK_MS / 1000;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.#offsetAt(middle * 1000) === offset) low = middle;
      else high = middle;
    }
    return high * 1000;
  }

  #offsetAt(instant: number): number {
    // "1/31/1970, GMT-00:44:30"; "GMT" alone is UTC itself.
    const text = this.#format.format(
      Math.min(Math.max(instant, -LAST_INSTANT_MS), LAST_INSTANT_MS),
    );
    const [, sign, hours, minutes, seconds = "0"] =
      /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(text)!;
    if (sign === undefined) return 0;
    const size = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
    return (sign === "-" ? -size : size) * 1000;
  }
}

import type { StoreChange } from "../../src/api/job_store.ts";
import type { Announcement } from "./announcer.ts";

/** What another process, or whoever may connect, has to say. */
export interface Message {
  /** Which store sent it; `null` when it came from a transaction. */
  readonly origin: string | null;
  readonly change: StoreChange;
  /** Look again after so many milliseconds. */
  readonly againMs: number | undefined;
}

/** Whatever may be due. */
export const ANYTHING: StoreChange = { when: undefined, kinds: undefined };

/** What cannot be read means: look. */
const ODD: Message = { origin: null, change: ANYTHING, againMs: undefined };
/** Messages are no reason to keep a timer for long. */
const MAX_AGAIN_MS = 1_000;
/** More kinds than that are any. */
const MAX_KINDS = 100;

/** The beginning of a message, to be completed in the database. */
export function headOf(announcement: Announcement): string {
  return `${JSON.stringify(announcement).slice(0, -1)},"w":`;
}

/**
 * Reads a message. Anybody who may connect can send what they like, so it never
 * throws.
 */
export function readMessage(text: string): Message {
  let fields: Record<string, unknown>;
  try {
    fields = { o: null, w: null, k: null, again: 0, ...JSON.parse(text) };
  } catch {
    return ODD;
  }
  const { o: origin, w: when, k: kinds, again } = fields;
  const isValid = (origin === null || typeof origin === "string") &&
    (when === null || isInstant(when)) &&
    (kinds === null || isStrings(kinds)) &&
    typeof again === "number" && again >= 0 && again <= MAX_AGAIN_MS;
  if (!isValid) return ODD;
  return {
    origin,
    change: {
      when: when === null ? undefined : new Date(when),
      kinds: kinds ?? undefined,
    },
    againMs: again === 0 ? undefined : again,
  };
}

/** One change that covers both. */
export function merged(a: StoreChange, b: StoreChange): StoreChange {
  const isNow = a.when === undefined || b.when === undefined;
  const isAny = a.kinds === undefined || b.kinds === undefined;
  const kinds = isAny ? undefined : [...new Set([...a.kinds, ...b.kinds])];
  return {
    when: isNow ? undefined : a.when < b.when ? a.when : b.when,
    kinds: kinds && kinds.length > MAX_KINDS ? undefined : kinds,
  };
}

function isInstant(value: unknown): value is number {
  return typeof value === "number" &&
    !Number.isNaN(new Date(value).getTime());
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) &&
    value.every((one) => typeof one === "string");
}

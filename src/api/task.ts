import { PayloadError } from "./errors.ts";

/** A value that survives `JSON.stringify` and `JSON.parse`. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/**
 * Where a task stands.
 *
 * - `"scheduled"`: waits for its due time.
 * - `"running"`: claimed by a process, under a lease.
 * - `"failed"`: a one-off whose backoff gave up. It stays until somebody
 *   replaces or deletes it.
 */
export type TaskStatus = "scheduled" | "running" | "failed";

/** A task as a store keeps it: one row or document per slug. */
export interface TaskRecord {
  /** The name of the task, unique in its store. */
  readonly slug: string;
  /** Which job runs it. */
  readonly kind: string;
  /** What the job works on. */
  readonly payload: Uint8Array;
  /** The task's own trigger in its stored form, if it has one. */
  readonly trigger: string | undefined;
  /** When it is due: a fire time, or the time of a retry. */
  readonly when: Date;
  /** The fire time that the trigger gave; a retry does not move it. */
  readonly scheduledFor: Date;
  /** The fencing token: no claim of this slug ever had or gets the same. */
  readonly version: number;
  /** How many runs in a row have failed. */
  readonly retry: number;
  /** What the last run left: its output, or the message of its error. */
  readonly result: string;
  /** Where the task stands. */
  readonly status: TaskStatus;
  /** When the lease ends, by the store's clock; only while running. */
  readonly leaseEnd: Date | undefined;
}

/** The fields that make a {@linkcode StoreTask}. */
export type StoreTaskFields = Pick<
  TaskRecord,
  "slug" | "kind" | "payload" | "when" | "version" | "retry" | "result"
>;

const decoder = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();

/**
 * A task as its job sees it. To keep a new payload or result for the next run,
 * set it and return the task from `execute`.
 *
 * @example Reading the payload
 * ```ts
 * import { StoreTask } from "@x/scheduler";
 * import { assertEquals } from "@std/assert";
 *
 * const task = new StoreTask({
 *   slug: "invoice-7",
 *   kind: "invoice",
 *   payload: new TextEncoder().encode('{"amount":12}'),
 *   when: new Date("2026-01-01T00:00:00Z"),
 *   version: 1,
 *   retry: 0,
 *   result: "",
 * });
 * assertEquals(task.json<{ amount: number }>().amount, 12);
 * assertEquals(task.isOK(), true);
 * ```
 */
export class StoreTask {
  /** The name of the task, unique in its store. */
  readonly slug: string;
  /** Which job runs it. */
  readonly kind: string;
  /** What the job works on. */
  payload: Uint8Array;
  /** When this run was due: a fire time, or the time of a retry. */
  readonly when: Date;
  /** The fencing token of this claim: it grows with every claim of the slug. */
  readonly version: number;
  /** How many runs in a row have failed before this one. */
  readonly retry: number;
  /** What the last run left: its output, or the message of its error. */
  result: string;

  /** Makes a task from its fields; nothing is copied. */
  constructor(fields: StoreTaskFields) {
    this.slug = fields.slug;
    this.kind = fields.kind;
    this.payload = fields.payload;
    this.when = fields.when;
    this.version = fields.version;
    this.retry = fields.retry;
    this.result = fields.result;
  }

  /** Whether the last run was fine: no failure since the last success. */
  isOK(): boolean {
    return this.retry === 0;
  }

  /**
   * The payload as text: the string that was given to `scheduleJob`, or else the
   * bytes as UTF-8.
   *
   * @throws {PayloadError} If the payload is not UTF-8.
   */
  text(): string {
    const text = this.#decode();
    return text.startsWith('"') ? stringOf(text) ?? text : text;
  }

  /**
   * The payload as the JSON value that was given to `scheduleJob`. The type is
   * the caller's claim; nothing checks it.
   *
   * @throws {PayloadError} If the payload is not JSON.
   */
  json<T>(): T {
    const text = this.#decode();
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      throw new PayloadError(
        `Cannot read the payload of "${this.slug}" as JSON: ` +
          (cause as Error).message,
        { cause },
      );
    }
  }

  /**
   * Sets a new payload; return the task from `execute` to have it kept.
   *
   * @throws {PayloadError} If `value` is not JSON.
   */
  setJson(value: JsonValue): void {
    let json: string | undefined;
    try {
      json = JSON.stringify(value);
    } catch (cause) {
      throw new PayloadError(
        `Cannot set the payload of "${this.slug}": ${(cause as Error).message}`,
        { cause },
      );
    }
    if (json === undefined) {
      throw new PayloadError(
        `Cannot set the payload of "${this.slug}" to a ${typeof value}: ` +
          "expected a JSON value",
      );
    }
    this.payload = encoder.encode(json);
  }

  #decode(): string {
    try {
      return decoder.decode(this.payload);
    } catch (cause) {
      throw new PayloadError(
        `Cannot read the payload of "${this.slug}" as text: it is not UTF-8`,
        { cause },
      );
    }
  }
}

/** The string that a JSON text stands for, if it stands for one. */
function stringOf(json: string): string | undefined {
  try {
    const value = JSON.parse(json);
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}

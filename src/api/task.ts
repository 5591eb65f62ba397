import { PayloadError } from "./errors.ts";
import { type JsonValue, toJson } from "./json.ts";

/**
 * Where a task stands.
 *
 * - `"scheduled"`: waits for its due time.
 * - `"running"`: claimed by a process, under a lease.
 * - `"failed"`: its retries are used up. It stays until somebody has it run
 *   again or deletes it, or its time to stay has passed.
 * - `"cancelled"`: somebody ended it; it stays likewise.
 * - `"done"`: a one-off that has run, and stays for its `keepMs`.
 */
export type TaskStatus =
  | "scheduled"
  | "running"
  | "failed"
  | "cancelled"
  | "done";

/** A task as a store hands it out: one row or document per slug. */
export interface TaskRecord {
  /** The name of the task, unique in its store. */
  readonly slug: string;
  /** Which job runs it. */
  readonly kind: string;
  /** What the job works on. */
  readonly payload: Uint8Array;
  /**
   * The task's own trigger in its stored form; `undefined`: that of its kind;
   * `"null"`: none.
   */
  readonly trigger: string | undefined;
  /** When it is due: a fire time, or the time of a retry. */
  readonly when: Date;
  /** The fire time that the trigger gave; a retry does not move it. */
  readonly scheduledFor: Date;
  /** The first part of the fence: it grows with every claim of the slug. */
  readonly version: number;
  /** The second part: random; `undefined` unless it is running. */
  readonly token: number | undefined;
  /** How many runs in a row have failed. */
  readonly retry: number;
  /** How often in a row its holder has died, or lost its claim. */
  readonly crashes: number;
  /** From 1 (first) to 4. */
  readonly priority: number;
  /** Groups tasks of a kind. */
  readonly key: string | undefined;
  /** Grows when somebody edits the task; claims do not change it. */
  readonly revision: number;
  /** For how long it stays when it is done; `undefined`: as its kind says. */
  readonly keepMs: number | undefined;
  /** What the last run left: its output, or the message of its error. */
  readonly result: string;
  /** Where the task stands. */
  readonly status: TaskStatus;
  /** When the lease ends, by the store's clock; only while running. */
  readonly leaseEnd: Date | undefined;
}

/** How a run ended, as stores keep it. */
export type RunOutcome = "succeeded" | "failed" | "skipped" | "cancelled";

/** The last run of a task. */
export interface LastRun {
  /** When the job began, by the store's clock. */
  readonly startedAt: Date;
  /** When it ended. */
  readonly endedAt: Date;
  /** How. */
  readonly outcome: RunOutcome;
}

/** What a run threw. */
export interface StoredError {
  /** The name of the error, such as `"TypeError"`. */
  readonly name: string;
  /** What it says, and what its causes say. */
  readonly message: string;
  /** Where it was thrown; empty if that is not known. */
  readonly stack: string;
  /** When, by the store's clock. */
  readonly at: Date;
}

/** All that a store knows of a task. */
export interface TaskDetails extends TaskRecord {
  /** When it was created, or replaced, by the store's clock. */
  readonly createdAt: Date;
  /** Which instance has claimed it, and when; only while running. */
  readonly holder:
    | { readonly instance: string; readonly since: Date }
    | undefined;
  /** The last run that has ended. */
  readonly lastRun: LastRun | undefined;
  /** What the last run that failed threw, until one succeeds. */
  readonly lastError: StoredError | undefined;
  /** Until when it stays, if it has ended; `undefined`: for as long as it likes. */
  readonly keepUntil: Date | undefined;
  /** Who declared it, and what. */
  readonly declared:
    | { readonly owner: string; readonly hash: string }
    | undefined;
  /** A further run that was asked for while it runs. */
  readonly rerunAt: Date | undefined;
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

  /**
   * Makes a task from its fields; nothing is copied.
   *
   * @throws {TypeError} If a field is missing, or is of another type.
   */
  constructor(fields: StoreTaskFields) {
    checkFields(fields);
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
   * bytes as UTF-8. Bytes that are the JSON of a string, in quotes, count as that
   * string: whoever passes bytes and wants the quotes decodes `payload`.
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
    if (text === "") {
      throw new PayloadError(
        `Cannot read the payload of "${this.slug}" as JSON: it is empty; ` +
          "expected a payload in scheduleJob",
      );
    }
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
    try {
      this.payload = encoder.encode(toJson(value));
    } catch (cause) {
      throw new PayloadError(
        `Cannot set the payload of "${this.slug}", for it is not JSON ` +
          `(${(cause as Error).message}): expected a JSON value`,
        { cause },
      );
    }
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

function checkFields(fields: StoreTaskFields): void {
  const expected = (isRight: boolean, what: string) => {
    if (isRight) return;
    throw new TypeError(`Cannot make a StoreTask: expected ${what}`);
  };
  expected(
    typeof fields === "object" && fields !== null,
    "an object with slug, kind, payload, when, version, retry and result",
  );
  expected(typeof fields.slug === "string", "slug to be a string");
  expected(typeof fields.kind === "string", "kind to be a string");
  expected(fields.payload instanceof Uint8Array, "payload to be a Uint8Array");
  expected(fields.when instanceof Date, "when to be a Date");
  expected(typeof fields.version === "number", "version to be a number");
  expected(typeof fields.retry === "number", "retry to be a number");
  expected(typeof fields.result === "string", "result to be a string");
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

import { setImmediate } from "node:timers";
import type { SqliteDatabase } from "./database.ts";
import { whenFree } from "./errors.ts";
import { rollback } from "./schema.ts";
import type { Steps } from "./steps.ts";

interface Entry {
  readonly work: () => Steps<unknown>;
  readonly durable: boolean;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** What a {@linkcode SqliteQueue} works with. */
export interface QueueSettings {
  readonly database: SqliteDatabase;
  /** How long to wait for others who have the database locked. */
  readonly busyTimeoutMs: number;
  /**
   * Whether a transaction may stay open while other work goes first: only if
   * nobody else uses the database object.
   */
  readonly exclusive: boolean;
  /** Chooses whether the next transactions must reach the disk. */
  setDurable(durable: boolean): void;
  /** Makes the error for a caller of what SQLite threw. */
  toError(error: unknown, act: "read" | "write to"): Error;
}

/** How long one turn may hold up other work of the process. */
const MAX_TURN_MS = 8;

/**
 * Commits operations that fall together in one transaction, so that one write
 * to the disk serves them all. Each is atomic all the same: if one fails, the
 * others are done again without it.
 */
export class SqliteQueue {
  readonly #settings: QueueSettings;
  #waiting: Entry[] = [];
  #working: Promise<void> | undefined;
  #inTransaction = false;
  /** How many of the next operations get a transaction of their own. */
  #apart = 0;

  constructor(settings: QueueSettings) {
    this.#settings = settings;
  }

  /**
   * Does the work in a transaction. One that need not be durable may be undone
   * by a power cut, never by the death of the process.
   */
  write<T>(
    work: () => Steps<T>,
    { durable }: { durable: boolean },
  ): Promise<T> {
    return new Promise<unknown>((resolve, reject) => {
      this.#waiting.push({ work, durable, resolve, reject });
      this.#working ??= this.#workAll();
    }) as Promise<T>;
  }

  /** Reads what has been committed. */
  async read<T>(work: () => T): Promise<T> {
    const { busyTimeoutMs, toError } = this.#settings;
    while (this.#inTransaction) await turn();
    try {
      return await whenFree(busyTimeoutMs, work);
    } catch (error) {
      throw toError(error, "read");
    }
  }

  /** Resolves when all that was added is done. */
  async idle(): Promise<void> {
    await this.#working;
  }

  async #workAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      // What is added in the same turn belongs into the same transaction.
      await turn();
      const entries = this.#waiting;
      this.#waiting = [];
      const left = await this.#commitSome(entries);
      this.#waiting = [...left, ...this.#waiting];
    }
    this.#working = undefined;
  }

  /** Commits as much as one turn takes; answers what is left to do. */
  async #commitSome(entries: readonly Entry[]): Promise<readonly Entry[]> {
    const { database, toError } = this.#settings;
    const batch: Entry[] = [];
    try {
      await this.#begin(entries);
      const values = await this.#run(entries, batch);
      database.exec("COMMIT");
      batch.forEach(({ resolve }, index) => resolve(values[index]));
      return entries.slice(batch.length);
    } catch (error) {
      if (this.#inTransaction) rollback(database);
      if (batch.length > 1) {
        this.#apart = batch.length;
        return entries;
      }
      const failed = batch.length === 1 ? batch : entries;
      for (const { reject } of failed) reject(toError(error, "write to"));
      return entries.slice(failed.length);
    } finally {
      this.#inTransaction = false;
    }
  }

  async #begin(entries: readonly Entry[]): Promise<void> {
    const { database, busyTimeoutMs, setDurable } = this.#settings;
    await whenFree(busyTimeoutMs, () => {
      setDurable(entries.some(({ durable }) => durable));
      database.exec("BEGIN IMMEDIATE");
      this.#inTransaction = true;
    });
  }

  /** Runs entries and puts them into `batch`; answers their values. */
  async #run(entries: readonly Entry[], batch: Entry[]): Promise<unknown[]> {
    const values: unknown[] = [];
    const limit = this.#apart > 0 ? 1 : entries.length;
    if (this.#apart > 0) this.#apart--;
    let end = performance.now() + MAX_TURN_MS;
    while (batch.length < limit && performance.now() < end) {
      const entry = entries[batch.length];
      batch.push(entry);
      const steps = entry.work();
      let step = steps.next();
      while (!step.done) {
        if (this.#settings.exclusive && performance.now() > end) {
          await turn();
          end = performance.now() + MAX_TURN_MS;
        }
        step = steps.next();
      }
      values.push(step.value);
    }
    return values;
  }
}

/** Lets all other work that is ready go first. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

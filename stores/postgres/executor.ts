import { SchedulerError } from "../../src/api/errors.ts";
import { systemClock } from "../../src/api/clock.ts";
import type { Logger } from "../../src/api/logger.ts";
import { GrowingPause } from "../../src/core/growing_pause.ts";
import { within } from "../../src/core/within.ts";
import {
  borrow,
  isConnectionLoss,
  isTransient,
  type PgPool,
  type PgPoolClient,
  type PgRows,
  sqlState,
  type Statement,
} from "./client.ts";

/** What a {@linkcode PgExecutor} works with. */
export interface ExecutorSettings {
  readonly pool: PgPool;
  readonly prepare: boolean;
  readonly timeoutMs: number;
  /** How messages name the table. */
  readonly name: string;
  readonly logger: Logger;
}

/**
 * Whether a statement may be sent again when the connection broke: whatever
 * happened to it, only if it was not sent, or not at all.
 */
export type Again = "always" | "unsent" | "never";

/** Parameters, or how to get them when the statement is sent. */
export type Values = unknown[] | (() => unknown[]);

/** How often a statement is repeated that the server undid. */
const MAX_TRIES = 6;
/** The pauses while the server is away. */
const OUTAGE_PAUSES = { firstMs: 50, longestMs: 1_000 };
/** How much slower than ever before a statement may be, for its rows. */
const SLOW_MS = { base: 20, row: 0.1 };
/** For how long statements that were slow are planned each time. */
const REPLAN_MS = 10_000;

interface Pace {
  fastestMs: number | undefined;
  /** Until when the statement is planned each time it is sent. */
  replanUntil: number;
}

type Rows = PgRows["rows"];

/** Sends statements to the pool, and bounds the time that they may take. */
export class PgExecutor {
  readonly #settings: ExecutorSettings;
  readonly #paces = new Map<string, Pace>();
  readonly #prefix: string;
  #prepares: boolean;

  constructor(settings: ExecutorSettings) {
    this.#settings = settings;
    this.#prefix = shortHash(settings.name);
    this.#prepares = settings.prepare;
  }

  /**
   * Runs a statement.
   *
   * @param what What it is for, for messages: "claim tasks".
   * @param values Its parameters, or how to get them when it is sent.
   * @param again Whether to wait for a server that is away, for as long as one
   *   statement may take.
   */
  async run(
    what: string,
    statement: Statement,
    values: Values,
    again: Again = "never",
  ): Promise<Rows> {
    const giveUpAt = performance.now() + this.#settings.timeoutMs;
    const pauses = new GrowingPause(OUTAGE_PAUSES);
    for (let tries = 1;; tries++) {
      const attempt = { sent: false };
      try {
        return await this.#attempt(what, statement, values, attempt);
      } catch (error) {
        if (isUnprepared(error) && tries < MAX_TRIES) {
          this.#stopPreparing(error);
        } else if (isTransient(error) && tries < MAX_TRIES) {
          await systemClock.sleep(Math.random() * 10 * tries);
        } else if (
          isConnectionLoss(error) && performance.now() < giveUpAt &&
          (again === "always" || again === "unsent" && !attempt.sent)
        ) {
          await systemClock.sleep(pauses.next());
        } else {
          throw error;
        }
      }
    }
  }

  async #attempt(
    what: string,
    statement: Statement,
    values: Values,
    attempt: { sent: boolean },
  ): Promise<Rows> {
    const { pool, timeoutMs } = this.#settings;
    if (pool.connect === undefined) {
      attempt.sent = true;
      return (await pool.query(statement.text, resolved(values))).rows;
    }
    const client = await borrow(
      pool,
      timeoutMs,
      () => this.#late(what, "no connection of the pool came free"),
    );
    attempt.sent = true;
    let broken: Error | undefined;
    // The statement tells of it; unheard, it would end the process.
    const onError = () => {};
    client.on?.("error", onError);
    try {
      return await within(
        this.#send(client, statement, resolved(values)),
        timeoutMs,
        () => this.#late(what, "no answer came"),
      );
    } catch (error) {
      // After an error of the server, the connection is as good as before.
      if (sqlState(error) === undefined || isConnectionLoss(error)) {
        broken = error as Error;
      }
      throw error;
    } finally {
      client.removeListener?.("error", onError);
      client.release(broken);
    }
  }

  /**
   * Prepared, unless the last time was slow: the server may keep using a plan
   * that it made when the table was empty.
   */
  async #send(
    client: PgPoolClient,
    { name, text }: Statement,
    values: unknown[],
  ): Promise<Rows> {
    if (!this.#prepares) return (await client.query(text, values)).rows;
    const pace = this.#paceOf(name);
    const start = performance.now();
    const isPrepared = start >= pace.replanUntil;
    const { rows } = await client.query(
      isPrepared
        ? { name: `${this.#prefix}_${name}`, text, values }
        : { text, values },
    );
    const took = performance.now() - start;
    const usual = pace.fastestMs ?? 0;
    if (isPrepared && took > usual + SLOW_MS.base + SLOW_MS.row * rows.length) {
      pace.replanUntil = start + took + REPLAN_MS;
    }
    pace.fastestMs = Math.min(pace.fastestMs ?? took, took);
    return rows;
  }

  #paceOf(name: string): Pace {
    let pace = this.#paces.get(name);
    if (pace === undefined) {
      pace = { fastestMs: undefined, replanUntil: 0 };
      this.#paces.set(name, pace);
    }
    return pace;
  }

  /** Each statement of this process may go to another connection. */
  #stopPreparing(error: unknown): void {
    const { logger, name } = this.#settings;
    if (!this.#prepares) return;
    this.#prepares = false;
    logger.warn(
      `Cannot use prepared statements on "${name}", going on without: set ` +
        `prepare to false behind a proxy that pools transactions`,
      { error },
    );
  }

  #late(what: string, reason: string): SchedulerError {
    const { name, timeoutMs } = this.#settings;
    return new SchedulerError(
      `Cannot ${what} in "${name}": ${reason} within ${timeoutMs} ms`,
    );
  }
}

/** Whether a prepared statement was missing, or was there unexpectedly. */
function isUnprepared(error: unknown): boolean {
  return ["26000", "42P05"].includes(sqlState(error) ?? "");
}

function resolved(values: Values): unknown[] {
  return typeof values === "function" ? values() : values;
}

/** Sets apart the prepared statements of different tables on one connection. */
function shortHash(text: string): string {
  let hash = 0x811c9dc5;
  for (const char of text) {
    hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) >>> 0;
  }
  return hash.toString(36);
}

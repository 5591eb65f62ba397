import { systemClock } from "../../src/api/clock.ts";
import type { Logger } from "../../src/api/logger.ts";
import { GrowingPause } from "../../src/core/growing_pause.ts";
import { within } from "../../src/runtime/within.ts";
import {
  isConnectionLoss,
  isReadOnly,
  isRefusal,
  isTransient,
  LateError,
  type PgClient,
  type PgPool,
  type PgPoolClient,
  type PgRows,
  sqlState,
  type Statement,
} from "./client.ts";
import { PgLender } from "./lender.ts";

/** What a {@linkcode PgExecutor} works with. */
export interface ExecutorSettings {
  readonly pool: PgPool;
  readonly prepare: boolean;
  /** For how long a statement is waited for unless its caller says. */
  readonly timeoutMs: number;
  /** How messages name the table. */
  readonly name: string;
  readonly logger: Logger;
}

/**
 * Whether a statement may be sent again when the connection broke: whatever
 * happened to it, only if it had no effect for sure, or not at all.
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

/** What is sent on one connection. */
type Work<T> = (client: PgClient) => Promise<T>;

/** One try. */
interface Attempt {
  /** Says what the statement is for. */
  readonly what: string;
  readonly limitMs: number;
  readonly giveUpAt: number;
  /** Whether the connection is as good as before when the server refuses. */
  readonly isSingle: boolean;
  sentAt?: number;
}

interface Pace {
  fastestMs: number | undefined;
  /** Until when the statement is planned each time it is sent. */
  replanUntil: number;
}

type Rows = PgRows["rows"];

/** Sends statements to the pool, and bounds the time that they may take. */
export class PgExecutor {
  readonly #settings: ExecutorSettings;
  readonly #lender: PgLender;
  readonly #paces = new Map<string, Pace>();
  readonly #prefix: string;
  #prepares: boolean;

  constructor(settings: ExecutorSettings) {
    this.#settings = settings;
    this.#lender = PgLender.of(settings.pool);
    this.#prefix = shortHash(settings.name);
    this.#prepares = settings.prepare && settings.pool.connect !== undefined;
  }

  /**
   * Runs a statement.
   *
   * @param what What it is for, for messages: "claim tasks".
   * @param values Its parameters, or how to get them when it is sent.
   * @param again Whether to wait for a server that is away.
   * @param limitMs How long all of it may take: the connection, the answer, and
   *   waiting for a server that is away.
   * @throws {LateError} If no connection, or no answer, came in time.
   */
  async run(
    what: string,
    statement: Statement,
    values: Values,
    again: Again = "never",
    limitMs: number = this.#settings.timeoutMs,
  ): Promise<Rows> {
    return await this.#repeat(
      { what, limitMs, isSingle: true },
      (client) => this.#send(client, statement, resolved(values)),
      again,
    );
  }

  /**
   * Runs several statements on one connection, and all of them again if need
   * be. See {@linkcode PgExecutor.run} for the parameters.
   */
  async session<T>(
    what: string,
    work: (client: PgClient) => Promise<T>,
    again: Again = "never",
    limitMs: number = this.#settings.timeoutMs,
  ): Promise<T> {
    return await this.#repeat({ what, limitMs, isSingle: false }, work, again);
  }

  /** The same in a transaction, which ends when `work` has ended. */
  async transaction<T>(
    what: string,
    work: (client: PgClient) => Promise<T>,
    again?: Again,
    limitMs?: number,
  ): Promise<T> {
    const run = async (client: PgClient) => {
      await client.query("begin");
      try {
        const result = await work(client);
        await client.query("commit");
        return result;
      } catch (error) {
        await client.query("rollback").catch(() => {});
        throw error;
      }
    };
    const { pool } = this.#settings;
    return await this.session(
      what,
      pool.transaction === undefined ? run : () => pool.transaction!(work),
      again,
      limitMs,
    );
  }

  async #repeat<T>(
    settings: Pick<Attempt, "what" | "limitMs" | "isSingle">,
    work: Work<T>,
    again: Again,
  ): Promise<T> {
    const { outage } = this.#lender;
    const giveUpAt = performance.now() + settings.limitMs;
    const pauses = new GrowingPause(OUTAGE_PAUSES);
    for (let tries = 1;; tries++) {
      const attempt: Attempt = { ...settings, giveUpAt };
      try {
        const result = await this.#attempt(attempt, work);
        outage.reportSuccess();
        return result;
      } catch (error) {
        const isLoss = isConnectionLoss(error);
        if (isLoss || error instanceof LateError) outage.reportFailure();
        const leftMs = giveUpAt - performance.now();
        if (leftMs <= 0) throw error;
        const hadNoEffect = attempt.sentAt === undefined || isRefusal(error);
        if (isUnprepared(error) && tries < MAX_TRIES) {
          this.#stopPreparing(error);
        } else if (isTransient(error) && tries < MAX_TRIES) {
          await systemClock.sleep(Math.random() * 10 * tries);
        } else if (
          isLoss && (again === "always" || again === "unsent" && hadNoEffect)
        ) {
          await outage.pause(Math.min(pauses.next(), leftMs));
          if (performance.now() >= giveUpAt) throw error;
        } else {
          throw error;
        }
      }
    }
  }

  async #attempt<T>(attempt: Attempt, work: Work<T>): Promise<T> {
    const { pool } = this.#settings;
    if (pool.connect === undefined) {
      attempt.sentAt = performance.now();
      return await work(pool);
    }
    const leftMs = () => Math.max(attempt.giveUpAt - performance.now(), 0);
    const client = await this.#lender.borrow(
      leftMs(),
      () => this.#late(attempt, "no connection of the pool came free"),
    );
    attempt.sentAt = performance.now();
    // The statement tells of it; unheard, it would end the process.
    const onError = () => {};
    client.on?.("error", onError);
    try {
      const result = await within(
        work(client),
        leftMs(),
        () => this.#late(attempt, "no answer came"),
      );
      this.#lender.giveBack(client);
      return result;
    } catch (error) {
      this.#takeBack(client, error, attempt);
      throw error;
    } finally {
      client.removeListener?.("error", onError);
    }
  }

  /** After most errors of the server, the connection is as good as before. */
  #takeBack(
    client: PgPoolClient,
    error: unknown,
    { isSingle, sentAt }: Attempt,
  ): void {
    if (isSingle && sqlState(error) !== undefined && !isConnectionLoss(error)) {
      return this.#lender.giveBack(client);
    }
    if (error instanceof LateError) this.#lender.distrustBefore(sentAt!);
    if (isReadOnly(error)) this.#lender.distrustBefore(performance.now());
    this.#lender.drop(client, error as Error);
  }

  /**
   * Prepared, unless the last time was slow: the server may keep using a plan
   * that it made when the table was empty.
   */
  async #send(
    client: PgClient,
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

  #late({ what, limitMs }: Attempt, reason: string): LateError {
    const ms = Math.round(limitMs);
    return new LateError(
      `Cannot ${what} in "${this.#settings.name}": ${reason} within ${ms} ms`,
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

import { SchedulerError } from "../../src/api/errors.ts";
import type { StoreChange } from "../../src/api/job_store.ts";
import type { Logger } from "../../src/api/logger.ts";
import { type Announcement, Announcer } from "./announcer.ts";
import {
  isConnectionLoss,
  LateError,
  type PgClient,
  type PgPool,
  type PgRows,
  type Statement,
} from "./client.ts";
import { type Again, PgExecutor, type Values } from "./executor.ts";
import { SafeLogger } from "../../src/core/safe_logger.ts";
import { PgLender } from "./lender.ts";
import { headOf } from "./message.ts";
import { prepareSchema } from "./migrator.ts";
import type { TableNames } from "./names.ts";
import { isRefusedUse, unusable } from "./rights.ts";
import { PgSchema } from "./schema.ts";
import { type StoreSql, storeSql } from "./sql.ts";
import { PgWatch } from "./watch.ts";

/** What a {@linkcode PgTable} works with. */
export interface TableSettings {
  readonly migrate: boolean;
  readonly prepare: boolean;
  readonly listen: PgPool | false;
  readonly pollMs: number;
  readonly operationTimeoutMs: number;
  readonly logger: Logger;
}

/** How long it may take to ask others to look. */
const NUDGE_MS = 3_000;

type Rows = PgRows["rows"];

/**
 * The table as one process sees it: runs statements, which create it when first
 * needed, and lets everybody know of changes.
 */
export class PgTable {
  readonly names: TableNames;
  readonly sql: StoreSql;
  readonly #pool: PgPool;
  readonly #settings: TableSettings;
  readonly #executor: PgExecutor;
  readonly #schema: PgSchema;
  readonly #origin: string = crypto.randomUUID().slice(0, 8);
  readonly #announcer = new Announcer(this.#origin);
  readonly #watches = new Set<PgWatch>();
  #prepared: Promise<void> | undefined;
  #isPrepared = false;
  /** The message that asks others to look, until it is sent. */
  #nudging: Promise<void> | undefined;
  readonly #nudges = new Set<Promise<void>>();

  constructor(pool: PgPool, names: TableNames, settings: TableSettings) {
    this.names = names;
    this.sql = storeSql(names);
    this.#schema = new PgSchema(names);
    this.#pool = pool;
    this.#settings = { ...settings, logger: new SafeLogger(settings.logger) };
    this.#executor = new PgExecutor({
      pool,
      prepare: settings.prepare,
      timeoutMs: settings.operationTimeoutMs,
      name: names.channel,
      logger: this.#settings.logger,
    });
  }

  /** For how long a statement is waited for unless its caller says. */
  get limitMs(): number {
    return this.#settings.operationTimeoutMs;
  }

  /** Sees to it once that the table is there. */
  async prepare(): Promise<void> {
    this.#prepared ??= prepareSchema(
      this.#schema,
      this.#settings.migrate,
      (what, work, limitMs) =>
        this.#executor.session(what, work, "always", limitMs),
    );
    try {
      await this.#prepared;
      this.#isPrepared = true;
    } catch (error) {
      this.#prepared = undefined;
      throw error;
    }
  }

  /**
   * Makes sure that the table is there, by the connection of a transaction
   * alone: another one may not be had as long as the transaction holds its own.
   * What it finds may be undone with the transaction, so it is not remembered.
   *
   * @throws {SchedulerError} If the table is missing.
   */
  async checkWithin(transaction: PgClient): Promise<void> {
    if (this.#isPrepared) return;
    const { table, channel } = this.names;
    const { rows: [{ found }] } = await transaction.query(
      "select to_regclass($1) is not null as found",
      [table],
    );
    if (!found) {
      throw new SchedulerError(
        `Cannot create tasks in "${channel}" in a transaction: the table is ` +
          `missing; expected a scheduler to have started, or the store to ` +
          `have been called, before`,
      );
    }
    await prepareSchema(this.#schema, false, (_, work) => work(transaction));
  }

  /** Runs a statement, see {@linkcode PgExecutor.run}. */
  async run(
    what: string,
    statement: Statement,
    values: Values,
    again?: Again,
    limitMs?: number,
  ): Promise<Rows> {
    await this.prepare();
    return await this.#executor.run(what, statement, values, again, limitMs)
      .catch((error) => this.#refuse(what, error));
  }

  /** Runs statements in a transaction, see {@linkcode PgExecutor.transaction}. */
  async transaction<T>(
    what: string,
    work: (client: PgClient) => Promise<T>,
    again?: Again,
    limitMs?: number,
  ): Promise<T> {
    await this.prepare();
    return await this.#executor.transaction(what, work, again, limitMs)
      .catch((error) => this.#refuse(what, error));
  }

  /** Somebody has taken the rights, or the table, away since the start. */
  #refuse(what: string, error: unknown): never {
    if (!isRefusedUse(error)) throw error;
    this.#prepared = undefined;
    this.#isPrepared = false;
    throw unusable(
      this.names,
      `cannot ${what}: ${(error as Error).message}`,
      error,
    );
  }

  /**
   * Runs a statement that changes what is due, and lets other processes know.
   *
   * @param values Makes the parameters; takes the `head` of the message if
   *   there is something to tell.
   */
  async announce(
    what: string,
    statement: Statement,
    values: (head: () => string | null) => unknown[],
    again?: Again,
    limitMs?: number,
  ): Promise<Rows[number]> {
    let sent: { announcement?: Announcement; at: number } | undefined;
    const head = () => {
      const at = performance.now();
      const announcement = this.#announcer.announce(at);
      sent = { announcement, at };
      return announcement ? headOf(announcement) : null;
    };
    const run = () =>
      this.run(what, statement, () => values(head), again, limitMs);
    const [row] = await run().catch((error) => {
      // It may have taken place; there is no time left to wait for the nudge.
      const isOpen = isConnectionLoss(error) || error instanceof LateError;
      if (sent !== undefined && isOpen) void this.nudge();
      throw error;
    });
    if (sent === undefined) return row;
    const { announcement, at } = sent;
    const now = performance.now();
    if (announcement === undefined) {
      if (!this.#announcer.isSeen(now)) await this.nudge();
    } else if (row.told) this.#announcer.confirm(announcement, at, now);
    return row;
  }

  /** Lets the watches of this process know; others hear the announcement. */
  tell(change: StoreChange): void {
    for (const watch of this.#watches) watch.tell(change);
  }

  /** Watches for changes until the watch is disposed of. */
  async watch(
    onChange: (change: StoreChange) => void,
  ): Promise<AsyncDisposable> {
    await this.prepare();
    const { listen, pollMs, operationTimeoutMs, logger } = this.#settings;
    const { channel } = this.names;
    const { notify } = this.sql;
    const watch = new PgWatch({
      pool: listen === false ? undefined : listen,
      channel,
      origin: this.#origin,
      pollMs,
      timeoutMs: operationTimeoutMs,
      logger,
      outage: PgLender.of(this.#pool).outage,
      notify: (text, limitMs) =>
        this.run("notify", notify, [channel, text], "never", limitMs),
      onChange,
    });
    this.#watches.add(watch);
    await watch.start();
    return {
      [Symbol.asyncDispose]: async () => {
        this.#watches.delete(watch);
        await watch[Symbol.asyncDispose]();
        await Promise.all(this.#nudges);
      },
    };
  }

  /**
   * Asks others to look; never rejects. If it gets lost they are late, but
   * nothing is missing in the table. Those who call before it is sent share one
   * message.
   */
  nudge(): Promise<void> {
    if (this.#nudging !== undefined) return this.#nudging;
    let announcement: Announcement;
    let sentAt: number;
    const values = () => {
      if (this.#nudging === nudge) this.#nudging = undefined;
      sentAt = performance.now();
      announcement = this.#announcer.nudge(sentAt);
      return [this.names.channel, JSON.stringify(announcement)];
    };
    const onSent = () =>
      this.#announcer.confirm(announcement, sentAt, performance.now());
    const { notify } = this.sql;
    const nudge: Promise<void> = this
      .run("notify", notify, values, "always", NUDGE_MS)
      .then(onSent, () => {})
      .finally(() => {
        this.#nudges.delete(nudge);
        if (this.#nudging === nudge) this.#nudging = undefined;
      });
    this.#nudges.add(nudge);
    this.#nudging = nudge;
    return nudge;
  }
}

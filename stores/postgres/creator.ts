import { SchedulerError } from "../../src/api/errors.ts";
import type { NewTask } from "../../src/api/job_store.ts";
import { errorText } from "../../src/core/text.ts";
import {
  isConnectionLoss,
  isRefusal,
  LateError,
  type PgClient,
  sqlState,
} from "./client.ts";
import { headOf } from "./message.ts";
import type { PgTable } from "./table.ts";
import { Creation, toDate } from "./values.ts";

/** How often a creation is tried that others, or an outage, get in the way of. */
const MAX_TRIES = 5;
const UNIQUE_VIOLATION = "23505";

/** Creates tasks: all of one call, or none. */
export class PgCreator {
  readonly #table: PgTable;

  constructor(table: PgTable) {
    this.#table = table;
  }

  /**
   * Creates tasks, in spite of races and outages. When an answer was lost, it
   * looks the tasks up before it sends them again. A task that has run to its
   * end by then is not found, and runs twice.
   *
   * @returns The taken slugs.
   */
  async create(tasks: readonly NewTask[]): Promise<string[]> {
    const creation = this.#creationOf(tasks);
    const giveUpAt = performance.now() + this.#table.limitMs;
    let isOpen = false;
    for (let tries = 1;; tries++) {
      let isSent = false;
      const onSent = () => isSent = true;
      const limitMs = Math.max(giveUpAt - performance.now(), 0);
      try {
        const taken = await this.#send(creation, onSent, limitMs);
        const isOurs = tries > 1 && taken.length > 0 &&
          await this.#isThere(creation);
        return isOurs ? [] : taken;
      } catch (error) {
        const isLate = error instanceof LateError;
        const isLost = isLate || isConnectionLoss(error);
        isOpen ||= isSent && isLost && !isRefusal(error);
        if (isOpen && await this.#isThere(creation, error)) return [];
        if (isOpen && isLate) throw this.#unknown(error);
        const isOver = tries === MAX_TRIES || performance.now() >= giveUpAt;
        const isWorthIt = isOpen || sqlState(error) === UNIQUE_VIOLATION;
        if (isOver || !isWorthIt) throw error;
      }
    }
  }

  /**
   * Creates tasks in a transaction of the user, by its connection alone. The
   * message has no origin, so that this process hears it too when the user
   * commits.
   *
   * @throws {TypeError} If it is not one connection.
   */
  async createWithin(
    transaction: PgClient,
    tasks: readonly NewTask[],
  ): Promise<string[]> {
    checkTransaction(transaction);
    const creation = this.#creationOf(tasks);
    await this.#table.checkWithin(transaction);
    const { text } = this.#table.sql.create(creation.modes);
    const create = async () => {
      const values = creation.values(headOf({ o: null }));
      return creation.taken((await transaction.query(text, values)).rows[0]);
    };
    if (!creation.modes.includes("error")) return await create();
    await transaction.query("savepoint scheduler_create");
    let taken: string[];
    try {
      taken = await create();
    } catch (error) {
      if (sqlState(error) !== UNIQUE_VIOLATION) throw error;
      // Another transaction took a slug in between; now it can be seen.
      await transaction.query("rollback to savepoint scheduler_create");
      taken = await create();
    }
    await transaction.query("release savepoint scheduler_create");
    return taken;
  }

  #creationOf(tasks: readonly NewTask[]): Creation {
    return new Creation(tasks, this.#table.names.channel);
  }

  async #send(
    creation: Creation,
    onSent: () => void,
    limitMs: number,
  ): Promise<string[]> {
    const row = await this.#table.announce(
      "create tasks",
      this.#table.sql.create(creation.modes),
      (head) => {
        onSent();
        return creation.values(head());
      },
      "unsent",
      limitMs,
    );
    if (row.due !== null) {
      const when = row.is_due ? undefined : toDate(row.due);
      this.#table.tell({ when, kinds: creation.kinds });
    }
    return creation.taken(row);
  }

  /** Whether a creation whose answer was lost got through. */
  async #isThere({ id, slugs }: Creation, cause?: unknown): Promise<boolean> {
    try {
      const rows = await this.#table.run(
        "find out what was created",
        this.#table.sql.findCreation,
        [id, slugs],
        "always",
      );
      return rows.length > 0;
    } catch (error) {
      throw this.#unknown(cause ?? error);
    }
  }

  #unknown(cause: unknown): SchedulerError {
    return new SchedulerError(
      `Cannot tell whether tasks were created in ` +
        `"${this.#table.names.channel}": ${errorText(cause)}; schedule them ` +
        `again with onConflict "keep"`,
      { cause },
    );
  }
}

/** What gives away a pool of `pg`, or a PGlite outside of its transactions. */
interface NoTransaction {
  readonly connect?: unknown;
  readonly totalCount?: unknown;
  readonly transaction?: unknown;
  readonly listen?: unknown;
}

/** Refuses what would run each statement outside of the transaction. */
function checkTransaction(transaction: PgClient & NoTransaction): void {
  const { connect, totalCount, transaction: begin, listen } = transaction;
  if (typeof connect === "function" && totalCount !== undefined) {
    throw new TypeError(
      "Cannot create tasks in a transaction of a pool: it sends each " +
        "statement to another connection; expected the client that holds the " +
        "transaction",
    );
  }
  if (typeof begin === "function" && typeof listen === "function") {
    throw new TypeError(
      "Cannot create tasks in a transaction of a PGlite: its statements run " +
        "outside of the transaction; expected what transaction() passes to " +
        "its callback",
    );
  }
}

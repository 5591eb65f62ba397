import { SchedulerError } from "../../src/api/errors.ts";
import type { NewTask } from "../../src/api/job_store.ts";
import { isConnectionLoss, type PgClient, sqlState } from "./client.ts";
import { headOf, type PgTable } from "./table.ts";
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

  /** Creates tasks, in spite of races and outages. @returns The taken slugs. */
  async create(tasks: readonly NewTask[]): Promise<string[]> {
    const creation = this.#creationOf(tasks);
    for (let tries = 1;; tries++) {
      let isSent = false;
      try {
        const taken = await this.#send(creation, () => isSent = true);
        const isOurs = tries > 1 && taken.length > 0 &&
          await this.#isThere(creation);
        return isOurs ? [] : taken;
      } catch (error) {
        if (tries === MAX_TRIES) throw error;
        if (isSent && isConnectionLoss(error)) {
          if (await this.#isThere(creation, error)) return [];
        } else if (sqlState(error) !== UNIQUE_VIOLATION) {
          throw error;
        }
      }
    }
  }

  /**
   * Creates tasks in a transaction of the user. The message has no origin, so
   * that this process hears it too when the user commits.
   */
  async createWithin(
    transaction: PgClient,
    tasks: readonly NewTask[],
  ): Promise<string[]> {
    await this.#table.prepare();
    const creation = this.#creationOf(tasks);
    const { text } = this.#table.sql.create(creation.modes);
    const create = async () => {
      const values = creation.values(headOf({ o: null }));
      return creation.taken((await transaction.query(text, values)).rows[0]);
    };
    if (!creation.modes.includes("error")) return await create();
    await transaction.query("savepoint scheduler_create");
    try {
      return await create();
    } catch (error) {
      if (sqlState(error) !== UNIQUE_VIOLATION) throw error;
      // Another transaction took a slug in between; now it can be seen.
      await transaction.query("rollback to savepoint scheduler_create");
      return await create();
    }
  }

  #creationOf(tasks: readonly NewTask[]): Creation {
    return new Creation(tasks, this.#table.names.channel);
  }

  async #send(creation: Creation, onSent: () => void): Promise<string[]> {
    const row = await this.#table.announce(
      "create tasks",
      this.#table.sql.create(creation.modes),
      (head) => {
        onSent();
        return creation.values(head());
      },
      "unsent",
    );
    if (row.due !== null) {
      const when = row.is_due ? undefined : toDate(row.due);
      this.#table.tell({ when, kinds: creation.kinds });
    }
    return creation.taken(row);
  }

  /** Whether a creation whose answer was lost got through. */
  async #isThere({ id, slugs }: Creation, cause?: unknown): Promise<boolean> {
    const { names, sql } = this.#table;
    try {
      const rows = await this.#table.run(
        "find out what was created",
        sql.findCreation,
        [id, slugs],
        "always",
      );
      return rows.length > 0;
    } catch {
      throw new SchedulerError(
        `Cannot tell whether tasks were created in "${names.channel}": the ` +
          `connection broke before the answer came; schedule them again with ` +
          `onConflict "keep"`,
        { cause },
      );
    }
  }
}

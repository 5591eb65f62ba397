import { SchedulerError } from "../../src/api/errors.ts";
import type { CreateOutcome, NewTask } from "../../src/api/job_store.ts";
import { errorText } from "../../src/core/text.ts";
import { checkMethods } from "../../src/core/validate.ts";
import { batchesOf } from "./batches.ts";
import {
  isConnectionLoss,
  isRefusal,
  LateError,
  type PgClient,
  sqlState,
} from "./client.ts";
import { Creation, sizeOf, withheld } from "./creation.ts";
import { headOf } from "./message.ts";
import type { PgTable } from "./table.ts";
import { toDate } from "./values.ts";

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
   */
  async create(tasks: readonly NewTask[]): Promise<CreateOutcome[]> {
    const creation = new Creation(tasks, this.#table.names.channel);
    const giveUpAt = performance.now() + this.#table.limitMs;
    let isOpen = false;
    for (let tries = 1;; tries++) {
      let isSent = false;
      const onSent = () => isSent = true;
      const limitMs = Math.max(giveUpAt - performance.now(), 0);
      try {
        const outcomes = await this.#send(creation, onSent, limitMs);
        const isStrange = tries > 1 &&
          outcomes.some((outcome) => ["taken", "kept"].includes(outcome));
        return isStrange && await this.#find(creation) || outcomes;
      } catch (error) {
        const isLate = error instanceof LateError;
        const isLost = isLate || isConnectionLoss(error);
        isOpen ||= isSent && isLost && !isRefusal(error);
        const found = isOpen && await this.#find(creation, error);
        if (found) return found;
        if (isOpen && isLate) throw this.#unknown(error);
        const isOver = tries === MAX_TRIES || performance.now() >= giveUpAt;
        const isWorthIt = isOpen || error instanceof TakenError ||
          sqlState(error) === UNIQUE_VIOLATION;
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
  ): Promise<CreateOutcome[]> {
    checkTransaction(transaction);
    const batches = this.#batches(
      new Creation(tasks, this.#table.names.channel),
    );
    await this.#table.checkWithin(transaction);
    const head = headOf({ o: null });
    const create = () => this.#createParts(transaction, tasks, batches, head);
    const isSafe = batches.length === 1 &&
      !batches[0].parts.modes.includes("error");
    if (isSafe) return await create();
    await transaction.query("savepoint scheduler_create");
    let outcomes: CreateOutcome[];
    try {
      outcomes = await create();
    } catch (error) {
      await transaction.query("rollback to savepoint scheduler_create");
      // Another transaction took a slug in between; now it can be seen.
      const isTaken = error instanceof TakenError ||
        sqlState(error) === UNIQUE_VIOLATION;
      if (!isTaken) throw error;
      outcomes = await create();
    }
    await transaction.query("release savepoint scheduler_create");
    return outcomes;
  }

  /** The parts of a creation that is too large for one statement. */
  #batches(creation: Creation): Creation[] {
    const { tasks, id } = creation;
    const { channel } = this.#table.names;
    const bySlug = (a: NewTask, b: NewTask) => a.slug < b.slug ? -1 : 1;
    const batches = batchesOf([...tasks], sizeOf);
    return batches.length === 1
      ? [creation]
      // All transactions lock rows in the order of their slugs.
      : batchesOf([...tasks].sort(bySlug), sizeOf)
        .map((batch) => new Creation(batch, channel, id));
  }

  /** Has to be called in a transaction if there are several parts. */
  async #createParts(
    client: PgClient,
    tasks: readonly NewTask[],
    batches: readonly Creation[],
    head: string | null,
  ): Promise<CreateOutcome[]> {
    const { sql } = this.#table;
    if (batches.length > 1) {
      const slugs = tasks.filter(({ onConflict }) => onConflict === "error")
        .map(({ slug }) => slug);
      const { rows } = await client.query(sql.findTaken.text, [slugs]);
      if (rows.length > 0) {
        return withheld(tasks, new Set(rows.map(({ slug }) => slug as string)));
      }
    }
    const outcomes = new Map<string, CreateOutcome>();
    for (const batch of batches) {
      const { text } = sql.create(batch.parts);
      const { rows: [row] } = await client.query(text, batch.values(head));
      const parts = batch.outcomes(row);
      if (batches.length > 1 && parts.includes("taken")) throw new TakenError();
      batch.slugs.forEach((slug, index) => outcomes.set(slug, parts[index]));
    }
    return tasks.map(({ slug }) => outcomes.get(slug)!);
  }

  async #send(
    creation: Creation,
    onSent: () => void,
    limitMs: number,
  ): Promise<CreateOutcome[]> {
    const batches = this.#batches(creation);
    if (batches.length > 1) {
      return await this.#sendParts(creation, batches, onSent, limitMs);
    }
    const row = await this.#table.announce(
      "create tasks",
      this.#table.sql.create(creation.parts),
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
    return creation.outcomes(row);
  }

  async #sendParts(
    { tasks, kinds }: Creation,
    batches: readonly Creation[],
    onSent: () => void,
    limitMs: number,
  ): Promise<CreateOutcome[]> {
    const outcomes = await this.#table.transaction(
      "create tasks",
      (client) => {
        onSent();
        return this.#createParts(client, tasks, batches, null);
      },
      "unsent",
      limitMs,
    );
    this.#table.tell({ when: undefined, kinds });
    await this.#table.nudge();
    return outcomes;
  }

  /** What a creation whose answer was lost has done; if it got through. */
  async #find(
    creation: Creation,
    cause?: unknown,
  ): Promise<CreateOutcome[] | undefined> {
    try {
      const rows = await this.#table.run(
        "find out what was created",
        this.#table.sql.findCreation,
        [creation.id, creation.slugs],
        "always",
      );
      return rows.length > 0 ? creation.outcomesOf(rows) : undefined;
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

/** A slug was taken while the parts of a creation were sent. */
class TakenError extends Error {}

/** What gives away a pool of `pg`, or a PGlite outside of its transactions. */
interface NoTransaction {
  readonly connect?: unknown;
  readonly totalCount?: unknown;
  readonly transaction?: unknown;
  readonly listen?: unknown;
}

/** Refuses what would run each statement outside of the transaction. */
export function checkTransaction(transaction: PgClient & NoTransaction): void {
  checkMethods("create tasks in a transaction", "a client", transaction, [
    "query",
  ]);
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

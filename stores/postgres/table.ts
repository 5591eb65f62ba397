import type { StoreChange } from "../../src/api/job_store.ts";
import type { Logger } from "../../src/api/logger.ts";
import { type Announcement, Announcer } from "./announcer.ts";
import type { PgPool, PgRows, Statement } from "./client.ts";
import { type Again, PgExecutor, type Values } from "./executor.ts";
import { prepareSchema, type TableNames } from "./schema.ts";
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

type Rows = PgRows["rows"];

/**
 * The table as one process sees it: runs statements, which create it when first
 * needed, and lets everybody know of changes.
 */
export class PgTable {
  readonly names: TableNames;
  readonly sql: StoreSql;
  readonly #settings: TableSettings;
  readonly #executor: PgExecutor;
  readonly #origin: string = crypto.randomUUID().slice(0, 8);
  readonly #announcer = new Announcer(this.#origin);
  readonly #watches = new Set<PgWatch>();
  #prepared: Promise<void> | undefined;
  #nudging: Promise<void> | undefined;

  constructor(pool: PgPool, names: TableNames, settings: TableSettings) {
    this.names = names;
    this.sql = storeSql(names.table);
    this.#settings = settings;
    this.#executor = new PgExecutor({
      pool,
      prepare: settings.prepare,
      timeoutMs: settings.operationTimeoutMs,
      name: names.channel,
      logger: settings.logger,
    });
  }

  /** Sees to it once that the table is there. */
  async prepare(): Promise<void> {
    this.#prepared ??= prepareSchema(
      this.names,
      this.#settings.migrate,
      (statement, values) =>
        this.#executor.run("prepare the table", statement, values, "always"),
    );
    try {
      await this.#prepared;
    } catch (error) {
      this.#prepared = undefined;
      throw error;
    }
  }

  /** Runs a statement, see {@linkcode PgExecutor.run}. */
  async run(
    what: string,
    statement: Statement,
    values: Values,
    again?: Again,
  ): Promise<Rows> {
    await this.prepare();
    return await this.#executor.run(what, statement, values, again);
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
  ): Promise<Rows[number]> {
    let announcement: Announcement | undefined;
    let hasChanges = false;
    const head = () => {
      hasChanges = true;
      announcement = this.#announcer.announce(performance.now());
      return announcement ? headOf(announcement) : null;
    };
    const [row] = await this.run(what, statement, () => values(head), again);
    const isOwed = announcement === undefined
      ? !this.#announcer.isSeen(performance.now())
      : announcement.again !== undefined && !row.told;
    if (hasChanges && isOwed) await this.#nudge();
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
    const watch = new PgWatch({
      pool: listen === false ? undefined : listen,
      channel,
      origin: this.#origin,
      pollMs,
      timeoutMs: operationTimeoutMs,
      logger,
      notify: (text) => this.run("notify", this.sql.notify, [channel, text]),
      onChange,
    });
    this.#watches.add(watch);
    await watch.start();
    return {
      [Symbol.asyncDispose]: async () => {
        this.#watches.delete(watch);
        await watch[Symbol.asyncDispose]();
      },
    };
  }

  /**
   * Asks others to look. If it gets lost they are late, but nothing is missing
   * in the table. Those who call before it is sent share one message.
   */
  #nudge(): Promise<void> {
    const message = JSON.stringify({ o: this.#origin });
    const values = () => {
      this.#nudging = undefined;
      return [this.names.channel, message];
    };
    return this.#nudging ??= this.run("notify", this.sql.notify, values)
      .then(() => {}, () => this.#nudging = undefined);
  }
}

/** The beginning of a message, to be completed in the database. */
export function headOf(announcement: Announcement): string {
  return `${JSON.stringify(announcement).slice(0, -1)},"w":`;
}

import { DatabaseSync } from "node:sqlite";
import { StoreUnusableError } from "../../src/api/errors.ts";
import { errorText } from "../../src/core/text.ts";
import {
  prepare,
  readValue,
  type SqliteDatabase,
  type SqliteStatement,
} from "./database.ts";
import { storeError, whenFree } from "./errors.ts";
import { SqliteQueue } from "./queue.ts";
import { checkDatabase, type SchemaTarget, setUpSchema } from "./schema.ts";
import { SqliteClaims } from "./claims.ts";
import { SqliteCreation } from "./creation.ts";
import { SqliteInstances } from "./instances.ts";
import { SqliteLargeCreation } from "./large_creation.ts";
import { SqliteSettlements } from "./settlements.ts";
import { sqliteSql } from "./sql.ts";
import { SqliteStatements } from "./statements.ts";
import { SqliteTasks } from "./tasks.ts";
import { SqliteVersions } from "./versions.ts";

/** What {@linkcode openSqlite} needs to know. */
export interface ConnectionSettings {
  readonly table: string;
  readonly synchronous: "full" | "normal";
  readonly busyTimeoutMs: number;
}

/** How long SQLite itself waits for a lock: nothing else goes on meanwhile. */
const BLOCKING_WAIT_MS = 10;

/**
 * For databases that the store opened. After a large operation the log shrinks
 * to 16 MiB again; as much memory saves most reads among many tasks.
 */
const PRAGMAS = `
PRAGMA journal_mode = WAL;
PRAGMA journal_size_limit = 16777216;
PRAGMA cache_size = -16384`;

/** How errors call the database. */
export function nameOf(source: string | SqliteDatabase): string {
  if (typeof source === "string") return source;
  try {
    return fileOf(source) || ":memory:";
  } catch {
    return "the database that was passed";
  }
}

/**
 * Opens a database if need be, checks that it can be used, and brings its
 * tables up to date.
 */
export async function openSqlite(
  source: string | SqliteDatabase,
  settings: ConnectionSettings,
): Promise<SqliteConnection> {
  const { table, busyTimeoutMs } = settings;
  const name = nameOf(source);
  const owned = typeof source === "string";
  const database = owned ? openFile(source) : source;
  try {
    const target = { database, name, table, owned };
    await whenFree(busyTimeoutMs, () => setUp(target, settings));
    return new SqliteConnection(target, settings);
  } catch (error) {
    if (owned) (database as DatabaseSync).close();
    throw storeError(error, "open", name, busyTimeoutMs);
  }
}

function openFile(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path);
  } catch (error) {
    const known = storeError(error, "open", path, 0);
    if (known instanceof StoreUnusableError) throw known;
    throw new StoreUnusableError(
      `Cannot open "${path}": ${errorText(error)}`,
      { cause: error },
    );
  }
}

function setUp(target: SchemaTarget, settings: ConnectionSettings): void {
  const { database, owned } = target;
  if (owned) database.exec(`PRAGMA busy_timeout = ${BLOCKING_WAIT_MS}`);
  checkDatabase(target);
  if (owned) {
    database.exec(`${PRAGMAS}; PRAGMA synchronous = ${settings.synchronous}`);
  }
  setUpSchema(target);
}

/** An open database, ready for use. */
export class SqliteConnection {
  /** Commits what is to be written. */
  readonly queue: SqliteQueue;
  /** The operations. */
  readonly creation: SqliteCreation;
  readonly largeCreation: SqliteLargeCreation;
  readonly claims: SqliteClaims;
  readonly settlements: SqliteSettlements;
  readonly tasks: SqliteTasks;
  readonly instances: SqliteInstances;
  /** Whether others can have the database open as well. */
  readonly isShared: boolean;
  /** The file that every commit writes to, if there is one. */
  readonly writeAheadLog: string | undefined;

  readonly #database: SqliteDatabase;
  readonly #owned: boolean;
  readonly #dataVersion: SqliteStatement;
  #isDurable = true;

  constructor(target: SchemaTarget, settings: ConnectionSettings) {
    const { database, owned, name, table } = target;
    const { busyTimeoutMs } = settings;
    this.#database = database;
    this.#owned = owned;
    this.#dataVersion = prepare(database, "PRAGMA data_version");
    const file = fileOf(database);
    this.isShared = file !== "";
    const isLogged = readValue(database, "PRAGMA journal_mode") === "wal";
    this.writeAheadLog = isLogged ? `${file}-wal` : undefined;
    const statements = new SqliteStatements(database);
    const sql = sqliteSql(table);
    const versions = new SqliteVersions(statements, sql);
    const creation = new SqliteCreation(statements, sql, versions);
    this.creation = creation;
    this.claims = new SqliteClaims(statements, sql);
    this.settlements = new SqliteSettlements(statements, sql, versions);
    this.tasks = new SqliteTasks(statements, sql, versions);
    this.instances = new SqliteInstances(statements, sql);
    this.queue = new SqliteQueue({
      database,
      busyTimeoutMs,
      exclusive: owned,
      setDurable: (durable) => {
        if (owned && settings.synchronous === "full") this.#set(durable);
      },
      toError: (error, act) => storeError(error, act, name, busyTimeoutMs),
    });
    const { queue } = this;
    this.largeCreation = new SqliteLargeCreation({
      queue,
      statements,
      sql,
      versions,
      creation,
    });
  }

  /** A number that is another one when others have committed. */
  readVersion(): unknown {
    return (this.#dataVersion.get() as { data_version: unknown }).data_version;
  }

  /** Closes what was opened; the queue must be idle. */
  close(): void {
    if (this.#owned) (this.#database as DatabaseSync).close();
  }

  #set(durable: boolean): void {
    if (durable === this.#isDurable) return;
    this.#database.exec(
      `PRAGMA synchronous = ${durable ? "FULL" : "NORMAL"}`,
    );
    this.#isDurable = durable;
  }
}

/** The path of the file; empty for a database in memory. */
function fileOf(database: SqliteDatabase): string {
  return readValue(
    database,
    "SELECT file FROM pragma_database_list WHERE name = 'main'",
  ) as string;
}

import { StoreUnusableError } from "../../src/api/errors.ts";
import { prepare, readValue, type SqliteDatabase } from "./database.ts";

/** Marks the files of this store: "xsch". */
const APPLICATION_ID = 0x78736368;

/** How many pages a file may have to be checked whole when it is opened. */
const MAX_CHECKED_PAGES = 4_096;

/** The steps from one version of the schema to the next. */
const MIGRATIONS: readonly ((tables: TableNames) => string)[] = [
  ({ tasks, meta, index }) => `
CREATE TABLE ${tasks} (
  id INTEGER PRIMARY KEY,
  slug TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  claimable_at INTEGER, -- ms since 1970; the end of the lease while running
  version INTEGER NOT NULL, -- the fencing token
  status INTEGER NOT NULL, -- 0: scheduled, 1: running, 2: failed
  run_at INTEGER NOT NULL,
  scheduled_for INTEGER NOT NULL,
  retry INTEGER NOT NULL,
  "trigger" TEXT,
  result TEXT NOT NULL,
  payload BLOB NOT NULL
) STRICT;
CREATE INDEX ${index} ON ${tasks} (kind, claimable_at)
  WHERE claimable_at IS NOT NULL;
CREATE TABLE ${meta} (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  "schema" INTEGER NOT NULL,
  version INTEGER NOT NULL -- no deleted task had a higher one
) STRICT;
INSERT INTO ${meta} VALUES (1, 0, 0);`,
];

/** The version of the schema that this code knows. */
const SCHEMA_VERSION = MIGRATIONS.length;

/** What tells a file of this store from others, and its version. */
const OWN_MARKS = `
PRAGMA application_id = ${APPLICATION_ID};
PRAGMA user_version = ${SCHEMA_VERSION}`;

/** The names of what the store has in the database, ready for SQL. */
export interface TableNames {
  readonly tasks: string;
  readonly meta: string;
  readonly index: string;
}

/** The names that go with the name of the table. */
export function tableNames(table: string): TableNames {
  return {
    tasks: `"${table}"`,
    meta: `"${table}_meta"`,
    index: `"${table}_claimable"`,
  };
}

/** What {@linkcode setUpSchema} sets up. */
export interface SchemaTarget {
  readonly database: SqliteDatabase;
  /** How errors call the database. */
  readonly name: string;
  /** The unquoted name of the table. */
  readonly table: string;
  /** Whether the store opened the file itself, so that it may claim it. */
  readonly owned: boolean;
}

/**
 * Throws if the database is not one that the store can use. Changes nothing.
 */
export function checkDatabase(target: SchemaTarget): void {
  readState(target);
}

/** Brings the tables up to date, in one transaction; throws if it may not write. */
export function setUpSchema(target: SchemaTarget): void {
  const { database, table } = target;
  database.exec("BEGIN IMMEDIATE");
  try {
    const state = readState(target);
    const names = tableNames(table);
    for (const migrate of MIGRATIONS.slice(state.schema)) {
      database.exec(migrate(names));
    }
    // Changes nothing if there was nothing to do, but tells whether we may.
    database.exec(`UPDATE ${names.meta} SET "schema" = ${SCHEMA_VERSION}`);
    if (isUpToDate(target, state)) return rollback(database);
    if (isOwn(target, state)) database.exec(OWN_MARKS);
    database.exec("COMMIT");
  } catch (error) {
    rollback(database);
    throw error;
  }
}

/** Ends a transaction that failed; SQLite may have ended it already. */
export function rollback(database: SqliteDatabase): void {
  try {
    database.exec("ROLLBACK");
  } catch {
    // There is none any more.
  }
}

interface DatabaseState {
  /** The version of the schema of our tables; 0: there are none. */
  readonly schema: number;
  /** Whether the file is marked as one of this store alone. */
  readonly isOurs: boolean;
  /** Whether nobody has put anything into the file. */
  readonly isEmpty: boolean;
  readonly userVersion: number;
}

function isOwn({ owned }: SchemaTarget, state: DatabaseState): boolean {
  return state.isOurs || (owned && state.isEmpty);
}

function isUpToDate(target: SchemaTarget, state: DatabaseState): boolean {
  return state.schema === SCHEMA_VERSION &&
    (!isOwn(target, state) || state.userVersion === SCHEMA_VERSION);
}

function readState(target: SchemaTarget): DatabaseState {
  const { database, name, owned } = target;
  const applicationId = readValue(database, "PRAGMA application_id") as number;
  const userVersion = readValue(database, "PRAGMA user_version") as number;
  const objects = readValue(database, "SELECT count(*) FROM sqlite_schema");
  const isOurs = applicationId === APPLICATION_ID;
  if (isOurs) {
    checkVersion(name, userVersion);
    checkPages(target);
  }
  const schema = readSchemaVersion(target);
  checkVersion(name, schema);
  const isEmpty = applicationId === 0 && userVersion === 0 && objects === 0;
  if (owned && !isOurs && !isEmpty && schema === 0) {
    throw new StoreUnusableError(
      `Cannot use "${name}": the database belongs to something else; choose ` +
        "another path, or pass the open database to have the tasks in it",
    );
  }
  return { schema, isOurs, isEmpty, userVersion };
}

function checkVersion(name: string, version: number): void {
  if (version > SCHEMA_VERSION) {
    throw new StoreUnusableError(
      `Cannot use "${name}": it has schema version ${version}, this release ` +
        `knows ${SCHEMA_VERSION}; update the library`,
    );
  }
}

/** Large files would take too long; there, SQLite notices when it gets there. */
function checkPages({ database, name }: SchemaTarget): void {
  const pages = readValue(database, "PRAGMA page_count") as number;
  if (pages > MAX_CHECKED_PAGES) return;
  const finding = readValue(database, "PRAGMA quick_check(1)");
  if (finding !== "ok") {
    throw new StoreUnusableError(
      `Cannot use "${name}": the file is corrupt (${finding}); restore a ` +
        "backup, or move it away",
    );
  }
}

function readSchemaVersion({ database, name, table }: SchemaTarget): number {
  const found = prepare(
    database,
    "SELECT name FROM sqlite_schema WHERE name IN (?, ?)",
  ).all(table, `${table}_meta`);
  if (found.length === 0) return 0;
  try {
    const { meta } = tableNames(table);
    return readValue(database, `SELECT "schema" FROM ${meta}`) as number;
  } catch (cause) {
    throw new StoreUnusableError(
      `Cannot use "${name}": it has a table "${table}" of another kind; ` +
        "choose another name with the option table",
      { cause },
    );
  }
}

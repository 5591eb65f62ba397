import { StoreUnusableError } from "../../src/api/errors.ts";
import { prepare, readValue, type SqliteDatabase } from "./database.ts";
import {
  MIGRATIONS,
  READABLE_BY,
  SCHEMA_VERSION,
  tableNames,
} from "./migrations.ts";

/** Marks the files of this store: "xsch". */
const APPLICATION_ID = 0x78736368;

/** How many pages a file may have to be checked whole when it is opened. */
const MAX_CHECKED_PAGES = 4_096;

/** What tells a file of this store from others, and who can use it. */
const OWN_MARKS = `
PRAGMA application_id = ${APPLICATION_ID};
PRAGMA user_version = ${READABLE_BY}`;

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
    for (const { sql } of MIGRATIONS.slice(state.schema)) {
      database.exec(sql(names));
    }
    // Changes nothing if there was nothing to do, but tells whether we may.
    database.exec(
      state.schema < SCHEMA_VERSION
        ? `UPDATE ${names.meta} ` +
          `SET "schema" = ${SCHEMA_VERSION}, readable_by = ${READABLE_BY}`
        : `UPDATE ${names.meta} SET "schema" = "schema"`,
    );
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
  return state.schema >= SCHEMA_VERSION &&
    (!isOwn(target, state) || state.userVersion >= READABLE_BY);
}

function readState(target: SchemaTarget): DatabaseState {
  const { database, name, owned } = target;
  const applicationId = readValue(database, "PRAGMA application_id") as number;
  const userVersion = readValue(database, "PRAGMA user_version") as number;
  const objects = readValue(database, "SELECT count(*) FROM sqlite_schema");
  const isOurs = applicationId === APPLICATION_ID;
  if (isOurs) {
    checkReadable(name, userVersion);
    checkPages(target);
  }
  const { schema, readableBy } = readVersions(target);
  checkReadable(name, readableBy);
  const isEmpty = applicationId === 0 && userVersion === 0 && objects === 0;
  if (owned && !isOurs && !isEmpty && schema === 0) {
    throw new StoreUnusableError(
      `Cannot use "${name}": the database belongs to something else; choose ` +
        "another path, or pass the open database to have the tasks in it",
    );
  }
  return { schema, isOurs, isEmpty, userVersion };
}

function checkReadable(name: string, readableBy: number): void {
  if (readableBy > SCHEMA_VERSION) {
    throw new StoreUnusableError(
      `Cannot use "${name}": it needs a release that knows schema version ` +
        `${readableBy}, this one knows ${SCHEMA_VERSION}; update the library`,
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

function readVersions(
  { database, name, table }: SchemaTarget,
): { readonly schema: number; readonly readableBy: number } {
  const { meta } = tableNames(table);
  const found = prepare(
    database,
    "SELECT name FROM sqlite_schema WHERE lower(name) IN (lower(?), lower(?))",
  ).all(table, `${table}_meta`).map((row) => Object.values(row as object)[0]);
  if (found.length === 0) return { schema: 0, readableBy: 0 };
  const other = found.find((one) => one !== table && one !== `${table}_meta`);
  if (other !== undefined) {
    throw new StoreUnusableError(
      `Cannot use "${name}": it has a table "${other}", and SQLite does not ` +
        `tell "${table}" from that; choose another name with the option table`,
    );
  }
  try {
    // With the alias, a name that is no column is not taken for a text.
    const [schema, readableBy] = ["schema", "readable_by"].map((column) =>
      readValue(database, `SELECT meta."${column}" FROM ${meta} AS meta`)
    ) as [number, number];
    return { schema, readableBy };
  } catch (cause) {
    throw new StoreUnusableError(
      `Cannot use "${name}": its table "${table}" is of another kind, or of a ` +
        "release before the first; choose another name with the option table",
      { cause },
    );
  }
}

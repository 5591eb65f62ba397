/** A value that SQLite takes. */
export type SqliteValue = null | number | bigint | string | Uint8Array;

/** What the store needs of a prepared statement. `StatementSync` fits. */
export interface SqliteStatement {
  /** Runs the statement; answers how many rows it changed. */
  run(...values: SqliteValue[]): { readonly changes: number | bigint };
  /** The first row, as an object; nothing if there is none. */
  get(...values: SqliteValue[]): unknown;
  /** All rows, as objects. */
  all(...values: SqliteValue[]): unknown[];
  /** Whether integers are read as `bigint`, where that can be chosen. */
  setReadBigInts?(enabled: boolean): void;
  /** Whether rows are arrays, where that can be chosen. */
  setReturnArrays?(enabled: boolean): void;
}

/** What the store needs of an open database. `DatabaseSync` fits. */
export interface SqliteDatabase {
  /** Runs statements that answer nothing. */
  exec(sql: string): void;
  /** Prepares a statement. */
  prepare(sql: string): SqliteStatement;
}

/** Prepares a statement that answers with numbers and objects, whatever the database is set to. */
export function prepare(
  database: SqliteDatabase,
  sql: string,
): SqliteStatement {
  const statement = database.prepare(sql);
  statement.setReadBigInts?.(false);
  statement.setReturnArrays?.(false);
  return statement;
}

/** The first value of the first row that a statement answers. */
export function readValue(
  database: SqliteDatabase,
  sql: string,
  ...values: SqliteValue[]
): unknown {
  const row = prepare(database, sql).get(...values);
  return row === undefined || row === null ? undefined : Object.values(row)[0];
}

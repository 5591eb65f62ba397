import {
  prepare,
  type SqliteDatabase,
  type SqliteStatement,
  type SqliteValue,
} from "./database.ts";

/** Runs statements on a database; each is prepared once. */
export class SqliteStatements {
  readonly #database: SqliteDatabase;
  readonly #prepared = new Map<string, SqliteStatement>();

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  /** Runs a statement; returns how many rows it changed. */
  run(sql: string, ...values: SqliteValue[]): number {
    return Number(this.#statement(sql).run(...values).changes);
  }

  /** The rows that a statement answers, each with its values in order. */
  rows<Row extends unknown[]>(sql: string, ...values: SqliteValue[]): Row[] {
    const rows = this.#statement(sql).all(...values);
    // Arrays are faster, but not to be had everywhere.
    return (rows.length === 0 || Array.isArray(rows[0])
      ? rows
      : rows.map((row) => Object.values(row as object))) as Row[];
  }

  #statement(sql: string): SqliteStatement {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      statement = prepare(this.#database, sql);
      statement.setReturnArrays?.(true);
      this.#prepared.set(sql, statement);
    }
    return statement;
  }
}

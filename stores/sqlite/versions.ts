import type { SqliteSql } from "./sql.ts";
import type { SqliteStatements } from "./statements.ts";

/**
 * The year 2112: beyond it the clock no longer counts, as SQLite's integers are
 * read as numbers.
 */
const LATEST_US = 2 ** 52;

/** The least version that a claim may get by the clock. */
export function clockVersion(now: number): number {
  return Math.min(Math.floor(now * 1_000), LATEST_US);
}

/** Sees to it that versions only grow, also those of slugs that are deleted. */
export class SqliteVersions {
  readonly #statements: SqliteStatements;
  readonly #sql: SqliteSql;

  constructor(statements: SqliteStatements, sql: SqliteSql) {
    this.#statements = statements;
    this.#sql = sql;
  }

  /** The least version for a slug that is not there. */
  floor(now: number): number {
    const [[retired]] = this.#statements.rows<[number]>(this.#sql.floor);
    return Math.max(retired + 1, clockVersion(now));
  }

  /** Sees to it that no version up to this one is given to a new task. */
  retire(version: number): void {
    if (version > 0) this.#statements.run(this.#sql.retire, version);
  }
}

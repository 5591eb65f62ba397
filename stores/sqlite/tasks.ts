import type { TaskDetails } from "../../src/api/task.ts";
import { type DetailRow, toDetails } from "./columns.ts";
import type { SqliteSql } from "./sql.ts";
import type { SqliteStatements } from "./statements.ts";
import { ROWS_PER_STEP, type Steps } from "./steps.ts";
import type { SqliteVersions } from "./versions.ts";

/** Shows tasks and removes them. Steps need a transaction. */
export class SqliteTasks {
  readonly #statements: SqliteStatements;
  readonly #sql: SqliteSql;
  readonly #versions: SqliteVersions;

  constructor(
    statements: SqliteStatements,
    sql: SqliteSql,
    versions: SqliteVersions,
  ) {
    this.#statements = statements;
    this.#sql = sql;
    this.#versions = versions;
  }

  /** Up to `limit` slugs after another, in their order. */
  slugs(after: string, now: number, limit: number): string[] {
    return this.#statements
      .rows<[string]>(this.#sql.slugs, after, now, limit)
      .map(([slug]) => slug);
  }

  /** The task with this slug. */
  get(slug: string, now: number): TaskDetails | undefined {
    const [row] = this.#statements.rows<DetailRow>(this.#sql.get, slug, now);
    return row && toDetails(row);
  }

  /** Removes a task; returns whether there was one. */
  delete(slug: string, now: number): boolean {
    const [row] = this.#statements
      .rows<[version: number, keepUntil: number | null]>(
        this.#sql.delete,
        slug,
      );
    if (row === undefined) return false;
    const [version, keepUntil] = row;
    this.#versions.retire(version);
    return keepUntil === null || keepUntil > now;
  }

  /** Removes all tasks. */
  clear(): void {
    const [[highest]] = this.#statements
      .rows<[number | null]>(this.#sql.highest);
    this.#versions.retire(highest ?? 0);
    this.#statements.run(this.#sql.clear);
    this.#statements.run(this.#sql.endCreations);
  }

  /** Whether the time of a task or an instance has passed. */
  hasPassed(now: number): boolean {
    const [[hasPassed]] = this.#statements
      .rows<[number]>(this.#sql.hasPassed, now);
    return hasPassed === 1;
  }

  /** Removes up to `limit` tasks whose time to stay has passed. */
  *prune(now: number, limit: number): Steps<void> {
    for (let left = limit; left > 0; left -= ROWS_PER_STEP) {
      const size = Math.min(left, ROWS_PER_STEP);
      const rows = this.#statements
        .rows<[version: number]>(this.#sql.prune, now, size);
      this.#versions.retire(Math.max(0, ...rows.map(([version]) => version)));
      if (rows.length < size) return;
      yield;
    }
  }
}

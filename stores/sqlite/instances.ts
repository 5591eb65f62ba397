import type {
  InstanceRecord,
  LivingInstance,
} from "../../src/api/job_store.ts";
import type { SqliteSql } from "./sql.ts";
import type { SqliteStatements } from "./statements.ts";

type Row = [
  id: string,
  name: string,
  kinds: string,
  slots: number,
  library: string,
  app: string | null,
  startedAt: number,
  isStopping: number,
  timeoutMs: number,
  seenAt: number,
];

/** Keeps the records of who takes part. */
export class SqliteInstances {
  readonly #statements: SqliteStatements;
  readonly #sql: SqliteSql;

  constructor(statements: SqliteStatements, sql: SqliteSql) {
    this.#statements = statements;
    this.#sql = sql;
  }

  /** Notes that an instance lives. */
  note(instance: InstanceRecord, now: number): void {
    const row: Row = [
      instance.id,
      instance.name,
      JSON.stringify(instance.kinds),
      instance.slots,
      instance.library,
      instance.app ?? null,
      instance.startedAt.getTime(),
      Number(instance.stopping),
      Math.ceil(instance.timeoutMs),
      now,
    ];
    this.#statements.run(this.#sql.noteInstance, ...row);
  }

  /** Removes those that were not heard of for too long. */
  removeDead(now: number): void {
    this.#statements.run(this.#sql.removeDead, now);
  }

  /** Removes one. */
  remove(id: string): void {
    this.#statements.run(this.#sql.removeInstance, id);
  }

  /** Those that live, in the order of their ids. */
  list(now: number): LivingInstance[] {
    return this.#statements.rows<Row>(this.#sql.instances, now).map((row) => ({
      id: row[0],
      name: row[1],
      kinds: JSON.parse(row[2]),
      slots: row[3],
      library: row[4],
      app: row[5] ?? undefined,
      startedAt: new Date(row[6]),
      stopping: row[7] === 1,
      timeoutMs: row[8],
      seenAt: new Date(row[9]),
    }));
  }
}

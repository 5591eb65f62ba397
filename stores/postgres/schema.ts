import { columnDefinitions } from "./columns.ts";
import type { TableNames } from "./names.ts";

/** A step from one version of the schema to the next. */
export interface SchemaStep {
  /** The oldest version of code that can use the schema after this step. */
  readonly readableBy: number;
  /** Statements for one transaction, which can be repeated. */
  statements(names: TableNames): string[];
  /** Indexes, which may take long: what follows their names. */
  indexes(names: TableNames): Record<string, string>;
}

/** An index of a step. */
export interface SchemaIndex {
  readonly name: string;
  /** `on …` */
  readonly definition: string;
}

/**
 * All steps: the first makes version 1 out of nothing. A step that only adds
 * columns with a default, tables or indexes leaves `readableBy` as it was, so
 * that old and new processes can run side by side.
 */
export const STEPS: readonly SchemaStep[] = [{
  readableBy: 1,
  statements: (names) => [
    tasksSql(names),
    ...somePagesSql(names),
    instancesSql(names),
  ],
  indexes: ({ bare, table }) => ({
    [`${bare}_claimable`]: `on ${table} (kind, priority, claimable_at)
  where claimable_at is not null`,
    [`${bare}_waiting`]: `on ${table} (kind, key, run_at) where gate = 1`,
    [`${bare}_limited`]: `on ${table} (kind, key, claimable_at) where limited`,
    [`${bare}_failed`]: `on ${table} (kind, slug) where status = 'failed'`,
    [`${bare}_retrying`]: `on ${table} (slug) where retry > 0`,
    [`${bare}_owned`]: `on ${table} (owner, slug) where owner is not null`,
    [`${bare}_kept`]: `on ${table} (keep_until) where keep_until is not null`,
  }),
}];

/**
 * Empty pages stay, for giving them back takes a lock that stops all work.
 */
function tasksSql({ table }: TableNames): string {
  return `create table ${table} (
  ${columnDefinitions().join(",\n  ")},
  check ((claimable_at is null) =
    (status <> 'running' and (status <> 'scheduled' or gate <> 0)))
) with (
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_threshold = 1000,
  autovacuum_analyze_scale_factor = 0.05,
  autovacuum_vacuum_cost_delay = 0,
  vacuum_truncate = false
)`;
}

/**
 * Gives the table some pages to begin with. On a table of a few pages the
 * planner prefers to read all of it, and a prepared statement would keep that
 * plan when the table has grown.
 */
function somePagesSql({ table }: TableNames): string[] {
  return [
    `insert into ${table} (slug, kind, status, priority, version, creation,
  run_at, scheduled_for, created_at, result, payload)
select 'page-' || i, '', 'done', 3, 0, 0, now(), now(), now(),
  repeat(' ', 1900), ''
from generate_series(1, 128) as i`,
    `delete from ${table} where kind = '' and status = 'done'`,
  ];
}

function instancesSql({ instances }: TableNames): string {
  return `create table ${instances} (
  id text collate "C" primary key,
  name text not null,
  kinds text[] not null,
  slots integer not null,
  library text not null,
  app text,
  started_at timestamptz not null,
  stopping boolean not null,
  timeout_ms double precision not null,
  seen_at timestamptz not null
)`;
}

/** How long a step may hold up work while it waits for a lock. */
const LOCK_TIMEOUT = "3s";

/** The steps for one table, as SQL. */
export class PgSchema {
  readonly names: TableNames;
  readonly #steps: readonly SchemaStep[];

  constructor(names: TableNames, steps: readonly SchemaStep[] = STEPS) {
    this.names = names;
    this.#steps = steps;
  }

  /** The version that this code makes. */
  get version(): number {
    return this.#steps.length;
  }

  /**
   * One statement that creates everything, for any number of processes at once.
   * It reads the catalog itself, for what a session has cached of it may be
   * older than the lock.
   */
  createSql(): string {
    return `do $create$
begin
perform pg_advisory_xact_lock(${this.lockKeys});
if not exists (select from pg_tables
  where schemaname || '.' || tablename = '${this.names.channel}_meta') then
  if to_regnamespace('${this.names.schema}') is null then
    create schema ${this.names.schema};
  end if;
  ${this.#createAll().join(";\n")};
end if;
end $create$`;
  }

  /** One statement that does the statements of the step from a version. */
  stepSql(from: number): string {
    return `do $step$
begin
perform set_config('lock_timeout', '${LOCK_TIMEOUT}', true);
${this.#steps[from].statements(this.names).map((sql) => `${sql};`).join("\n")}
end $step$`;
  }

  /** The indexes of the step from a version. */
  indexes(from: number): SchemaIndex[] {
    const indexes = this.#steps[from].indexes(this.names);
    return Object.entries(indexes)
      .map(([name, definition]) => ({ name, definition }));
  }

  /** Notes that the step from a version is done. */
  noteSql(from: number): string {
    const { readableBy } = this.#steps[from];
    return `update ${this.names.meta} set schema = ${from + 1},
  readable_by = ${readableBy} where schema = ${from}`;
  }

  /** What an advisory lock takes that keeps the upgrades of one table apart. */
  get lockKeys(): string {
    return `hashtext('@x/scheduler schema'), hashtext('${this.names.channel}')`;
  }

  /** The SQL that brings the schema up to date from a version, for use by hand. */
  print(from: number): string {
    const statements = from === 0 ? this.#printAll() : [];
    for (let version = Math.max(from, 1); version < this.version; version++) {
      if (from === 0) break;
      statements.push(
        "begin",
        `set local lock_timeout = '${LOCK_TIMEOUT}'`,
        ...this.#steps[version].statements(this.names),
        "commit",
        ...this.indexes(version).map(concurrentlySql),
        this.noteSql(version),
      );
    }
    return statements.map((sql) => `${sql};\n`).join("");
  }

  #printAll(): string[] {
    const { schema } = this.names;
    return [
      "begin",
      ...schema === '"public"' ? [] : [`create schema if not exists ${schema}`],
      ...this.#createAll(),
      "commit",
    ];
  }

  #createAll(): string[] {
    const { meta } = this.names;
    const { readableBy } = this.#steps[this.version - 1];
    return [
      `create table ${meta} (
  one boolean primary key default true check (one),
  schema integer not null,
  readable_by integer not null
)`,
      `insert into ${meta} (schema, readable_by)
values (${this.version}, ${readableBy})`,
      ...this.#steps.flatMap((step, from) => [
        ...step.statements(this.names),
        ...this.indexes(from).map(({ name, definition }) =>
          `create index "${name}" ${definition}`
        ),
      ]),
    ];
  }
}

/** Creates an index while work goes on; takes its time. */
export function concurrentlySql({ name, definition }: SchemaIndex): string {
  return `create index concurrently if not exists "${name}" ${definition}`;
}

import { StoreUnusableError } from "../../src/api/errors.ts";
import { type PgRows, sqlState, type Statement } from "./client.ts";

/** Which table of which schema. */
export interface TableOptions {
  /**
   * The table.
   *
   * @default "schedules"
   */
  readonly table?: string | undefined;
  /**
   * The schema that the table is in.
   *
   * @default "public"
   */
  readonly schema?: string | undefined;
}

/** The names of what the store keeps in the database. */
export interface TableNames {
  /** The table and its schema, quoted. */
  readonly table: string;
  /** The schema, quoted. */
  readonly schema: string;
  /** The table without its schema. */
  readonly bare: string;
  /** The notification channel; also how messages name the table. */
  readonly channel: string;
}

/** The newest version of the schema that this code knows. */
const VERSION = 1;
const MARK = "@x/scheduler schema ";
const IDENTIFIER = /^[a-z_][a-z0-9_]{0,30}$/;

/**
 * Checks and quotes the names.
 *
 * @throws {TypeError} If a name is not a plain lower-case identifier of at most
 * 31 characters: then the name of the channel, `schema.table`, fits too.
 */
export function tableNames(
  { table = "schedules", schema = "public" }: TableOptions,
): TableNames {
  for (const [what, name] of [["table", table], ["schema", schema]]) {
    if (!IDENTIFIER.test(name)) {
      throw new TypeError(
        `Cannot use "${name}" as the name of a ${what}: expected 1 to 31 of ` +
          `a-z, 0-9 and _, not beginning with a digit`,
      );
    }
  }
  return {
    table: `"${schema}"."${table}"`,
    schema: `"${schema}"`,
    bare: table,
    channel: `${schema}.${table}`,
  };
}

/** The statements that bring the schema from one version to the next. */
function migrations({ table, bare }: TableNames): string[][] {
  return [[
    `create table ${table} (
  slug text collate "C" primary key,
  kind text collate "C" not null,
  status text not null,
  run_at timestamptz not null,
  scheduled_for timestamptz not null,
  claimable_at timestamptz,
  version bigint not null,
  retry integer not null,
  creation bigint not null,
  trigger text,
  result text not null,
  payload bytea not null,
  check (status in ('scheduled', 'running', 'failed')),
  check ((claimable_at is null) = (status = 'failed'))
) with (
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_threshold = 1000,
  autovacuum_analyze_scale_factor = 0.05,
  autovacuum_vacuum_cost_delay = 0
)`,
    `create index "${bare}_claimable" on ${table} (kind, claimable_at)
  where claimable_at is not null`,
  ]];
}

function markSql({ table }: TableNames): string {
  return `comment on table ${table} is '${MARK}${VERSION}'`;
}

/** The SQL that creates the table, for applying it by hand. */
export function schemaSql(names: TableNames): string {
  const statements = [
    ...names.schema === '"public"'
      ? []
      : [`create schema if not exists ${names.schema}`],
    ...migrations(names).flat(),
    markSql(names),
  ];
  return ["begin", ...statements, "commit"].map((sql) => `${sql};\n`).join("");
}

/** One statement that migrates, for any number of processes at once. */
function migrateSql(names: TableNames): string {
  const steps = migrations(names).map((statements, index) =>
    `if had <= ${index} then\n${
      statements.map((sql) => `${sql};\n`).join("")
    }end if;`
  );
  return `do $migrate$
declare had integer;
begin
perform pg_advisory_xact_lock(hashtext('${MARK}'), hashtext('${names.channel}'));
if to_regnamespace('${names.schema}') is null then
  create schema ${names.schema};
end if;
had := coalesce(substring(obj_description(to_regclass('${names.table}'), 'pg_class')
  from '^${MARK}(\\d+)$')::integer, 0);
${steps.join("\n")}
${markSql(names)};
end $migrate$`;
}

const FIND = {
  name: "find",
  text: `select to_regclass($1) is not null as found,
  obj_description(to_regclass($1), 'pg_class') as mark`,
};

/**
 * Sees to it that the table is there in the version that this code knows.
 *
 * @throws {StoreUnusableError} If it is not and cannot be made so.
 */
export async function prepareSchema(
  names: TableNames,
  migrate: boolean,
  run: (statement: Statement, values: unknown[]) => Promise<PgRows["rows"]>,
): Promise<void> {
  const find = async () => schemaVersion(names, await run(FIND, [names.table]));
  if (await find() === VERSION) return;
  if (!migrate) {
    throw unusable(
      names,
      "it is missing or older than this code, and migrate is false; " +
        "apply the SQL that PostgresStore.schemaSql prints",
    );
  }
  try {
    await run({ name: "migrate", text: migrateSql(names) }, []);
  } catch (error) {
    if (await find() === VERSION) return;
    if (sqlState(error) !== "42501") throw error;
    throw unusable(
      names,
      `${(error as Error).message}; give this user the right to create it, ` +
        `or apply the SQL that PostgresStore.schemaSql prints`,
      error,
    );
  }
}

/** The version in the database: 0 if there is no table. */
function schemaVersion(names: TableNames, rows: PgRows["rows"]): number {
  const [{ found, mark }] = rows;
  if (!found) return 0;
  if (typeof mark !== "string" || !mark.startsWith(MARK)) {
    throw unusable(
      names,
      "a table of this name exists and belongs to something else; " +
        "choose another name with the options table and schema",
    );
  }
  const version = Number(mark.slice(MARK.length));
  if (!(version <= VERSION)) {
    throw unusable(
      names,
      `its version is ${version} and this code knows ${VERSION}; ` +
        `update the package`,
    );
  }
  return version;
}

function unusable(names: TableNames, why: string, cause?: unknown): Error {
  return new StoreUnusableError(
    `Cannot use the table "${names.channel}": ${why}`,
    { cause },
  );
}

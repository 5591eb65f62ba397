import { systemClock } from "../../src/api/clock.ts";
import { type PgClient, sqlState } from "./client.ts";
import { isRefusedUse, unusable, usable } from "./rights.ts";
import { concurrentlySql, type PgSchema, type SchemaIndex } from "./schema.ts";

/** Runs statements on one connection, within a time limit. */
export type Session = <T>(
  what: string,
  work: (client: PgClient) => Promise<T>,
  limitMs?: number,
) => Promise<T>;

/** How long it may take to create the tables, beside others who do. */
const CREATE_MS = 30_000;
/** How long an upgrade may take: an index of a large table takes its time. */
const UPGRADE_MS = 3_600_000;
/** How often to look whether another process has finished the upgrade. */
const WAIT_MS = 250;
/** How often a step is tried that has to wait for a lock for too long. */
const MAX_TRIES = 10;
const LOCK_NOT_AVAILABLE = "55P03";
const DUPLICATE_TABLE = "42P07";

/** What the meta table says. */
interface Version {
  readonly schema: number;
  readonly readableBy: number;
}

/**
 * Sees to it that the tables are there, in a version that this code can use,
 * and that the user has the rights to use them.
 *
 * @throws {StoreUnusableError} If they are not and cannot be made so.
 */
export async function prepareSchema(
  schema: PgSchema,
  migrate: boolean,
  session: Session,
): Promise<void> {
  const { names } = schema;
  try {
    const had = await session(
      "read the version of the table",
      (client) => findVersion(schema, client),
    );
    if (had === undefined || had.schema < schema.version) {
      if (!migrate) throw notUpToDate(schema, had);
      await session(
        "prepare the table",
        (client) =>
          had === undefined ? create(schema, client) : upgrade(schema, client),
        had === undefined ? CREATE_MS : UPGRADE_MS,
      );
      await session(
        "read the version of the table",
        (client) => findVersion(schema, client),
      );
    }
    await session("check the rights", (client) => usable(names, client));
  } catch (error) {
    if (!isRefusedUse(error)) throw error;
    throw unusable(
      names,
      `${(error as Error).message}; expected a user with the right to create ` +
        "tables, or the SQL that PostgresStore.schemaSql prints to be applied",
      error,
    );
  }
}

function notUpToDate(schema: PgSchema, had: Version | undefined): Error {
  const state = had === undefined
    ? "it is missing"
    : `its version is ${had.schema}, and this code expects ${schema.version}`;
  return unusable(
    schema.names,
    `${state}, and migrate is false; expected the SQL that ` +
      "PostgresStore.schemaSql prints to be applied",
  );
}

/** The version in the database; `undefined`: there is nothing. */
export async function findVersion(
  schema: PgSchema,
  client: PgClient,
): Promise<Version | undefined> {
  const { names } = schema;
  const { rows: [found] } = await client.query(
    `select current_setting('server_encoding') as encoding,
  to_regclass($1) is not null as has_table, to_regclass($2) is not null as has_meta`,
    [names.table, names.meta],
  );
  if (found.encoding !== "UTF8") {
    throw unusable(
      names,
      `the encoding of the database is ${found.encoding}: expected UTF8`,
    );
  }
  if (!found.has_meta) {
    if (!found.has_table) return undefined;
    throw unusable(
      names,
      "a table of this name exists that an earlier release made, or something " +
        "else; expected none: drop it, or choose another name with the " +
        "options table and schema",
    );
  }
  const { rows } = await client.query(
    `select schema, readable_by from ${names.meta}`,
  );
  const version = {
    schema: Number(rows[0]?.schema),
    readableBy: Number(rows[0]?.readable_by),
  };
  if (!(version.readableBy <= schema.version)) {
    throw unusable(
      names,
      `its version is ${version.schema}, for code that knows version ` +
        `${version.readableBy} or a later one, and this code knows ` +
        `${schema.version}: expected a newer release of the package`,
    );
  }
  return version;
}

async function create(schema: PgSchema, client: PgClient): Promise<void> {
  try {
    await client.query(schema.createSql());
  } catch (error) {
    if (sqlState(error) !== DUPLICATE_TABLE) throw error;
    throw unusable(schema.names, (error as Error).message, error);
  }
}

/** Goes step by step; only one process does it at a time. */
async function upgrade(schema: PgSchema, client: PgClient): Promise<void> {
  const isUpToDate = async () =>
    (await findVersion(schema, client))!.schema >= schema.version;
  const lock = `select pg_try_advisory_lock(${schema.lockKeys}) as locked`;
  while (!(await client.query(lock)).rows[0].locked) {
    await systemClock.sleep(WAIT_MS);
    if (await isUpToDate()) return;
  }
  try {
    for (;;) {
      const { schema: from } = (await findVersion(schema, client))!;
      if (from >= schema.version) return;
      await patiently(() => client.query(schema.stepSql(from)));
      for (const index of schema.indexes(from)) {
        await build(schema, index, client);
      }
      await client.query(schema.noteSql(from));
    }
  } finally {
    await client.query(`select pg_advisory_unlock(${schema.lockKeys})`);
  }
}

async function patiently(step: () => Promise<unknown>): Promise<void> {
  for (let tries = 1;; tries++) {
    try {
      return void await step();
    } catch (error) {
      const isHeldUp = sqlState(error) === LOCK_NOT_AVAILABLE;
      if (!isHeldUp || tries === MAX_TRIES) throw error;
      await systemClock.sleep(WAIT_MS * tries);
    }
  }
}

/** One that was cut off stays invalid, and has to be made anew. */
async function build(
  { names }: PgSchema,
  index: SchemaIndex,
  client: PgClient,
): Promise<void> {
  const name = `${names.schema}."${index.name}"`;
  const { rows } = await client.query(
    `select from pg_index where indexrelid = to_regclass($1) and not indisvalid`,
    [name],
  );
  if (rows.length > 0) {
    await client.query(`drop index concurrently if exists ${name}`);
  }
  await client.query(concurrentlySql(index));
}

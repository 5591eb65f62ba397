/** Making the tables, bringing them up to date, and the rights that it takes. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import pg from "pg";
import { StoreUnusableError } from "../../../src/api/errors.ts";
import { PostgresStore } from "../../../stores/postgres.ts";
import {
  prepareSchema,
  type Session,
} from "../../../stores/postgres/migrator.ts";
import { tableNames } from "../../../stores/postgres/names.ts";
import {
  PgSchema,
  type SchemaStep,
  STEPS,
} from "../../../stores/postgres/schema.ts";
import { StdScheduler } from "../../../triggers/std_scheduler.ts";
import { createDue, lockNew } from "../../conformance/store_harness.ts";
import { newTableName, openPostgres } from "../../helpers/postgres_harness.ts";
import { test, url } from "../../helpers/shared_postgres.ts";

/** Another role, with no right but those that are given to it. */
async function openAs(
  admin: pg.Pool,
  ...rights: string[]
): Promise<pg.Pool & AsyncDisposable> {
  const role = newTableName();
  await admin.query(`create role ${role} login password '${role}'`);
  for (const right of rights) await admin.query(`grant ${right} to ${role}`);
  const theirs = new URL(url);
  theirs.username = theirs.password = role;
  const pool = new pg.Pool({ connectionString: theirs.href });
  return Object.assign(pool, {
    async [Symbol.asyncDispose]() {
      await pool.end();
      await admin.query(`drop owned by ${role}`);
      await admin.query(`drop role ${role}`);
    },
  });
}

/** A step as a later release may have it. */
const STEP: SchemaStep = {
  readableBy: 1,
  statements: ({ table }) => [
    `alter table ${table} add column if not exists colour text not null default ''`,
  ],
  indexes: ({ bare, table }) => ({
    [`${bare}_coloured`]: `on ${table} (colour) where colour <> ''`,
  }),
};

function sessionOf(pool: pg.Pool): Session {
  return async (_, work) => {
    const client = await pool.connect();
    try {
      return await work(client);
    } finally {
      client.release();
    }
  };
}

async function stateOf({ pool, table }: { pool: pg.Pool; table: string }) {
  const { rows: [meta] } = await pool.query(`select * from ${table}_meta`);
  const { rows } = await pool.query(
    `select indisvalid from pg_index where indexrelid = to_regclass($1)`,
    [`${table}_coloured`],
  );
  return [meta.schema, meta.readable_by, rows[0]?.indisvalid];
}

test("an older schema is brought up to date, by any number of processes, while old code works", async () => {
  await using harness = openPostgres(url);
  const { store, pool, table } = harness;
  await createDue(store, "a");
  const schema = new PgSchema(tableNames({ table }), [...STEPS, STEP]);
  await Promise.all(
    Array.from(
      { length: 3 },
      () => prepareSchema(schema, true, sessionOf(pool)),
    ),
  );
  assertEquals(await stateOf(harness), [2, 1, true]);
  const old = await harness.another();
  assertEquals(await old.getSlugs(), ["a"]);
});

test("an upgrade that was cut off is finished", async () => {
  await using harness = openPostgres(url);
  const { store, pool, table } = harness;
  await store.getSlugs();
  const schema = new PgSchema(tableNames({ table }), [...STEPS, STEP]);
  await pool.query(schema.stepSql(1));
  await pool.query(`create index ${table}_coloured on ${table} (colour)`);
  await pool.query(
    `update pg_index set indisvalid = false where indexrelid = $1::regclass`,
    [`${table}_coloured`],
  );
  await prepareSchema(schema, true, sessionOf(pool));
  assertEquals(await stateOf(harness), [2, 1, true]);
});

test("an upgrade waits for a lock only for a moment, and tries again", async () => {
  await using harness = openPostgres(url);
  const { store, pool, table } = harness;
  await createDue(store, "a");
  const schema = new PgSchema(tableNames({ table }), [...STEPS, STEP]);
  const client = await pool.connect();
  await client.query("begin");
  await client.query(`select from ${table}`);
  const upgrading = prepareSchema(schema, true, sessionOf(pool));
  for (;;) {
    const { rows } = await pool.query(
      `select from pg_locks where relation = $1::regclass and not granted`,
      [table],
    );
    if (rows.length > 0) break;
  }
  // It is let through when the step has given up for the moment.
  assertEquals(await store.getSlugs(), ["a"]);
  await client.query("commit");
  client.release();
  await upgrading;
  assertEquals(await stateOf(harness), [2, 1, true]);
});

test("the printed upgrade does the same", async () => {
  await using harness = openPostgres(url);
  const { store, pool, table } = harness;
  await store.getSlugs();
  const schema = new PgSchema(tableNames({ table }), [...STEPS, STEP]);
  for (const statement of schema.print(1).split(";\n")) {
    if (statement !== "") await pool.query(statement);
  }
  assertEquals(await stateOf(harness), [2, 1, true]);
  assertEquals(PostgresStore.schemaSql({ from: 1 }), "");
  for (const from of [-1, 0.5, 2]) {
    assertThrows(() => PostgresStore.schemaSql({ from }), RangeError, "from 0");
  }
});

test("a schema that only newer code can use is refused, and left as it is", async () => {
  await using harness = openPostgres(url);
  const { store, pool, table } = harness;
  await createDue(store, "a");
  await pool.query(`update ${table}_meta set schema = 3, readable_by = 2`);
  const other = await harness.another();
  await assertRejects(
    () => other.getSlugs(),
    StoreUnusableError,
    "its version is 3, for code that knows version 2",
  );
  await using scheduler = new StdScheduler(other);
  await assertRejects(() => scheduler.start(), StoreUnusableError);
  assertEquals(await store.getSlugs(), ["a"]);
});

test("a table of an earlier release, or of something else, is refused", async () => {
  await using harness = openPostgres(url);
  await harness.pool.query(`create table ${harness.table} (slug text)`);
  await assertRejects(
    () => createDue(harness.store, "a"),
    StoreUnusableError,
    "an earlier release made, or something else",
  );
});

test("a database with another encoding is refused", async () => {
  await using harness = openPostgres(url);
  const { pool } = harness;
  const name = newTableName();
  await pool.query(
    `create database ${name} encoding 'LATIN1' locale 'C' template template0`,
  );
  const other = new URL(url);
  other.pathname = name;
  const latin = new pg.Pool({ connectionString: other.href });
  await assertRejects(
    () => new PostgresStore(latin).getSlugs(),
    StoreUnusableError,
    "is LATIN1: expected UTF8",
  );
  await latin.end();
  await pool.query(`drop database ${name}`);
});

test("the printed schema is what the store needs, without rights to create", async () => {
  await using admin = openPostgres(url);
  const { table } = admin;
  await admin.pool.query(PostgresStore.schemaSql({ table }));
  await using pool = await openAs(
    admin.pool,
    `select, insert, update, delete on ${table}, ${table}_instances`,
    `select on ${table}_meta`,
  );
  const store = new PostgresStore(pool, { table });
  await lockNew(store, "a");
  await store.clear();
  assertEquals(await admin.store.getSlugs(), []);
});

test("without a table and the right to create it, the error says what to do", async () => {
  await using admin = openPostgres(url);
  const { table } = admin;
  await using pool = await openAs(admin.pool);
  await assertRejects(
    () => new PostgresStore(pool, { table }).getSlugs(),
    StoreUnusableError,
    "PostgresStore.schemaSql",
  );
  await assertRejects(
    () => new PostgresStore(admin.pool, { table, migrate: false }).getSlugs(),
    StoreUnusableError,
    "migrate is false",
  );
  assertEquals(await admin.store.getSlugs(), []);
});

test("rights that are missing are named", async () => {
  await using admin = openPostgres(url);
  const { table, store } = admin;
  await store.getSlugs();
  await using none = await openAs(admin.pool);
  await assertRejects(
    () => new PostgresStore(none, { table }).getSlugs(),
    StoreUnusableError,
    `permission denied for table ${table}_meta`,
  );
  await using some = await openAs(
    admin.pool,
    `select on ${table}_meta`,
    `select, insert on ${table}`,
    `select, insert, update, delete on ${table}_instances`,
  );
  await assertRejects(
    () => new PostgresStore(some, { table }).getSlugs(),
    StoreUnusableError,
    `lacks rights: expected update, delete on "public"."${table}"`,
  );
});

test("rights that are taken away, and tables that are dropped, are named too", async () => {
  await using admin = openPostgres(url);
  const { table } = admin;
  await createDue(admin.store, "a");
  await using pool = await openAs(
    admin.pool,
    `select, insert, update, delete on ${table}, ${table}_instances`,
    `select on ${table}_meta`,
  );
  const store = new PostgresStore(pool, { table });
  await store.getSlugs();
  const { rows: [{ user }] } = await pool.query(`select current_user as user`);
  await admin.pool.query(`revoke select on ${table} from ${user}`);
  await assertRejects(
    () => store.getSlugs(),
    StoreUnusableError,
    `cannot list tasks: permission denied for table ${table}`,
  );
  await admin.pool.query(`drop table ${table}`);
  await assertRejects(
    () => admin.store.getSlugs(),
    StoreUnusableError,
    "does not exist",
  );
});

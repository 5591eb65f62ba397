/** What the server does with the statements on claims, at its default settings. */
import { assertEquals, assertLessOrEqual } from "@std/assert";
import type pg from "pg";
import type { Statement } from "../../stores/postgres/client.ts";
import { tableNames } from "../../stores/postgres/names.ts";
import { storeSql } from "../../stores/postgres/sql.ts";
import { openPostgres } from "../helpers/postgres_harness.ts";
import { test, url } from "../helpers/shared_postgres.ts";
import { explain } from "./postgres/explain.ts";

const LIMIT = 100;
const COUNTS = [1, 2, 20, 500];
/** After so many executions the server keeps a plan for all parameters. */
const EXECUTIONS = 6;

interface Filling {
  readonly name: string;
  readonly tasks: number;
  /** When they are due, `i` being their number. */
  readonly at: string;
  readonly status?: "scheduled" | "failed";
}

const past = "now() - i * interval '1 ms'";
const FILLINGS: Filling[] = [
  { name: "nothing", tasks: 0, at: past },
  { name: "50,000 that are due", tasks: 50_000, at: past },
  {
    name: "100,000 that are not due",
    tasks: 100_000,
    at: "now() + i * interval '1 s'",
  },
  { name: "50,000 that failed", tasks: 50_000, at: past, status: "failed" },
];

/** Over as many kinds as there are. */
async function fill(
  client: pg.PoolClient,
  table: string,
  { tasks, at, status = "scheduled" }: Filling,
  first = 0,
): Promise<void> {
  await client.query(
    `insert into ${table} (slug, kind, status, priority, version, creation,
      run_at, scheduled_for, created_at, claimable_at, payload)
    select 'task-' || i, 'kind-' || i % 500, '${status}', 3, 1, 1, at, at,
      now(), case when '${status}' = 'scheduled' then at end, ''
    from generate_series($1::int, $2::int) i, lateral (select ${at} as at) t`,
    [first + 1, first + tasks],
  );
}

/** A client of the pool, which goes back when it is disposed of. */
async function lend(pool: pg.Pool): Promise<pg.PoolClient & AsyncDisposable> {
  const client = await pool.connect();
  return Object.assign(client, {
    [Symbol.asyncDispose]: () => Promise.resolve(client.release(true)),
  });
}

function literal(value: unknown): string {
  if (Array.isArray(value)) return `array[${value.map(literal)}]`;
  return typeof value === "string" ? `'${value}'` : `${value}`;
}

/** The statements on claims, with parameters for so many kinds. */
function statements(table: string, count: number): [Statement, unknown[]][] {
  const sql = storeSql(tableNames({ table }));
  const kinds = Array.from({ length: count }, (_, index) => `kind-${index}`);
  const claim = [kinds, LIMIT, 60_000, "holder", 7, 1e9];
  const limits = kinds.map((_, index) => index % 3 === 0 ? 5 : LIMIT);
  return [
    [sql.lock, claim],
    [sql.lockCapped, [...claim, limits]],
    [sql.nextRun, [kinds]],
  ];
}

/** Settles and renews what was claimed. */
function onClaims(table: string): [Statement, unknown[]][] {
  const sql = storeSql(tableNames({ table }));
  const slugs = Array.from({ length: 500 }, (_, index) => `task-${index + 1}`);
  const all = <T>(value: T) => slugs.map(() => value);
  const claims = [slugs, all(1), all(7)];
  const parts = { remove: true, move: false, payloads: false };
  const move = [all("scheduled"), all(1e12), all(1e12), all(0), all(0)];
  const last = [all(1), all(1), all("succeeded"), all("")];
  return [
    [sql.renew, [...claims, 60_000]],
    [sql.settle(parts), claims],
    [sql.settle({ ...parts, remove: false, move: true }), [
      ...[...claims, ...move, all("result"), all(1_000), ...last],
      ...[60_000, "channel", "head"],
    ]],
  ];
}

async function check(
  client: pg.PoolClient,
  table: string,
  [statement, values]: [Statement, unknown[]],
  lanes: number,
  isKept: boolean,
): Promise<void> {
  await client.query("deallocate all");
  await client.query(`prepare statement as ${statement.text}`);
  const execute = `execute statement(${values.map(literal)})`;
  for (let times = 1; isKept && times < EXECUTIONS; times++) {
    await client.query("begin");
    await client.query(execute);
    await client.query("rollback");
  }
  const did = await explain(client, table, execute);
  const what = `${statement.name} of ${lanes}: ${JSON.stringify(did)}`;
  assertEquals(did.scans, [], what);
  assertEquals(did.isCompiled, false, what);
  assertLessOrEqual(did.locked, LIMIT, what);
  assertLessOrEqual(did.read, did.locked + 2 * lanes, what);
  assertLessOrEqual(did.sorted, Math.max(lanes, 2 * LIMIT), what);
}

for (const filling of FILLINGS) {
  test(`claims read what they return, beside ${filling.name}`, async () => {
    await using harness = openPostgres(url);
    const { store, pool, table } = harness;
    await store.getSlugs();
    await using client = await lend(pool);
    await client.query(`alter table ${table} set (autovacuum_enabled = false)`);
    await fill(client, table, filling);
    for (const isFresh of [false, true]) {
      if (isFresh) await client.query(`vacuum analyze ${table}`);
      for (const count of COUNTS) {
        for (const one of statements(table, count)) {
          await check(client, table, one, count, isFresh);
        }
      }
    }
  });
}

test("a plan that was made on an empty table serves when it is full", async () => {
  await using harness = openPostgres(url);
  const { store, pool, table } = harness;
  await store.getSlugs();
  await using client = await lend(pool);
  await client.query(`alter table ${table} set (autovacuum_enabled = false)`);
  await client.query(`vacuum analyze ${table}`);
  const all = [...statements(table, 20), ...onClaims(table)];
  for (const [{ name, text }, values] of all) {
    await client.query(`prepare ${name} as ${text}`);
    for (let times = 0; times < EXECUTIONS; times++) {
      await client.query(`execute ${name}(${values.map(literal)})`);
    }
  }
  await fill(client, table, FILLINGS[1]);
  for (const [{ name }, values] of all) {
    const execute = `execute ${name}(${values.map(literal)})`;
    const { scans, read } = await explain(client, table, execute);
    assertEquals(scans, [], name);
    // Each claim twice: what does not hold is looked at once more.
    assertLessOrEqual(read, 2 * 500, name);
  }
});

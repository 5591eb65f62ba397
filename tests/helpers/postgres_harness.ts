import pg from "pg";
import {
  type PgClient,
  PostgresStore,
  type PostgresStoreOptions,
} from "../../stores/postgres.ts";
import type { StoreHarness } from "../conformance/store_harness.ts";

/** A name for a table that no other test has. */
export function newTableName(): string {
  return `t_${crypto.randomUUID().replaceAll("-", "").slice(0, 16)}`;
}

/** The columns with instants of a table, and of those that belong to it. */
const INSTANTS = `
select relname as name, attname as column
from pg_class join pg_attribute on attrelid = pg_class.oid
where relkind = 'r' and relnamespace = current_schema()::regnamespace
  and starts_with(relname::text, $1)
  and atttypid = 'timestamptz'::regtype and not attisdropped`;

/** Lets time pass for a store: moves all its instants into the past. */
export async function elapseIn(
  client: PgClient,
  table: string,
  ms: number,
): Promise<void> {
  const { rows } = await client.query(INSTANTS, [table]);
  const columns = Map.groupBy(rows, ({ name }) => String(name));
  for (const [name, instants] of columns) {
    const moves = instants.map(({ column }) =>
      `"${column}" = "${column}" - $1 * interval '1 ms'`
    );
    await client.query(`update "${name}" set ${moves}`, [ms]);
  }
}

/** Drops the tables of a store. */
export async function dropTables(
  client: PgClient,
  table: string,
): Promise<void> {
  const { rows } = await client.query(
    `select tablename as name from pg_tables
     where schemaname = current_schema() and starts_with(tablename, $1)`,
    [table],
  );
  for (const { name } of rows) await client.query(`drop table "${name}"`, []);
}

/** A store on a table of its own, which goes with the harness. */
export interface PostgresHarness extends StoreHarness {
  readonly store: PostgresStore;
  readonly url: string;
  readonly pool: pg.Pool;
  readonly table: string;
  another(): Promise<PostgresStore>;
}

/** Opens a store on a new table. */
export function openPostgres(
  url: string,
  options: PostgresStoreOptions = {},
): PostgresHarness {
  const table = newTableName();
  const pools: pg.Pool[] = [];
  const newPool = () => {
    const pool = new pg.Pool({ connectionString: url, max: 4 });
    pools.push(pool);
    return pool;
  };
  const open = (pool: pg.Pool) =>
    new PostgresStore(pool, { table, ...options });
  const pool = newPool();
  return {
    store: open(pool),
    url,
    pool,
    table,
    elapse: (ms) => elapseIn(pool, table, ms),
    another: () => Promise.resolve(open(newPool())),
    async [Symbol.asyncDispose]() {
      await dropTables(pool, table);
      await Promise.all(pools.map((pool) => pool.end()));
    },
  };
}

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

/** Lets time pass for a table: moves all its instants into the past. */
export async function elapseIn(
  client: PgClient,
  table: string,
  ms: number,
): Promise<void> {
  const moves = ["run_at", "scheduled_for", "claimable_at"]
    .map((column) => `${column} = ${column} - $1 * interval '1 ms'`);
  await client.query(`update ${table} set ${moves}`, [ms]);
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
      await pool.query(`drop table if exists ${table}`);
      await Promise.all(pools.map((pool) => pool.end()));
    },
  };
}

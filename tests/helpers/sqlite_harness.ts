import { DatabaseSync } from "node:sqlite";
import type { FullStore } from "../../src/api/job_store.ts";
import { SqliteStore } from "../../stores/sqlite.ts";
import type { StoreHarness } from "../conformance/store_harness.ts";

/** The columns with instants, of all tables. */
const INSTANTS = `
SELECT tables.name AS name, columns.name AS column
FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns
WHERE tables.type = 'table' AND (columns.name GLOB '*_at' OR columns.name IN
  ('scheduled_for', 'keep_until', 'last_started', 'last_ended'))`;

/** Lets time pass in a database: moves all its instants into the past. */
export function elapseInSqlite(database: DatabaseSync, ms: number): void {
  const columns = Map.groupBy(
    database.prepare(INSTANTS).all(),
    ({ name }) => String(name),
  );
  for (const [name, instants] of columns) {
    const moves = instants.map(({ column }) => `${column} = ${column} - ?1`);
    database.prepare(`UPDATE "${name}" SET ${moves}`).run(ms);
  }
}

/** Opens a store on a new database in memory. */
export function sqliteHarness(): Promise<StoreHarness<FullStore>> {
  const database = new DatabaseSync(":memory:");
  const another = () => Promise.resolve(new SqliteStore(database));
  return Promise.resolve({
    store: new SqliteStore(database),
    elapse: (ms) => Promise.resolve(elapseInSqlite(database, ms)),
    another,
    [Symbol.asyncDispose]: () => Promise.resolve(database.close()),
  });
}

import { DatabaseSync } from "node:sqlite";
import type { FullStore } from "../../src/api/job_store.ts";
import { SqliteStore } from "../../stores/sqlite.ts";
import { TemporaryDirectory } from "../helpers/temporary_directory.ts";
import { type StoreHarness, testJobStore } from "../testing.ts";

testJobStore({
  name: "sqlite store",
  test: Deno.test,
  open() {
    const directory = new TemporaryDirectory();
    const path = directory.file("schedules.db");
    const stores: SqliteStore[] = [];
    const another = () => {
      const store = new SqliteStore(path);
      stores.push(store);
      return Promise.resolve(store);
    };
    return another().then((store) => ({
      store,
      elapse: (ms) => Promise.resolve(moveIntoThePast(path, ms)),
      another,
      async [Symbol.asyncDispose]() {
        for (const store of stores) await store.close();
        directory[Symbol.dispose]();
      },
    }));
  },
});

testJobStore({
  name: "sqlite store in memory",
  test: Deno.test,
  open: openInMemory,
});

function openInMemory(): Promise<StoreHarness<FullStore>> {
  const database = new DatabaseSync(":memory:");
  const another = () => Promise.resolve(new SqliteStore(database));
  return Promise.resolve({
    store: new SqliteStore(database),
    elapse: (ms) => Promise.resolve(shift(database, ms)),
    another,
    [Symbol.asyncDispose]: () => Promise.resolve(database.close()),
  });
}

function moveIntoThePast(path: string, ms: number): void {
  const database = new DatabaseSync(path);
  shift(database, ms);
  database.close();
}

const INSTANTS = [
  "claimable_at",
  "run_at",
  "scheduled_for",
  "claimed_at",
  "rerun_at",
  "keep_until",
  "created_at",
  "last_started",
  "last_ended",
];

function shift(database: DatabaseSync, ms: number): void {
  const shifted = INSTANTS.map((column) => `${column} = ${column} - ?1`);
  database.prepare(`UPDATE schedules SET ${shifted}`).run(ms);
  database.prepare("UPDATE schedules_instances SET seen_at = seen_at - ?1")
    .run(ms);
}

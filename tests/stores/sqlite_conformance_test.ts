import { DatabaseSync } from "node:sqlite";
import { SqliteStore } from "../../stores/sqlite.ts";
import { checkStoreModel } from "../helpers/store_model.ts";
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

Deno.test("the sqlite store agrees with a naive model, whatever is done to it", async () => {
  await checkStoreModel(openInMemory, { runs: 100, commands: 60 });
});

function openInMemory(): Promise<StoreHarness> {
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

function shift(database: DatabaseSync, ms: number): void {
  database.prepare(`
UPDATE schedules SET claimable_at = claimable_at - ?1, run_at = run_at - ?1,
  scheduled_for = scheduled_for - ?1`).run(ms);
}

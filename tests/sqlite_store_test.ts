import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { SqliteStore } from "../stores/sqlite.ts";
import { testJobStore } from "./testing.ts";

testJobStore({
  name: "sqlite store",
  test: Deno.test,
  async open() {
    const directory = await mkdtemp(join(tmpdir(), "sqlite-store-"));
    const path = join(directory, "schedules.db");
    const open = new AsyncDisposableStack();
    open.defer(() => rm(directory, { recursive: true }));
    const another = () => Promise.resolve(open.use(new SqliteStore(path)));
    return {
      store: await another(),
      elapse: (ms) => Promise.resolve(moveIntoThePast(path, ms)),
      another,
      [Symbol.asyncDispose]: () => open.disposeAsync(),
    };
  },
});

testJobStore({
  name: "sqlite store in memory",
  test: Deno.test,
  open() {
    const database = new DatabaseSync(":memory:");
    const another = () => Promise.resolve(new SqliteStore(database));
    return Promise.resolve({
      store: new SqliteStore(database),
      elapse: (ms) => Promise.resolve(shift(database, ms)),
      another,
      [Symbol.asyncDispose]: () => Promise.resolve(database.close()),
    });
  },
});

function moveIntoThePast(path: string, ms: number): void {
  const database = new DatabaseSync(path);
  try {
    shift(database, ms);
  } finally {
    database.close();
  }
}

function shift(database: DatabaseSync, ms: number): void {
  database.prepare(`
UPDATE schedules SET claimable_at = claimable_at - ?1, run_at = run_at - ?1,
  scheduled_for = scheduled_for - ?1`).run(ms);
}

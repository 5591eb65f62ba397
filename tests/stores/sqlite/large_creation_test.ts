/** Creations that take more than one write. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { SqliteStore } from "../../../stores/sqlite.ts";
import { lockWork, newTask } from "../../conformance/store_harness.ts";
import { SteppedClock } from "../../helpers/stepped_clock.ts";
import { TemporaryDirectory } from "../../helpers/temporary_directory.ts";

const COUNT = 25_000;

function manyTasks(fields = {}) {
  return Array.from(
    { length: COUNT },
    (_, index) => newTask(`task-${index}`, fields),
  );
}

function count(database: DatabaseSync, where = "TRUE"): unknown {
  return database.prepare(
    `SELECT count(*) AS count FROM schedules WHERE ${where}`,
  ).get()!.count;
}

/** Resolves when so many tasks are staged. */
async function staged(database: DatabaseSync, tasks: number): Promise<void> {
  while (Number(count(database, "gate = 3")) < tasks) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** A store with a creation that another process has left half done. */
async function leftHalfDone(isComplete: boolean) {
  const database = new DatabaseSync(":memory:");
  const clock = new SteppedClock();
  const store = new SqliteStore(database, { clock });
  await store.create(manyTasks());
  database.exec(`
UPDATE schedules SET gate = 3, claimable_at = NULL, creation = 7
WHERE slug < 'task-3';
INSERT INTO schedules_creations
VALUES (7, ${clock.now() + 1_000}, ${Number(isComplete)})`);
  return { database, clock, store };
}

Deno.test("others can write while a large creation goes on", async () => {
  using directory = new TemporaryDirectory();
  const path = directory.file("large.db");
  const store = new SqliteStore(path);
  const other = new SqliteStore(path, { busyTimeoutMs: 1_000 });
  await other.getSlugs();
  let isDone = false;
  const created = store.create(manyTasks()).finally(() => isDone = true);
  let writes = 0;
  while (!isDone) {
    assertEquals(await other.create([newTask(`other-${writes}`)]), ["created"]);
    writes++;
  }
  assert((await created).every((outcome) => outcome === "created"));
  assertLess(4, writes);
  assertEquals((await store.getSlugs()).length, COUNT + writes);
  await store.close();
  await other.close();
});

Deno.test("none of a large creation is seen or claimed before all are there", async () => {
  const database = new DatabaseSync(":memory:");
  const store = new SqliteStore(database);
  const created = store.create(manyTasks());
  await store.getSlugs();
  await staged(database, 10_000);
  assertEquals(await store.get("task-0"), undefined);
  assertEquals(await store.getSlugs(), []);
  assertEquals(await lockWork(store), []);
  await created;
  assertEquals((await store.getSlugs()).length, COUNT);
  assertEquals((await lockWork(store, 100)).length, 100);
  assertEquals(count(database, "gate <> 0 OR creation IS NOT NULL"), 0);
  database.close();
});

Deno.test("nothing is left of a large creation in which a slug was taken", async () => {
  const database = new DatabaseSync(":memory:");
  const store = new SqliteStore(database);
  await store.create([newTask("task-12000"), newTask("task-24999")]);
  const outcomes = await store.create([
    ...manyTasks(),
    newTask("more", { onConflict: "keep" }),
  ]);
  const taken = outcomes.flatMap((outcome, index) =>
    outcome === "taken" ? [index] : []
  );
  assertEquals(taken, [12_000, 24_999]);
  assertEquals(
    outcomes.filter((outcome) => outcome === "withheld").length,
    COUNT - 1,
  );
  assertEquals(count(database), 2);
  database.close();
});

Deno.test("a large creation that need not be new keeps and replaces", async () => {
  const database = new DatabaseSync(":memory:");
  const store = new SqliteStore(database);
  await store.create([newTask("task-0"), newTask("task-24999")]);
  const kept = await store.create(manyTasks({ onConflict: "keep" }));
  assertEquals([kept[0], kept[1], kept[24_999]], ["kept", "created", "kept"]);
  const replaced = await store.create(manyTasks({ onConflict: "replace" }));
  assert(replaced.every((outcome) => outcome === "replaced"));
  database.close();
});

Deno.test("what a dead process left incomplete is taken back", async () => {
  const { database, clock, store } = await leftHalfDone(false);
  const opened = count(database, "gate = 0") as number;
  await clock.step(1_000);
  await store.nextRun({ kinds: ["work"] });
  assertEquals(count(database, "gate = 3"), COUNT - opened, "not yet dead");
  await clock.step(1);
  let steps = 0;
  for (; count(database, "gate = 3") !== 0; steps++) {
    const { now, when } = await store.nextRun({ kinds: ["none"] });
    assertEquals(when, now, "it is to be called again");
  }
  assertEquals(steps, 2);
  assertEquals(count(database), opened);
  await store.nextRun({ kinds: ["none"] });
  assertEquals((await store.nextRun({ kinds: ["none"] })).when, undefined);
  database.close();
});

Deno.test("what a dead process left complete is opened", async () => {
  const { database, clock, store } = await leftHalfDone(true);
  assertEquals((await store.getSlugs()).length, COUNT);
  await clock.step(1_001);
  for (let step = 0; step < 3; step++) await store.nextRun({ kinds: [] });
  assertEquals(count(database, "gate = 0"), COUNT);
  assertEquals((await lockWork(store, COUNT)).length, COUNT);
  assertEquals((await store.nextRun({ kinds: [] })).when, undefined);
  database.close();
});

Deno.test("a large creation that was cleared meanwhile begins anew", async () => {
  const database = new DatabaseSync(":memory:");
  const store = new SqliteStore(database);
  const created = store.create(manyTasks());
  await store.getSlugs();
  await staged(database, 10_000);
  await store.clear();
  assert((await created).every((outcome) => outcome === "created"));
  assertEquals((await store.getSlugs()).length, COUNT);
  database.close();
});

Deno.test("close waits for a large creation", async () => {
  using directory = new TemporaryDirectory();
  const path = directory.file("large.db");
  const store = new SqliteStore(path);
  const created = store.create(manyTasks());
  await store.getSlugs();
  await store.close();
  assertEquals((await created).length, COUNT);
  const database = new DatabaseSync(path);
  assertEquals(count(database, "claimable_at IS NOT NULL"), COUNT);
  database.close();
});

/** What the store makes of columns that features to come will set. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { systemClock } from "../../src/api/clock.ts";
import { SqliteStore } from "../../stores/sqlite.ts";
import {
  claimOf,
  createAll,
  LEASE_MS,
  lockNew,
  lockOne,
  lockRequest,
  lockWork,
  newTask,
  settlement,
  slugsOf,
} from "../conformance/store_harness.ts";
import { SteppedClock } from "../helpers/stepped_clock.ts";

function open() {
  const database = new DatabaseSync(":memory:");
  const clock = new SteppedClock();
  const store = new SqliteStore(database, { clock });
  const set = (slug: string, changes: string) =>
    database.prepare(`UPDATE schedules SET ${changes} WHERE slug = ?`).run(
      slug,
    );
  const row = (slug: string) =>
    database.prepare("SELECT * FROM schedules WHERE slug = ?").get(slug)!;
  return { database, clock, store, set, row };
}

Deno.test("a gated task whose lease ends is scheduled and gated, others are claimed", async () => {
  const { database, clock, store, set, row } = open();
  await lockNew(store, "gated");
  set("gated", "gate = 2");
  await clock.step(LEASE_MS);
  await createAll(store, [newTask("open")]);
  assertEquals(slugsOf(await lockWork(store, 1)), ["open"]);
  const { status, claimable_at, token, holder, crashes } = row("gated");
  assertEquals(
    [status, claimable_at, token, holder, crashes],
    [0, null, null, null, 1],
  );
  assertEquals(await lockWork(store), []);
  database.close();
});

Deno.test("a cancelled run whose lease ends is not handed out again", async () => {
  const { database, clock, store, set } = open();
  const task = await lockNew(store, "a");
  set("a", "cancel = 'enough'");
  assertEquals(await store.renew([claimOf(task)], LEASE_MS), ["cancelled"]);
  await clock.step(LEASE_MS);
  assertEquals(await lockWork(store), []);
  assertEquals((await store.get("a"))?.status, "cancelled");
  assertEquals(await store.renew([claimOf(task)], LEASE_MS), ["lost"]);
  database.close();
});

Deno.test("a cancelled run that is to run again does so", async () => {
  const { database, clock, store, set } = open();
  await lockNew(store, "a");
  set("a", "cancel = 'enough'");
  await createAll(store, [newTask("a", { onConflict: "rerun" })], "merged");
  await clock.step(LEASE_MS);
  const again = await lockOne(store, "a");
  assertEquals([again.retry, again.crashes], [0, 1]);
  assertEquals(await store.renew([claimOf(again)], LEASE_MS), ["held"]);
  database.close();
});

Deno.test("a gated task settles as scheduled, and cannot be claimed", async () => {
  const { database, store, set, row } = open();
  const task = await lockNew(store, "a");
  set("a", "gate = 1");
  assertEquals(await store.reschedule([settlement(task, {})]), ["settled"]);
  assertEquals((await store.get("a"))?.status, "scheduled");
  assertEquals(row("a").claimable_at, null);
  assertEquals(await lockWork(store), []);
  const merged = newTask("a", {
    onConflict: "rerun",
    due: { at: new Date(0) },
  });
  await createAll(store, [merged], "merged");
  assertEquals([row("a").claimable_at, row("a").run_at], [null, 0]);
  database.close();
});

Deno.test("a payload that was edited while it ran stays; the next run may change it", async () => {
  const { database, store, set } = open();
  const payload = new Uint8Array([1]);
  let task = await lockNew(store, "a", { payload: new Uint8Array([0]) });
  set("a", "edited = 1, payload = x'07'");
  await store.reschedule([settlement(task, { payload })]);
  assertEquals([...(await store.get("a"))!.payload], [7]);
  task = await lockOne(store, "a");
  await store.reschedule([settlement(task, { payload })]);
  assertEquals([...(await store.get("a"))!.payload], [1]);
  database.close();
});

Deno.test("a settlement clears what belonged to the run", async () => {
  const { database, store, set, row } = open();
  const task = await lockNew(store, "a");
  set("a", "cancel = 'x', manual = 1, limited = 1, progress = '1'");
  await store.reschedule([settlement(task, {})]);
  const { token, holder, claimed_at, cancel, manual, limited, progress } = row(
    "a",
  );
  assertEquals(
    [token, holder, claimed_at, cancel, manual, limited, progress],
    [null, null, null, null, 0, 0, null],
  );
  database.close();
});

Deno.test("what can never be stored holds up nothing else of its batch", async () => {
  const { database, store } = open();
  await createAll(store, ["a", "b", "c"].map((slug) => newTask(slug)));
  const [a, b, c] = await lockWork(store);
  const outcomes = await store.reschedule([
    settlement(a, {}),
    settlement(b, { when: new Date(NaN) }),
    settlement(c, { result: { toString: 1 } as unknown as string }),
  ]);
  assertEquals(outcomes[0], "settled");
  for (const outcome of outcomes.slice(1)) {
    assert(typeof outcome === "object" && outcome.error instanceof Error);
  }
  assertStringIncludes(
    (outcomes[1] as { error: Error }).error.message,
    "NOT NULL constraint failed",
  );
  assertEquals(await store.renew([b, c].map(claimOf), LEASE_MS), [
    "held",
    "held",
  ]);
  database.close();
});

Deno.test("tasks whose time has passed are removed by and by, and hidden before", async () => {
  const { database, clock, store } = open();
  const tasks = Array.from({ length: 2_500 }, (_, i) => newTask(`task-${i}`));
  await createAll(store, tasks);
  const claimed = await store.lock(lockRequest({ limit: 2_500 }));
  await store.reschedule(
    claimed.map((task) => settlement(task, { status: "done", keepMs: 1_000 })),
  );
  assertEquals((await store.getSlugs()).length, 2_500);
  await clock.step(1_000);
  assertEquals(await store.getSlugs(), []);
  assertEquals(await store.get("task-0"), undefined);
  assertEquals(await store.delete("task-0"), false);
  const count = () =>
    database.prepare("SELECT count(*) AS count FROM schedules").get()!.count;
  for (const left of [1_499, 499, 0, 0]) {
    await store.nextRun({ kinds: [] });
    assertEquals(count(), left);
  }
  database.close();
});

Deno.test("versions of removed tasks are not given again, though the clock steps back", async () => {
  const database = new DatabaseSync(":memory:");
  const at = (ms: number) =>
    new SqliteStore(database, { clock: { ...systemClock, now: () => ms } });
  const [early, late] = [at(1_000), at(9_000)];
  const first = await lockNew(late, "a");
  assertEquals(first.version, 9_000_001);
  await late.reschedule([settlement(first)]);
  const second = await lockNew(early, "a", { due: { at: new Date(0) } });
  assert(second.version > first.version);
  database.close();
});

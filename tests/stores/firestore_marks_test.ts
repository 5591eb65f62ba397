/** Marks on tasks that run, set by hand: gates, cancellation, edits. */
import { assertEquals } from "@std/assert";
import { FirestoreStore } from "../../stores/firestore.ts";
import type { TaskRecord } from "../../src/api/task.ts";
import {
  claimOf,
  createAll,
  expectLost,
  LEASE_MS,
  lockNew,
  lockOne,
  lockWork,
  newTask,
  nextWork,
  settle,
  settlement,
} from "../conformance/store_harness.ts";
import {
  connect,
  moveIntoThePast,
  newCollection,
  test,
} from "../helpers/firestore_emulator.ts";

/** A store with a task that runs. */
class Scene implements AsyncDisposable {
  readonly collection = newCollection();
  readonly #client = connect();
  readonly store = new FirestoreStore(this.#client, {
    collection: this.collection,
    timeoutMs: 30_000,
  });

  /** Claims a task, and marks it. */
  async lock(marks: Record<string, unknown>): Promise<TaskRecord> {
    const task = await lockNew(this.store, "a", {
      payload: new Uint8Array([1]),
    });
    await this.mark(marks);
    return task;
  }

  async mark(marks: Record<string, unknown>): Promise<void> {
    await this.#client.collection(this.collection).doc("a").update(marks);
  }

  async fields(): Promise<Record<string, unknown>> {
    const ref = this.#client.collection(this.collection).doc("a");
    return (await ref.get()).data()!;
  }

  /** Lets the lease end. */
  async expire(): Promise<void> {
    await moveIntoThePast(this.#client, this.collection, LEASE_MS + 1_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.clear();
    await this.#client.terminate();
  }
}

test("Firestore: a gated task whose lease has ended waits at its gate", async () => {
  await using scene = new Scene();
  const { store } = scene;
  const task = await scene.lock({ gate: 2 });
  await scene.expire();
  assertEquals(await lockWork(store), []);
  const { status, claimableAt, gate } = await scene.fields();
  assertEquals([status, claimableAt, gate], ["scheduled", null, 2]);
  const details = (await store.get("a"))!;
  assertEquals([details.crashes, details.holder], [1, undefined]);
  assertEquals(await nextWork(store), undefined);
  await expectLost(store, task);
});

test("Firestore: a gated task that settles waits at its gate", async () => {
  await using scene = new Scene();
  const { store } = scene;
  const task = await scene.lock({ gate: 2 });
  await settle(store, task, { when: new Date(1e12) });
  const { status, claimableAt } = await scene.fields();
  assertEquals([status, claimableAt], ["scheduled", null]);
  // A rerun makes it due sooner, and does not open the gate.
  const due = { at: new Date(1e11) };
  await createAll(
    store,
    [newTask("a", { due, onConflict: "rerun" })],
    "merged",
  );
  assertEquals((await scene.fields()).claimableAt, null);
  assertEquals((await store.get("a"))?.when, due.at);
});

test("Firestore: a run that is to be cancelled hears of it when it is renewed", async () => {
  await using scene = new Scene();
  const { store } = scene;
  const task = await scene.lock({ cancel: "enough" });
  for (let times = 0; times < 2; times++) {
    assertEquals(await store.renew([claimOf(task)], LEASE_MS), ["cancelled"]);
  }
  await settle(store, task, { status: "cancelled" });
  assertEquals((await store.get("a"))?.status, "cancelled");
  assertEquals((await scene.fields()).cancel, null);
});

test("Firestore: a cancelled task whose lease has ended is cancelled, not run", async () => {
  await using scene = new Scene();
  const { store } = scene;
  const task = await scene.lock({ cancel: "enough" });
  await scene.expire();
  assertEquals(await lockWork(store), []);
  assertEquals((await store.get("a"))?.status, "cancelled");
  await expectLost(store, task);
});

test("Firestore: the payload of a run loses to an edit, once", async () => {
  await using scene = new Scene();
  const { store } = scene;
  const edited = { payload: new Uint8Array([5]), edited: true };
  const task = await scene.lock(edited);
  await settle(store, task, { payload: new Uint8Array([2]) });
  assertEquals([...(await store.get("a"))!.payload], [5]);
  const again = await lockOne(store, "a");
  await settle(store, again, { payload: new Uint8Array([3]) });
  assertEquals([...(await store.get("a"))!.payload], [3]);

  await lockOne(store, "a");
  await scene.mark({ edited: true });
  await scene.expire();
  const heir = await lockOne(store, "a");
  await settle(store, heir, { payload: new Uint8Array([4]) });
  assertEquals([...(await store.get("a"))!.payload], [4]);
});

test("Firestore: a settlement clears what was said of the run", async () => {
  await using scene = new Scene();
  const marks = { manual: true, limited: true, progress: "1", cancel: "x" };
  const task = await scene.lock(marks);
  await scene.store.reschedule([settlement(task, {})]);
  const fields = await scene.fields();
  const cleared = [...Object.keys(marks), "token", "holder", "claimedAt"];
  for (const name of cleared) assertEquals(fields[name], null, name);
});

test("Firestore: another token does not hold, though the version does", async () => {
  await using scene = new Scene();
  const task = await lockNew(scene.store, "a");
  await expectLost(scene.store, { ...task, token: task.token! - 1 });
  await settle(scene.store, task);
});

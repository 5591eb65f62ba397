import { assertEquals, assertInstanceOf } from "@std/assert";
import { JobNotLockedError } from "../../../src/api/errors.ts";
import { Leases, renewalPeriodMs } from "../../../src/runtime/leases.ts";
import { Run, runContext } from "../../../src/runtime/run.ts";
import { MemoryStore } from "../../../stores/memory.ts";
import { lockRequest, newTask } from "../../conformance/store_harness.ts";
import { FaultyStore } from "../../helpers/faulty_store.ts";
import { RecordingLogger } from "../../helpers/recording_logger.ts";
import { SteppedClock } from "../../helpers/stepped_clock.ts";

const LEASE_MS = 30_000;

/** Leases on a memory store, to be ended by the test. */
class Bench implements AsyncDisposable {
  readonly clock = new SteppedClock();
  readonly store = new FaultyStore(
    new MemoryStore({ clock: this.clock }),
    this.clock,
  );
  readonly logger = new RecordingLogger();
  readonly leases = new Leases(this.store, this.clock, this.logger, LEASE_MS);

  /** Claims and holds new tasks. */
  async hold(...slugs: string[]): Promise<Run[]> {
    await this.store.create(slugs.map((slug) => newTask(slug)));
    const now = this.clock.monotonic();
    const tasks = await this.store.lock(lockRequest({
      limit: slugs.length,
      leaseMs: LEASE_MS,
    }));
    const runs = tasks.map((task) =>
      new Run(task, now + LEASE_MS, now + renewalPeriodMs(LEASE_MS))
    );
    for (const run of runs) this.leases.hold(run);
    return runs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.leases.end();
    await this.clock.settle();
    assertEquals(this.clock.sleepers, 0);
  }
}

Deno.test("leases are renewed in one batch each third of their time", async () => {
  await using bench = new Bench();
  const runs = await bench.hold("a", "b", "c");
  await bench.clock.step(LEASE_MS / 3 - 1);
  assertEquals(bench.store.count("renew"), 0);
  await bench.clock.step(1);
  assertEquals(bench.store.count("renew"), 1);
  await bench.clock.step(10 * LEASE_MS);
  assertEquals(bench.store.count("renew"), 31);
  assertEquals(runs.some((run) => run.aborted), false);
  const { leaseEnd } = (await bench.store.get("c"))!;
  assertEquals(leaseEnd!.getTime() - bench.clock.now(), LEASE_MS);
});

Deno.test("leases that are renewed at different times do not lengthen each other", async () => {
  await using bench = new Bench();
  const [early] = await bench.hold("a");
  await bench.clock.step(5_000);
  const [late] = await bench.hold("b");
  await bench.clock.step(6_000);
  assertEquals([early.leaseEndsAt, late.leaseEndsAt], [40_000, 35_000]);
  await bench.clock.step(5_000);
  assertEquals([early.leaseEndsAt, late.leaseEndsAt], [40_000, 45_000]);
});

Deno.test("what was dropped is not renewed", async () => {
  await using bench = new Bench();
  const [a, b] = await bench.hold("a", "b");
  bench.leases.drop(a);
  assertEquals([...bench.leases], [b]);
  bench.leases.drop(b);
  await bench.clock.step(10 * LEASE_MS);
  assertEquals([bench.store.count("renew"), bench.leases.size], [0, 0]);
  assertEquals(bench.clock.sleepers, 0);
});

Deno.test("leases are watched again after there were none", async () => {
  await using bench = new Bench();
  const [a] = await bench.hold("a");
  bench.leases.drop(a);
  await bench.clock.step(LEASE_MS);
  await bench.hold("b");
  await bench.clock.step(LEASE_MS / 3);
  assertEquals(bench.store.count("renew"), 1);
});

Deno.test("who lost a claim hears of it, and it is let go", async () => {
  await using bench = new Bench();
  const [a, b] = await bench.hold("a", "b");
  const { signal } = runContext(a);
  await bench.store.delete("a");
  await bench.clock.step(LEASE_MS / 3);
  assertInstanceOf(signal.reason, JobNotLockedError);
  assertEquals([signal.reason.slug, signal.reason.version], ["a", a.version]);
  assertEquals([a.ended, b.ended, b.aborted], ["lost", undefined, false]);
  assertEquals([...bench.leases], [b]);
  assertEquals(bench.logger.messages("warn"), ['Lost the claim on "a"']);
});

Deno.test("a run that has ended is no loss: it may have been settled", async () => {
  await using bench = new Bench();
  const [a] = await bench.hold("a");
  a.executing = false;
  await bench.store.delete("a");
  await bench.clock.step(LEASE_MS / 3);
  assertEquals([a.ended, a.aborted, bench.leases.size], [undefined, false, 1]);
  assertEquals(bench.logger.entries, []);
});

Deno.test("two renewals may fail before a lease runs out", async () => {
  await using bench = new Bench();
  const [a] = await bench.hold("a");
  bench.store.break("renew", "reject", 3);
  await bench.clock.step(5 * LEASE_MS);
  assertEquals([a.aborted, a.ended], [false, undefined]);
  assertEquals(
    bench.logger.messages("warn"),
    Array(3).fill("Cannot renew leases: renew failed"),
  );
});

Deno.test("renewals that fail are tried again without haste", async () => {
  await using bench = new Bench();
  await bench.hold("a", "b");
  bench.store.break("renew", "reject");
  await bench.clock.step(10 * LEASE_MS);
  // The first after 10 s, then one each tenth of the lease.
  assertEquals(bench.store.count("renew"), 1 + 96);
});

Deno.test("a job is told to end when its lease runs out unrenewed, not before", async () => {
  for (const fault of ["reject", "hang"] as const) {
    await using bench = new Bench();
    const [a] = await bench.hold("a");
    const { signal } = runContext(a);
    bench.store.break("renew", fault);
    await bench.clock.step(LEASE_MS - 1);
    assertEquals(signal.aborted, false);
    await bench.clock.step(1);
    assertInstanceOf(signal.reason, JobNotLockedError);
    assertEquals(
      signal.reason.message,
      `Lost the claim on "a" (version ${a.version}): ` +
        "its lease ran out before it could be renewed",
    );
    // Its result counts all the same, if nobody took the task over.
    assertEquals(a.ended, undefined);
    bench.store.heal();
    await bench.clock.step(LEASE_MS);
    assertEquals([a.ended, bench.leases.size], [undefined, 1]);
  }
});

Deno.test("an answer that comes late counts from when it was asked for", async () => {
  await using bench = new Bench();
  const [a] = await bench.hold("a");
  bench.store.break("renew", { delayMs: 8_000 }, 1);
  await bench.clock.step(18_000);
  assertEquals([a.leaseEndsAt, a.renewAt], [40_000, 20_000]);
});

Deno.test("a renewal without an answer does not hold up the next", async () => {
  await using bench = new Bench();
  const [a] = await bench.hold("a");
  const { signal } = runContext(a);
  bench.store.break("renew", { delayMs: 3 * LEASE_MS }, 1);
  await bench.clock.step(2 * LEASE_MS);
  assertEquals([signal.aborted, bench.store.count("renew")], [false, 6]);
  // The answer of the first says less than those that came before it.
  const { leaseEndsAt } = a;
  await bench.clock.step(4 * LEASE_MS / 3);
  assertEquals(a.leaseEndsAt > leaseEndsAt, true);
});

Deno.test("renewed resolves when the store has answered", async () => {
  await using bench = new Bench();
  await bench.leases.renewed();
  await bench.hold("a");
  bench.store.break("renew", { delayMs: 1_000 });
  await bench.clock.step(LEASE_MS / 3);
  let over = false;
  const renewed = bench.leases.renewed().then(() => over = true);
  await bench.clock.step(999);
  assertEquals(over, false);
  await bench.clock.step(1);
  assertEquals(over, true);
  await renewed;
});

Deno.test("a run makes its signal when it is asked for, aborted if need be", async () => {
  await using bench = new Bench();
  const [a, b] = await bench.hold("a", "b");
  const reason = new Error("first");
  a.abort(reason);
  a.abort(new Error("second"));
  assertEquals([a.signal.aborted, a.signal.reason], [true, reason]);
  assertEquals(a.signal === a.signal, true);
  const { signal } = runContext(b);
  assertEquals(signal.aborted, false);
  b.abort(reason);
  assertEquals([signal.aborted, signal.reason], [true, reason]);
});

Deno.test("a context can be spread: its fields are its own", async () => {
  await using bench = new Bench();
  const [run] = await bench.hold("a");
  const { signal, scheduledFor } = { ...runContext(run) };
  run.abort(new Error("over"));
  assertEquals(signal.aborted, true);
  assertEquals(scheduledFor, run.task.scheduledFor);
});

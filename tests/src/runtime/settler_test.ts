import { assertEquals } from "@std/assert";
import { release } from "../../../src/core/decide.ts";
import type {
  NextState,
  Settlement,
  SettleOutcome,
} from "../../../src/api/job_store.ts";
import { Run } from "../../../src/runtime/run.ts";
import { Settler } from "../../../src/runtime/settler.ts";
import { MemoryStore } from "../../../stores/memory.ts";
import { lockRequest, newTask } from "../../conformance/store_harness.ts";
import { FaultyStore } from "../../helpers/faulty_store.ts";
import { RecordingLogger } from "../../helpers/recording_logger.ts";
import { SteppedClock } from "../../helpers/stepped_clock.ts";

/** A settler on a memory store. */
class Bench {
  readonly clock = new SteppedClock();
  readonly store = new FaultyStore(
    new MemoryStore({ clock: this.clock }),
    this.clock,
  );
  readonly logger = new RecordingLogger();
  readonly settled: string[] = [];
  readonly settler = new Settler(
    this.store,
    this.clock,
    this.logger,
    (run) => void this.settled.push(run.slug),
  );

  async claim(...slugs: string[]): Promise<Run[]> {
    await this.store.create(slugs.map((slug) => newTask(slug)));
    const tasks = await this.store.lock(lockRequest({
      limit: slugs.length,
      leaseMs: 1_000_000,
    }));
    return tasks.map((task) => new Run(task, Infinity, Infinity));
  }
}

function failed(run: Run): NextState {
  return { ...release(run.task), status: "failed", result: "oh no" };
}

Deno.test("what ends in the same turn goes in one batch", async () => {
  const bench = new Bench();
  const runs = await bench.claim("a", "b", "c");
  bench.settler.add({ run: runs[0], next: undefined });
  bench.settler.add({ run: runs[1], next: failed(runs[1]) });
  bench.settler.add({ run: runs[2], next: release(runs[2].task) });
  await bench.settler.flush();
  assertEquals(bench.store.batches, [3]);
  assertEquals(bench.settled, ["a", "b", "c"]);
  assertEquals(await bench.store.get("a"), undefined);
  const { status, result } = (await bench.store.get("b"))!;
  assertEquals([status, result], ["failed", "oh no"]);
  assertEquals((await bench.store.get("c"))?.status, "scheduled");
});

Deno.test("what ends while an answer is outstanding goes together", async () => {
  const bench = new Bench();
  const runs = await bench.claim("a", "b", "c", "d");
  bench.store.break("reschedule", { delayMs: 100 });
  bench.settler.add({ run: runs[0], next: undefined });
  await bench.clock.step(50);
  for (const run of runs.slice(1)) bench.settler.add({ run, next: undefined });
  await bench.clock.step(50);
  assertEquals([bench.store.batches, bench.settled], [[1, 3], ["a"]]);
  await bench.clock.step(100);
  assertEquals(bench.settled, ["a", "b", "c", "d"]);
});

Deno.test("flush resolves when everything is known, or there is nothing", async () => {
  const bench = new Bench();
  await bench.settler.flush();
  const runs = await bench.claim("a", "b");
  bench.store.break("reschedule", { delayMs: 100 });
  bench.settler.add({ run: runs[0], next: undefined });
  await bench.clock.step(50);
  bench.settler.add({ run: runs[1], next: undefined });
  const flushed = bench.settler.flush();
  await bench.clock.step(150);
  await flushed;
  assertEquals(bench.settled, ["a", "b"]);
});

Deno.test("a batch that is refused for a while is sent again, ever less often", async () => {
  const bench = new Bench();
  const [a] = await bench.claim("a");
  bench.store.break("reschedule", "reject");
  bench.settler.add({ run: a, next: failed(a) });
  await bench.clock.step(100 + 200 + 400 + 800 + 1_600 + 3_200);
  assertEquals(bench.store.batches.length, 7);
  await bench.clock.step(50_000);
  assertEquals(bench.store.batches.length, 17);
  assertEquals(bench.settled, []);
  assertEquals(bench.logger.messages("error").length, 17);
  bench.store.heal();
  await bench.clock.step(5_000);
  assertEquals([bench.settled, bench.store.batches.length], [["a"], 18]);
  assertEquals((await bench.store.get("a"))?.status, "failed");
  assertEquals(bench.clock.sleepers, 0);
});

Deno.test("an answer that got lost does no harm and raises no alarm", async () => {
  const bench = new Bench();
  const [a] = await bench.claim("a");
  bench.store.break("reschedule", "lose", 1);
  bench.settler.add({ run: a, next: failed(a) });
  await bench.clock.step(100);
  assertEquals(bench.settled, ["a"]);
  assertEquals((await bench.store.get("a"))?.result, "oh no");
  assertEquals(bench.logger.messages("warn"), []);
  assertEquals(bench.logger.messages("error"), [
    "Cannot store 1 results, next try in 100 ms: the answer of reschedule got lost",
  ]);
});

Deno.test("a result that the store refuses is told, and done with", async () => {
  const bench = new Bench();
  const runs = await bench.claim("a", "b");
  await bench.store.delete("a");
  for (const run of runs) bench.settler.add({ run, next: undefined });
  await bench.settler.flush();
  assertEquals(bench.settled, ["a", "b"]);
  assertEquals(bench.logger.entries, [{
    level: "warn",
    message: 'Result of "a" was refused: its claim is gone',
    fields: { slug: "a", kind: "work", version: runs[0].version },
  }]);
});

Deno.test("giving up ends the attempts, and leaves no sleeper", async () => {
  const bench = new Bench();
  const [a, b] = await bench.claim("a", "b");
  bench.store.break("reschedule", "reject");
  bench.settler.add({ run: a, next: undefined });
  await bench.clock.step(1_000);
  const { length } = bench.store.batches;
  bench.settler.giveUp();
  await bench.settler.flush();
  bench.settler.add({ run: b, next: undefined });
  await bench.settler.flush();
  await bench.clock.step(60_000);
  assertEquals([bench.store.batches.length, bench.clock.sleepers], [length, 0]);
});

/** A store that answers some settlements in its own way, until it is told not to. */
function answering(
  bench: Bench,
  answer: (settlement: Settlement) => SettleOutcome | undefined,
): { heal(): void } {
  const { reschedule } = bench.store;
  bench.store.reschedule = async (settlements) => {
    const own = settlements.map(answer);
    const others = settlements.filter((_, index) => own[index] === undefined);
    const outcomes = await reschedule.call(bench.store, others);
    return own.map((outcome) => outcome ?? outcomes.shift()!);
  };
  return { heal: () => bench.store.reschedule = reschedule };
}

Deno.test("a task that somebody has locked holds up no other, and is tried again", async () => {
  const bench = new Bench();
  const runs = await bench.claim("a", "b", "c");
  const lock = answering(
    bench,
    ({ slug }) => slug === "b" ? "busy" : undefined,
  );
  for (const run of runs) bench.settler.add({ run, next: undefined });
  await bench.clock.settle();
  assertEquals(bench.settled, ["a", "c"]);
  await bench.clock.step(10_000);
  assertEquals(bench.settled, ["a", "c"]);
  // Ever less often, up to once a second.
  assertEquals(bench.store.batches.length < 20, true);
  lock.heal();
  await bench.clock.step(1_000);
  assertEquals(bench.settled, ["a", "c", "b"]);
  assertEquals(await bench.store.getSlugs(), []);
  assertEquals(bench.clock.sleepers, 0);
});

Deno.test("flush waits for what is locked, and giving up ends that", async () => {
  const bench = new Bench();
  const [a] = await bench.claim("a");
  answering(bench, () => "busy");
  bench.settler.add({ run: a, next: undefined });
  let isFlushed = false;
  const flushed = bench.settler.flush().then(() => isFlushed = true);
  await bench.clock.step(10_000);
  assertEquals(isFlushed, false);
  bench.settler.giveUp();
  await flushed;
  assertEquals(bench.clock.sleepers, 0);
});

Deno.test("a result that the store can never take parks its task, and holds up no other", async () => {
  const bench = new Bench();
  const runs = await bench.claim("a", "b", "c");
  answering(
    bench,
    ({ slug, next }) =>
      slug === "b" && next?.status !== "failed"
        ? { error: new RangeError("too large") }
        : undefined,
  );
  for (const run of runs) {
    bench.settler.add({
      run,
      next: undefined,
      parked: ({ message }) => ({ ...failed(run), result: message }),
    });
  }
  await bench.settler.flush();
  assertEquals(bench.settled, ["a", "c", "b"]);
  const b = await bench.store.get("b");
  assertEquals([b?.status, b?.result], ["failed", "too large"]);
  assertEquals(bench.logger.messages("error"), [
    'Cannot store the result of "b": too large',
  ]);
});

Deno.test("a task that cannot even be parked is left to its lease", async () => {
  const bench = new Bench();
  const [a] = await bench.claim("a");
  answering(bench, () => ({ error: new RangeError("too large") }));
  bench.settler.add({ run: a, next: undefined, parked: () => failed(a) });
  await bench.settler.flush();
  assertEquals(bench.settled, ["a"]);
  assertEquals((await bench.store.get("a"))?.status, "running");
});

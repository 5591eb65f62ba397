import { assertEquals } from "@std/assert";
import type { JobFunction } from "../../../src/api/scheduler.ts";
import { Instance } from "../../../src/runtime/instance.ts";
import { KindTurns } from "../../../src/runtime/kind_turns.ts";
import { Leases } from "../../../src/runtime/leases.ts";
import { Registry } from "../../../src/runtime/registry.ts";
import { runDue, type Runtime } from "../../../src/runtime/run_due.ts";
import { SafeLogger } from "../../../src/core/safe_logger.ts";
import { Settler } from "../../../src/runtime/settler.ts";
import { Slots } from "../../../src/runtime/slots.ts";
import { StoreClock } from "../../../src/runtime/store_clock.ts";
import { Turns } from "../../../src/runtime/turns.ts";
import { MemoryStore } from "../../../stores/memory.ts";
import { StdTriggerCodec } from "../../../triggers/codec.ts";
import { newTask } from "../../conformance/store_harness.ts";
import { RecordingLogger } from "../../helpers/recording_logger.ts";
import { SteppedClock } from "../../helpers/stepped_clock.ts";

/** All that a round needs, without a loop around it. */
class Bench {
  readonly clock = new SteppedClock();
  readonly store = new MemoryStore({ clock: this.clock });
  readonly stopping = new AbortController();
  readonly log = new RecordingLogger();
  readonly runtime: Runtime;

  constructor(execute: JobFunction) {
    const { clock, store } = this;
    const registry = new Registry(new StdTriggerCodec());
    registry.add({ kind: "work", execute }, {});
    const logger = new SafeLogger(this.log);
    const leases = new Leases(store, clock, logger, 1_000);
    this.runtime = {
      store,
      registry,
      storeClock: new StoreClock(clock, 60_000),
      clock,
      logger,
      leaseMs: 1_000,
      leases,
      slots: new Slots(10, () => {}),
      settler: new Settler(store, clock, logger, (run) => leases.drop(run)),
      turns: new Turns(clock),
      kindTurns: new KindTurns(),
      instance: new Instance({
        name: undefined,
        version: undefined,
        slots: 10,
        heartbeatMs: 12_000,
      }),
      stopping: this.stopping.signal,
    };
  }

  /** One round, to its end. */
  async round(limit = 10): Promise<number> {
    const { claimed, ended } = await runDue(this.runtime, limit);
    await ended();
    return claimed;
  }

  async create(...slugs: string[]): Promise<void> {
    await this.store.create(slugs.map((slug) => newTask(slug)));
  }
}

Deno.test("a round claims what is due, runs it and settles it", async () => {
  const ran: string[] = [];
  const bench = new Bench(async ({ slug }) => {
    await Promise.resolve();
    ran.push(slug);
    if (slug === "b") throw new Error("no luck");
  });
  await bench.create("a", "b", "c");
  assertEquals(await bench.round(), 3);
  assertEquals(ran, ["a", "b", "c"]);
  assertEquals(await bench.store.getSlugs(), ["b"]);
  const b = await bench.store.get("b");
  assertEquals([b?.status, b?.retry, b?.result], ["scheduled", 1, "no luck"]);
  assertEquals(await bench.round(), 0);
});

Deno.test("a round claims no more than it may", async () => {
  const bench = new Bench(() => {});
  await bench.create("a", "b", "c");
  assertEquals(await bench.round(2), 2);
  assertEquals(await bench.store.getSlugs(), ["c"]);
});

Deno.test("the store learns when a job began and when it ended", async () => {
  const bench = new Bench(async () => {
    await bench.clock.sleep(5);
    throw new Error("no luck");
  });
  await bench.create("a");
  const begun = bench.clock.now();
  const { ended } = await runDue(bench.runtime, 1);
  await bench.clock.step(5);
  await ended();
  assertEquals((await bench.store.get("a"))?.lastRun, {
    startedAt: new Date(begun),
    endedAt: new Date(begun + 5),
    outcome: "failed",
  });
});

Deno.test("what a round claims while it stops goes back as it was", async () => {
  const bench = new Bench(() => {
    throw new Error("never runs");
  });
  await bench.create("a");
  bench.stopping.abort();
  assertEquals(await bench.round(), 1);
  const a = await bench.store.get("a");
  assertEquals([a?.status, a?.retry, a?.result], ["scheduled", 0, ""]);
});

Deno.test("the log tells, with slug, kind and version, what was claimed and how it ended", async () => {
  const bench = new Bench(({ slug }) => {
    if (slug === "b") throw new TypeError("no luck");
  });
  await bench.create("a", "b");
  await bench.round();
  const first = Number(bench.log.entries[0].fields?.version) - 2;
  const entries = bench.log.entries.map(({ level, message, fields }) => [
    level,
    message,
    fields?.slug,
    fields?.kind,
    Number(fields?.version) - first,
  ]);
  assertEquals(entries, [
    ["debug", 'Claimed "a"', "a", "work", 2],
    ["debug", 'Claimed "b"', "b", "work", 3],
    ["debug", 'Run of "a" ended, it is done and removed', "a", "work", 2],
    [
      "warn",
      'Run of "b" failed, it runs again at 2026-01-01T00:00:10.000Z: no luck',
      "b",
      "work",
      3,
    ],
  ]);
  assertEquals(bench.log.entries[3].fields?.error instanceof TypeError, true);
});

import { assert, assertEquals, assertThrows } from "@std/assert";
import type {
  Claim,
  JobStore,
  LockRequest,
  NewTask,
  NextRun,
  Settlement,
  StoreChange,
} from "../src/api/job_store.ts";
import type { TaskRecord } from "../src/api/task.ts";
import { MemoryStore } from "../stores/memory.ts";
import { type MakeStore, memoryHarness } from "./helpers/memory_harness.ts";
import { testJobStore } from "./testing.ts";

/** The cases of the suite for a store, by name. */
function casesOf(
  Store: MakeStore,
  skip?: Record<string, string>,
): Map<string, () => Promise<void>> {
  const cases = new Map<string, () => Promise<void>>();
  testJobStore({
    name: "x",
    skip,
    test: (name, run) => cases.set(name.slice("x: ".length), run),
    open: () => memoryHarness(Store),
  });
  return cases;
}

/** Fails unless the named case passes for a good store and not for this one. */
function catches(fault: string, caughtBy: string, Store: MakeStore): void {
  Deno.test(`the suite catches a store ${fault}`, async () => {
    const outcomes: boolean[] = [];
    for (const store of [MemoryStore, Store]) {
      const run = casesOf(store).get(caughtBy);
      assert(run, `there is no case "${caughtBy}"`);
      outcomes.push(await run().then(() => true, () => false));
    }
    assertEquals(outcomes, [true, false]);
  });
}

catches(
  "that claims tasks of kinds nobody asked for",
  "lock takes the soonest over all kinds, and leaves others alone",
  class extends MemoryStore {
    override lock(request: LockRequest): Promise<TaskRecord[]> {
      return super.lock({ ...request, kinds: [...request.kinds, "z"] });
    }
  },
);

catches(
  "that claims more than the limit",
  "lock claims due tasks, soonest first, up to the limit",
  class extends MemoryStore {
    override lock(request: LockRequest): Promise<TaskRecord[]> {
      return super.lock({ ...request, limit: 100 });
    }
  },
);

catches(
  "that does not claim the soonest first",
  "lock claims due tasks, soonest first, up to the limit",
  class extends MemoryStore {
    override async lock(request: LockRequest): Promise<TaskRecord[]> {
      return (await super.lock(request)).reverse();
    }
  },
);

catches(
  "that claims what is not due",
  "a rescheduled task can be claimed again when it is due",
  class extends MemoryStore {
    override reschedule(settlements: Settlement[]): Promise<boolean[]> {
      return super.reschedule(settlements.map((settlement) => ({
        ...settlement,
        next: settlement.next && { ...settlement.next, when: new Date(0) },
      })));
    }
  },
);

catches(
  "whose leases never end",
  "a claimed task can be claimed again when its lease has ended",
  class extends MemoryStore {
    override lock(request: LockRequest): Promise<TaskRecord[]> {
      return super.lock({ ...request, leaseMs: 1e12 });
    }
  },
);

catches(
  "that ignores leases",
  "concurrent callers of lock get disjoint sets, and all tasks",
  class extends MemoryStore {
    override lock(request: LockRequest): Promise<TaskRecord[]> {
      return super.lock({ ...request, leaseMs: 0 });
    }
  },
);

catches(
  "that claims without a new version",
  "lock gives a new version and a lease",
  class extends MemoryStore {
    override async lock(request: LockRequest): Promise<TaskRecord[]> {
      const tasks = await super.lock(request);
      return tasks.map((task) => ({ ...task, version: task.version - 1 }));
    }
  },
);

catches(
  "whose renewal ignores versions",
  "a lease that ran out can be renewed until somebody takes over",
  class extends MemoryStore {
    override async renew(
      claims: Claim[],
      leaseMs: number,
    ): Promise<boolean[]> {
      return super.renew(await current(this, claims), leaseMs);
    }
  },
);

catches(
  "whose renewal does nothing",
  "renew makes a lease last",
  class extends MemoryStore {
    override renew(claims: Claim[]): Promise<boolean[]> {
      return Promise.resolve(claims.map(() => true));
    }
  },
);

catches(
  "that lets the lease of a long job run out",
  "a job may run much longer than its lease",
  class extends MemoryStore {
    override renew(claims: Claim[]): Promise<boolean[]> {
      return Promise.resolve(claims.map(() => true));
    }
  },
);

catches(
  "whose settlement ignores versions",
  "a stale version can neither overwrite nor delete",
  class extends MemoryStore {
    override async reschedule(
      settlements: Settlement[],
    ): Promise<boolean[]> {
      return super.reschedule(await current(this, settlements));
    }
  },
);

catches(
  "that deletes for a stale version",
  "a stale version can neither overwrite nor delete",
  class extends MemoryStore {
    override async reschedule(
      settlements: Settlement[],
    ): Promise<boolean[]> {
      for (const { slug, next } of settlements) {
        if (next === undefined) await this.delete(slug);
      }
      return super.reschedule(settlements);
    }
  },
);

catches(
  "that lets a settlement take effect twice",
  "a settlement that is sent twice takes effect once",
  class extends MemoryStore {
    override async reschedule(
      settlements: Settlement[],
    ): Promise<boolean[]> {
      const effects = await super.reschedule(settlements);
      const tasks = await Promise.all(
        settlements.map(({ slug }) => this.get(slug)),
      );
      return effects.map((effect, index) =>
        effect || tasks[index]?.version === settlements[index].version
      );
    }
  },
);

catches(
  "that answers settlements in another order",
  "reschedule answers for each settlement, in order",
  class extends MemoryStore {
    override async reschedule(
      settlements: Settlement[],
    ): Promise<boolean[]> {
      return (await super.reschedule(settlements)).sort();
    }
  },
);

catches(
  "that forgets a changed payload",
  "reschedule puts each task into its next state",
  class extends MemoryStore {
    override reschedule(settlements: Settlement[]): Promise<boolean[]> {
      return super.reschedule(settlements.map((settlement) => ({
        ...settlement,
        next: settlement.next && { ...settlement.next, payload: undefined },
      })));
    }
  },
);

catches(
  "that claims failed tasks",
  "a failed task is never claimed, until it is replaced",
  class extends MemoryStore {
    override reschedule(settlements: Settlement[]): Promise<boolean[]> {
      return super.reschedule(settlements.map((settlement) => ({
        ...settlement,
        next: settlement.next && { ...settlement.next, status: "scheduled" },
      })));
    }
  },
);

catches(
  "that cuts long results",
  "long results are kept",
  class extends MemoryStore {
    override reschedule(settlements: Settlement[]): Promise<boolean[]> {
      return super.reschedule(settlements.map((settlement) => ({
        ...settlement,
        next: settlement.next && {
          ...settlement.next,
          result: settlement.next.result.slice(0, 65_535),
        },
      })));
    }
  },
);

catches(
  "that does not copy payloads in",
  "create copies what it is given, and get what it answers",
  class extends MemoryStore {
    readonly #given = new Map<string, Uint8Array>();

    override create(tasks: NewTask[]): Promise<string[]> {
      for (const task of tasks) this.#given.set(task.slug, task.payload);
      return super.create(tasks);
    }

    override async get(slug: string): Promise<TaskRecord | undefined> {
      const task = await super.get(slug);
      return task && { ...task, payload: this.#given.get(slug)!.slice() };
    }
  },
);

catches(
  "that does not copy tasks out",
  "create copies what it is given, and get what it answers",
  class extends MemoryStore {
    #seen: TaskRecord | undefined;

    override async get(slug: string): Promise<TaskRecord | undefined> {
      return this.#seen ??= await super.get(slug);
    }
  },
);

catches(
  "that rounds dates to seconds",
  "create keeps every field of a task",
  class extends MemoryStore {
    override create(tasks: NewTask[]): Promise<string[]> {
      return super.create(tasks.map((task) => {
        if (!("at" in task.due)) return task;
        const seconds = Math.round(task.due.at.getTime() / 1_000);
        return { ...task, due: { at: new Date(seconds * 1_000) } };
      }));
    }
  },
);

catches(
  "that gives versions again after a deletion",
  "a version is never given twice, not even after a deletion",
  class extends MemoryStore {
    /** What to take off the versions of a slug. */
    readonly #base = new Map<string, number>();

    override async create(tasks: NewTask[]): Promise<string[]> {
      const taken = await super.create(tasks);
      for (const { slug } of tasks) {
        this.#base.set(slug, (await super.get(slug))!.version - 1);
      }
      return taken;
    }

    override async lock(request: LockRequest): Promise<TaskRecord[]> {
      return (await super.lock(request)).map((task) => ({
        ...task,
        version: task.version - this.#base.get(task.slug)!,
      }));
    }

    override reschedule(settlements: Settlement[]): Promise<boolean[]> {
      return super.reschedule(settlements.map((settlement) => ({
        ...settlement,
        version: settlement.version + this.#base.get(settlement.slug)!,
      })));
    }
  },
);

catches(
  "that creates some tasks when others are taken",
  "create adds nothing if a slug is taken, and tells which",
  class extends MemoryStore {
    override async create(tasks: NewTask[]): Promise<string[]> {
      const taken = await Promise.all(
        tasks.map((task) => super.create([task])),
      );
      return taken.flat();
    }
  },
);

catches(
  "that replaces what should be kept",
  "create with keep leaves the old task as it was",
  class extends MemoryStore {
    override create(tasks: NewTask[]): Promise<string[]> {
      return super.create(
        tasks.map((task) => ({ ...task, onConflict: "replace" })),
      );
    }
  },
);

catches(
  "that keeps what should be replaced",
  "create with replace starts the task anew",
  class extends MemoryStore {
    override create(tasks: NewTask[]): Promise<string[]> {
      return super.create(
        tasks.map((task) => ({ ...task, onConflict: "keep" })),
      );
    }
  },
);

catches(
  "that mixes up slugs",
  "awkward slugs are kept apart, found, claimed and deleted",
  class extends MemoryStore {
    override create(tasks: NewTask[]): Promise<string[]> {
      return super.create(
        tasks.map((task) => ({ ...task, slug: task.slug.normalize() })),
      );
    }
  },
);

catches(
  "whose nextRun ignores kinds",
  "nextRun tells the soonest instant for the kinds asked for",
  class extends MemoryStore {
    override nextRun(): Promise<NextRun> {
      return super.nextRun(["work", "other"]);
    }
  },
);

catches(
  "that does not delete what runs",
  "delete removes a task, even while it runs",
  class extends MemoryStore {
    override async delete(slug: string): Promise<boolean> {
      const running = (await this.get(slug))?.status === "running";
      return running ? false : super.delete(slug);
    }
  },
);

catches(
  "that does not clear what runs",
  "clear removes all tasks, even those that run",
  class extends MemoryStore {
    override async clear(): Promise<void> {
      for (const slug of await this.getSlugs()) {
        if ((await this.get(slug))?.status === "running") continue;
        await super.delete(slug);
      }
    }
  },
);

catches(
  "whose watch tells nothing",
  "punctual without polling: woken by a task from elsewhere",
  class extends MemoryStore {
    override watch(): Promise<AsyncDisposable> {
      return super.watch(() => {});
    }
  },
);

catches(
  "whose watch goes on after it ended",
  "watch tells nothing more once it is disposed of",
  class extends MemoryStore {
    override async watch(
      onChange: (change: StoreChange) => void,
    ): Promise<AsyncDisposable> {
      await super.watch(onChange);
      return { [Symbol.asyncDispose]: () => Promise.resolve() };
    }
  },
);

Deno.test("the suite skips a case only by its name, and says why", () => {
  const [name] = casesOf(MemoryStore).keys();
  const { warn } = console;
  const warnings: string[] = [];
  console.warn = (message) => warnings.push(message);
  try {
    const cases = casesOf(MemoryStore, { [name]: "it is too hard" });
    assertEquals(cases.has(name), false);
    assertEquals(cases.size, casesOf(MemoryStore).size - 1);
  } finally {
    console.warn = warn;
  }
  assertEquals(warnings, [`x: skips "${name}": it is too hard`]);
  assertThrows(
    () => casesOf(MemoryStore, { "no such case": "typo" }),
    RangeError,
    'Cannot skip "no such case"',
  );
});

/** Claims with the versions that their tasks have now. */
function current<C extends Claim>(
  store: JobStore,
  claims: readonly C[],
): Promise<C[]> {
  return Promise.all(claims.map(async (claim) => ({
    ...claim,
    version: (await store.get(claim.slug))?.version ?? claim.version,
  })));
}

import { assert, assertEquals } from "@std/assert";
import type {
  Claim,
  CreateOutcome,
  FullStore,
  LockRequest,
  NewTask,
  NextState,
  Settlement,
  SettleOutcome,
} from "../../src/api/job_store.ts";
import type { TaskRecord } from "../../src/api/task.ts";
import { MemoryStore } from "../../stores/memory.ts";
import { testJobStore } from "../testing.ts";
import { type MakeStore, memoryHarness } from "./memory_harness.ts";

/** The cases of the suite for a store, by name. */
export function casesOf(
  Store: MakeStore,
  options: Pick<Parameters<typeof testJobStore>[0], "skip" | "facets"> = {},
): Map<string, () => Promise<void>> {
  const cases = new Map<string, () => Promise<void>>();
  testJobStore({
    name: "x",
    test: (name, run) => cases.set(name.slice("x: ".length), run),
    open: () => memoryHarness(Store),
    ...options,
  });
  return cases;
}

/** Fails unless the named case passes for a good store and not for this one. */
export function catches(
  fault: string,
  caughtBy: string,
  Store: MakeStore,
  Good: MakeStore = MemoryStore,
): void {
  Deno.test(`the suite catches a store ${fault}`, async () => {
    const outcomes: boolean[] = [];
    for (const store of [Good, Store]) {
      const run = casesOf(store).get(caughtBy);
      assert(run, `there is no case "${caughtBy}"`);
      outcomes.push(await run().then(() => true, () => false));
    }
    assertEquals(outcomes, [true, false]);
  });
}

/** A store that takes other tasks than those it is given. */
export function creating(change: (task: NewTask) => NewTask): MakeStore {
  return class extends MemoryStore {
    override create(tasks: readonly NewTask[]): Promise<CreateOutcome[]> {
      return super.create(tasks.map(change));
    }
  };
}

/** A store that claims something else than it is asked for. */
export function asking(change: (request: LockRequest) => LockRequest) {
  return class extends MemoryStore {
    override lock(request: LockRequest): Promise<TaskRecord[]> {
      return super.lock(change(request));
    }
  };
}

/** A store that answers claims with something else than it has claimed. */
export function handingOut(
  change: (tasks: TaskRecord[], request: LockRequest) => TaskRecord[],
) {
  return class extends MemoryStore {
    override async lock(request: LockRequest): Promise<TaskRecord[]> {
      return change(await super.lock(request), request);
    }
  };
}

/** A store that claims kind by kind, in an order of its own. */
export function kindByKind(
  order: (
    kinds: LockRequest["kinds"],
    store: FullStore,
  ) => LockRequest["kinds"] | Promise<LockRequest["kinds"]> = (kinds) => kinds,
) {
  return class extends MemoryStore {
    override async lock(request: LockRequest): Promise<TaskRecord[]> {
      const claimed: TaskRecord[] = [];
      for (const kind of await order(request.kinds, this)) {
        const limit = request.limit - claimed.length;
        if (limit === 0) break;
        claimed.push(
          ...await super.lock({ ...request, kinds: [kind], limit }),
        );
      }
      return claimed;
    }
  };
}

/** A store that puts tasks into another state than it is told. */
export function settling(change: (next: NextState) => Partial<NextState>) {
  return class extends MemoryStore {
    override reschedule(
      settlements: readonly Settlement[],
    ): Promise<SettleOutcome[]> {
      return super.reschedule(settlements.map((settlement) => ({
        ...settlement,
        next: settlement.next &&
          { ...settlement.next, ...change(settlement.next) },
      })));
    }
  };
}

/** Claims with the fence that their tasks have now. */
export function current<C extends Claim>(
  store: FullStore,
  claims: readonly C[],
): Promise<C[]> {
  return Promise.all(claims.map(async (claim) => {
    const { version, token } = await store.get(claim.slug) ?? {};
    return {
      ...claim,
      version: version ?? claim.version,
      token: token ?? claim.token,
    };
  }));
}

/** Claims with the token that their tasks have now, if the version is right. */
export function withToken<C extends Claim>(
  store: FullStore,
  claims: readonly C[],
): Promise<C[]> {
  return Promise.all(claims.map(async (claim) => {
    const task = await store.get(claim.slug);
    const token = task?.version === claim.version ? task.token : undefined;
    return { ...claim, token: token ?? claim.token };
  }));
}

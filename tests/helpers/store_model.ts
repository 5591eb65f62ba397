import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import type {
  Claim,
  JobStore,
  NextState,
  OnConflict,
} from "../../src/api/job_store.ts";
import type { TaskRecord, TaskStatus } from "../../src/api/task.ts";
import { newTask, type StoreHarness } from "../conformance/store_harness.ts";

/** What the model knows of a task; times count from the start. */
interface ModelTask {
  readonly kind: string;
  payload: number;
  when: number;
  retry: number;
  result: string;
  status: TaskStatus;
  leaseEnd: number;
  /** `undefined` until it is claimed: stores choose versions. */
  version: number | undefined;
}

/** A store as simple as can be: what a real one has to agree with. */
class Model {
  now = 0;
  readonly tasks = new Map<string, ModelTask>();
  /** Every claim that was ever given. */
  readonly claims: Claim[] = [];

  claimable(kinds: readonly string[]): [string, ModelTask][] {
    return [...this.tasks]
      .filter(([, task]) => kinds.includes(task.kind))
      .filter(([, task]) => claimableAt(task) <= this.now);
  }

  holds({ slug, version }: Claim): boolean {
    const task = this.tasks.get(slug);
    return task?.status === "running" && task.version === version;
  }
}

function claimableAt(task: ModelTask): number {
  if (task.status === "failed") return Infinity;
  return task.status === "running" ? task.leaseEnd : task.when;
}

/** A store, and the instant on its clock at which the model's shows 0. */
interface Real {
  readonly harness: StoreHarness;
  readonly stores: readonly JobStore[];
  start: number;
}

type Command = fc.AsyncCommand<Model, Real>;

/**
 * Times are whole minutes, and leases and due times never meet the clock by a
 * hair, so that a store with a clock that runs agrees as well.
 */
const MINUTE = 60_000;
const HALF = MINUTE / 2;
const SLUGS = ["a", "b", "c", "d", "e", "f"];
const KINDS = ["x", "y", "z"];

function command(
  name: string,
  run: (model: Model, real: Real) => Promise<void>,
): Command {
  return {
    check: () => true,
    toString: () => name,
    async run(model, real) {
      await run(model, real);
      await agree(model, real);
    },
  };
}

function create(
  slugs: readonly string[],
  kind: string,
  minutes: number,
  onConflict: OnConflict,
  payload: number,
): Command {
  const name = `create ${onConflict} ${slugs} ${kind} in ${minutes} min`;
  return command(name, async (model, { stores, start }) => {
    const when = model.now + minutes * MINUTE + HALF;
    const taken = await stores[0].create(slugs.map((slug) =>
      newTask(slug, {
        kind,
        onConflict,
        payload: new Uint8Array([payload]),
        due: { at: new Date(start + when) },
      })
    ));
    const known = slugs.filter((slug) => model.tasks.has(slug));
    assertEquals(taken.sort(), onConflict === "error" ? known.sort() : []);
    if (taken.length > 0) return;
    for (const slug of slugs) {
      if (onConflict === "keep" && model.tasks.has(slug)) continue;
      model.tasks.set(slug, {
        kind,
        payload,
        when,
        retry: 0,
        result: "",
        status: "scheduled",
        leaseEnd: 0,
        version: undefined,
      });
    }
  });
}

function lock(
  store: number,
  kinds: readonly string[],
  limit: number,
  leaseMinutes: number,
): Command {
  const name = `lock ${limit} of ${kinds} for ${leaseMinutes} min`;
  return command(name, async (model, { stores }) => {
    const leaseMs = leaseMinutes * MINUTE + HALF;
    const tasks = await stores[store].lock({ kinds, limit, leaseMs });
    const claimable = model.claimable(kinds);
    assertEquals(tasks.length, Math.min(limit, claimable.length));
    const soonest = claimable.map(([, task]) => claimableAt(task))
      .sort((a, b) => a - b).slice(0, limit);
    const keys: number[] = [];
    for (const { slug, version, status } of tasks) {
      const task = claimable.find(([known]) => known === slug)?.[1];
      assert(task, `"${slug}" was not to be claimed`);
      keys.push(claimableAt(task));
      const before = model.claims.filter((claim) => claim.slug === slug);
      assert(before.every((claim) => claim.version < version), "old version");
      assertEquals(status, "running");
      model.claims.push({ slug, version });
    }
    for (const { slug, version } of tasks) {
      const task = model.tasks.get(slug)!;
      task.status = "running";
      task.version = version;
      task.leaseEnd = model.now + leaseMs;
    }
    // The order of a task whose lease ran out is the store's to choose.
    assertEquals(keys.sort((a, b) => a - b), soonest);
  });
}

/** Claims, old and new ones: most are stale. */
function pickClaims(model: Model, picks: readonly number[]): Claim[] {
  if (model.claims.length === 0) return [{ slug: "a", version: 1 }];
  const chosen = picks.map((pick) =>
    model.claims[Math.max(0, model.claims.length - 1 - pick)]
  );
  const slugs = new Set<string>();
  return chosen.filter(({ slug }) => !slugs.has(slug) && slugs.add(slug));
}

function renew(store: number, picks: readonly number[]): Command {
  return command(`renew ${picks}`, async (model, { stores }) => {
    const claims = pickClaims(model, picks);
    const leaseMs = 5 * MINUTE + HALF;
    const holds = await stores[store].renew(claims, leaseMs);
    assertEquals(holds, claims.map((claim) => model.holds(claim)));
    claims.forEach(({ slug }, index) => {
      if (!holds[index]) return;
      model.tasks.get(slug)!.leaseEnd = model.now + leaseMs;
    });
  });
}

function reschedule(
  store: number,
  picks: readonly number[],
  end: "removed" | "scheduled" | "failed",
  minutes: number,
  payload: number | undefined,
): Command {
  const name = `reschedule ${picks} as ${end} in ${minutes} min`;
  return command(name, async (model, { stores, start }) => {
    const claims = pickClaims(model, picks);
    const when = model.now + minutes * MINUTE + HALF;
    const next: NextState | undefined = end === "removed" ? undefined : {
      status: end,
      when: new Date(start + when),
      scheduledFor: new Date(start + when),
      retry: minutes,
      result: `${name}`,
      payload: payload === undefined ? undefined : new Uint8Array([payload]),
    };
    const effects = await stores[store].reschedule(
      claims.map(({ slug, version }) => ({ slug, version, next })),
    );
    assertEquals(effects, claims.map((claim) => model.holds(claim)));
    claims.forEach(({ slug }, index) => {
      if (!effects[index]) return;
      const task = model.tasks.get(slug)!;
      if (next === undefined) return void model.tasks.delete(slug);
      Object.assign(task, {
        status: next.status,
        when,
        retry: next.retry,
        result: next.result,
        payload: payload ?? task.payload,
      });
    });
  });
}

function remove(slug: string): Command {
  return command(`delete ${slug}`, async (model, { stores }) => {
    assertEquals(await stores[0].delete(slug), model.tasks.delete(slug));
  });
}

const clear: Command = command("clear", async (model, { stores }) => {
  await stores[0].clear();
  model.tasks.clear();
});

function elapse(minutes: number): Command {
  return command(`elapse ${minutes} min`, async (model, real) => {
    const { harness, stores: [store] } = real;
    const ms = minutes * MINUTE;
    const { now: before } = await store.nextRun([]);
    await harness.elapse(ms);
    const { now: after } = await store.nextRun([]);
    model.now += ms;
    // Then it was not the clock that was moved, but all instants in the store.
    if (after.getTime() - before.getTime() < ms) real.start -= ms;
  });
}

/** Fails if the store and the model differ in anything that can be seen. */
async function agree(model: Model, { stores, start }: Real): Promise<void> {
  const slugs = (await stores[1].getSlugs()).sort();
  assertEquals(slugs, [...model.tasks.keys()].sort());
  for (const slug of slugs) {
    const seen = await stores[1].get(slug) as TaskRecord;
    const task = model.tasks.get(slug)!;
    assertEquals(
      [seen.kind, [...seen.payload], seen.when.getTime() - start],
      [task.kind, [task.payload], task.when],
    );
    assertEquals(
      [seen.retry, seen.result, seen.status],
      [task.retry, task.result, task.status],
    );
    assertEquals(seen.leaseEnd !== undefined, task.status === "running");
    if (task.status === "running") assertEquals(seen.version, task.version);
  }
  for (const kinds of [KINDS, ["x"], []]) {
    const { when } = await stores[0].nextRun(kinds);
    const next = Math.min(
      Infinity,
      ...[...model.tasks.values()]
        .filter((task) => kinds.includes(task.kind)).map(claimableAt),
    );
    assertEquals(when === undefined, next === Infinity);
    if (when === undefined) continue;
    const difference = Math.abs(when.getTime() - start - next);
    assert(difference < HALF / 2, `nextRun is ${difference} ms off`);
  }
}

function commands(size: number) {
  const slug = fc.constantFrom(...SLUGS);
  const minutes = fc.integer({ min: -3, max: 6 });
  const store = fc.nat(1);
  const picks = fc.array(fc.nat(5), { minLength: 1, maxLength: 4 });
  const kinds = fc.subarray(KINDS);
  const byte = fc.nat(255);
  return fc.commands([
    fc.tuple(
      fc.uniqueArray(slug, { minLength: 1, maxLength: 4 }),
      fc.constantFrom(...KINDS),
      minutes,
      fc.constantFrom<OnConflict>("error", "keep", "replace"),
      byte,
    ).map((args) => create(...args)),
    fc.tuple(store, kinds, fc.integer({ min: 1, max: 4 }), fc.nat(5))
      .map((args) => lock(...args)),
    fc.tuple(store, picks).map((args) => renew(...args)),
    fc.tuple(
      store,
      picks,
      fc.constantFrom("removed", "scheduled", "scheduled", "failed"),
      fc.nat(6),
      fc.option(byte, { nil: undefined }),
    ).map((args) => reschedule(...args)),
    slug.map(remove),
    fc.constant(clear),
    fc.integer({ min: 1, max: 6 }).map(elapse),
  ], { maxCommands: size, size: "max" });
}

/** How hard to look. */
export interface StoreModelOptions {
  /** How many histories to try. */
  readonly runs: number;
  /** How many operations each has at most. */
  readonly commands: number;
}

/**
 * Does the same random operations on a store and on a naive model, and fails at
 * the shortest history after which the two differ.
 */
export async function checkStoreModel(
  open: () => Promise<StoreHarness>,
  options: StoreModelOptions,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(commands(options.commands), async (history) => {
      await using harness = await open();
      const { store, another } = harness;
      const { now } = await store.nextRun([]);
      const real: Real = {
        harness,
        stores: [store, await another()],
        start: now.getTime(),
      };
      await fc.asyncModelRun(
        () => ({ model: new Model(), real }),
        history,
      );
    }),
    { numRuns: options.runs },
  );
}

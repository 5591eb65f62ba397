import type { FullStore } from "../../src/api/job_store.ts";
import { claimingCreateCases } from "./claiming_create_cases.ts";
import { claimingLockCases } from "./claiming_lock_cases.ts";
import { claimingRenewCases } from "./claiming_renew_cases.ts";
import { claimingSettleCases } from "./claiming_settle_cases.ts";
import { claimingTurnsCases } from "./claiming_turns_cases.ts";
import { claimingWatchCases } from "./claiming_watch_cases.ts";
import { inspectingCases } from "./inspecting_cases.ts";
import { instancesCases } from "./instances_cases.ts";
import { schedulerCases } from "./scheduler_cases.ts";
import { steeringCases } from "./steering_cases.ts";
import type { Case, FacetName, StoreHarness } from "./store_harness.ts";

/** What {@linkcode testJobStore} needs. */
export interface JobStoreTests {
  /** The name of the store, for the names of the tests. */
  readonly name: string;
  /** Makes an empty store, for one case; the case disposes of it. */
  open(): Promise<StoreHarness>;
  /** Registers a test: `Deno.test`, or `test` of Node, Bun, Vitest … */
  test(name: string, run: () => Promise<void>): void;
  /**
   * Cases that the store cannot pass, by name, with the reason why.
   *
   * @default {}
   */
  readonly skip?: Readonly<Record<string, string>>;
  /**
   * The facets that the store has beside claiming; cases that need another are
   * skipped.
   *
   * @default ["inspecting", "steering", "instances"]
   */
  readonly facets?: readonly FacetName[];
}

/** The methods of each facet. */
const METHODS: Readonly<Record<FacetName, readonly (keyof FullStore)[]>> = {
  inspecting: ["getSlugs", "get"],
  steering: ["delete", "clear"],
  instances: ["listInstances", "removeInstance"],
};

const ALL_FACETS = Object.keys(METHODS) as FacetName[];

/** Cases, and the facets that they need. */
interface Group {
  readonly needs: readonly FacetName[];
  readonly cases: readonly Case<FullStore>[];
}

const groups: readonly Group[] = [
  { needs: [], cases: claimingCreateCases },
  { needs: [], cases: claimingLockCases },
  { needs: [], cases: claimingTurnsCases },
  { needs: [], cases: claimingRenewCases },
  { needs: [], cases: claimingSettleCases },
  { needs: [], cases: claimingWatchCases },
  { needs: ["inspecting"], cases: inspectingCases },
  { needs: ["steering"], cases: steeringCases },
  { needs: ["instances"], cases: instancesCases },
  { needs: ["inspecting", "steering"], cases: schedulerCases },
];

/**
 * Registers the tests that every store has to pass: the contract of `JobStore`,
 * and the promises of the scheduler on top of it.
 *
 * @example For a store of one's own, here the memory store
 * ```ts
 * import { MemoryStore } from "@x/scheduler/stores/memory";
 * import { SteppedClock, testJobStore } from "@x/scheduler/testing";
 *
 * const names: string[] = [];
 * testJobStore({
 *   name: "memory",
 *   test: (name, _run) => names.push(name), // or Deno.test
 *   open() {
 *     const clock = new SteppedClock();
 *     const store = new MemoryStore({ clock });
 *     return Promise.resolve({
 *       store,
 *       clock,
 *       elapse: (ms) => clock.step(ms),
 *       another: () => Promise.resolve(store),
 *       [Symbol.asyncDispose]: () => Promise.resolve(),
 *     });
 *   },
 * });
 * ```
 *
 * @throws {RangeError} If `skip` names a case that does not exist, or `facets` a
 *   facet.
 */
export function testJobStore(tests: JobStoreTests): void {
  const { name, open, test, skip = {}, facets = ALL_FACETS } = tests;
  checkNames(skip, facets);
  for (const { needs, cases } of groups) {
    const missing = needs.find((facet) => !facets.includes(facet));
    for (const one of cases) {
      const reason = skip[one.name] ??
        (missing && `the store does not have the facet "${missing}"`);
      if (reason !== undefined) {
        console.warn(`${name}: skips "${one.name}": ${reason}`);
        continue;
      }
      test(`${name}: ${one.name}`, () => runCase(one, needs, open));
    }
  }
}

function checkNames(
  skip: Readonly<Record<string, string>>,
  facets: readonly FacetName[],
): void {
  const known = new Set(
    groups.flatMap(({ cases }) => cases.map(({ name }) => name)),
  );
  for (const skipped of Object.keys(skip)) {
    if (known.has(skipped)) continue;
    throw new RangeError(`Cannot skip "${skipped}": there is no such case`);
  }
  for (const facet of facets) {
    if (ALL_FACETS.includes(facet)) continue;
    throw new RangeError(
      `Cannot test the facet "${facet}": expected one of ${ALL_FACETS}`,
    );
  }
}

/** Does by hand what `await using` would do: Node 22 does not know it. */
async function runCase(
  one: Case<FullStore>,
  needs: readonly FacetName[],
  open: JobStoreTests["open"],
): Promise<void> {
  const harness = await open();
  const resources: AsyncDisposable[] = [harness];
  try {
    checkFacets(harness, needs);
    await one.run(harness, (resource) => {
      resources.push(resource);
      return resource;
    });
  } finally {
    for (const resource of resources.reverse()) {
      await resource[Symbol.asyncDispose]();
    }
  }
}

function checkFacets(
  harness: StoreHarness,
  needs: readonly FacetName[],
): asserts harness is StoreHarness<FullStore> {
  for (const facet of needs) {
    for (const method of METHODS[facet]) {
      if (typeof harness.store[method] === "function") continue;
      throw new TypeError(
        `Cannot test the facet "${facet}": the store has no method ` +
          `"${method}"; expected it, or "facets" without "${facet}"`,
      );
    }
  }
}

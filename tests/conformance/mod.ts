import { claimCases } from "./claim_cases.ts";
import { createCases } from "./create_cases.ts";
import { schedulerCases } from "./scheduler_cases.ts";
import { settleCases } from "./settle_cases.ts";
import type { Case, StoreHarness } from "./store_harness.ts";
import { watchCases } from "./watch_cases.ts";

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
}

const cases: readonly Case[] = [
  ...createCases,
  ...claimCases,
  ...settleCases,
  ...watchCases,
  ...schedulerCases,
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
 * @throws {RangeError} If `skip` names a case that does not exist.
 */
export function testJobStore(tests: JobStoreTests): void {
  const { name, open, test, skip = {} } = tests;
  for (const skipped of Object.keys(skip)) {
    if (!cases.some((one) => one.name === skipped)) {
      throw new RangeError(`Cannot skip "${skipped}": there is no such case`);
    }
  }
  for (const one of cases) {
    if (skip[one.name] !== undefined) {
      console.warn(`${name}: skips "${one.name}": ${skip[one.name]}`);
      continue;
    }
    test(`${name}: ${one.name}`, () => runCase(one, open));
  }
}

/** Does by hand what `await using` would do: Node 22 does not know it. */
async function runCase(
  one: Case,
  open: JobStoreTests["open"],
): Promise<void> {
  const harness = await open();
  const resources: AsyncDisposable[] = [harness];
  try {
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

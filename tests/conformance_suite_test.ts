import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { FacetName } from "../tests/testing.ts";
import { MemoryStore } from "../stores/memory.ts";
import { casesOf } from "./helpers/broken_store.ts";

/** What is said while the suite is asked for its cases. */
function warningsOf(ask: () => void): string[] {
  const { warn } = console;
  const warnings: string[] = [];
  console.warn = (message) => warnings.push(message);
  try {
    ask();
  } finally {
    console.warn = warn;
  }
  return warnings;
}

Deno.test("the suite skips a case only by its name, and says why", () => {
  const [name] = casesOf(MemoryStore).keys();
  const warnings = warningsOf(() => {
    const cases = casesOf(MemoryStore, { skip: { [name]: "it is too hard" } });
    assertEquals(cases.has(name), false);
    assertEquals(cases.size, casesOf(MemoryStore).size - 1);
  });
  assertEquals(warnings, [`x: skips "${name}": it is too hard`]);
  assertThrows(
    () => casesOf(MemoryStore, { skip: { "no such case": "typo" } }),
    RangeError,
    'Cannot skip "no such case"',
  );
});

Deno.test("the suite names each case that needs a facet which is left out", () => {
  const all = casesOf(MemoryStore);
  const left = new Map<string, () => Promise<void>>();
  const warnings = warningsOf(() => {
    const facets: FacetName[] = ["inspecting"];
    for (const [name, run] of casesOf(MemoryStore, { facets })) {
      left.set(name, run);
    }
  });
  const skipped = [...all.keys()].filter((name) => !left.has(name));
  assertEquals(warnings.length, skipped.length);
  assert(skipped.length > 20);
  for (const [index, name] of skipped.entries()) {
    const facet = warnings[index].includes('"instances"')
      ? "instances"
      : "steering";
    assertEquals(
      warnings[index],
      `x: skips "${name}": the store does not have the facet "${facet}"`,
    );
  }
  assertThrows(
    () => casesOf(MemoryStore, { facets: ["claiming" as FacetName] }),
    RangeError,
    'Cannot test the facet "claiming": expected one of',
  );
});

Deno.test("a store that only claims passes all cases that it is given", async () => {
  class ClaimingOnly extends MemoryStore {}
  for (const method of ["getSlugs", "get", "delete", "clear"]) {
    Object.defineProperty(ClaimingOnly.prototype, method, { value: undefined });
  }
  for (const method of ["listInstances", "removeInstance"]) {
    Object.defineProperty(ClaimingOnly.prototype, method, { value: undefined });
  }
  let cases = new Map<string, () => Promise<void>>();
  warningsOf(() => cases = casesOf(ClaimingOnly, { facets: [] }));
  assert(cases.size > 80, `only ${cases.size} cases`);
  for (const [name, run] of cases) {
    await run().catch((cause) => {
      throw new Error(`"${name}" failed`, { cause });
    });
  }
  await assertRejects(
    () => casesOf(ClaimingOnly).get("get copies what it answers")!(),
    TypeError,
    'Cannot test the facet "inspecting": the store has no method "getSlugs"',
  );
});

import { assertEquals } from "@std/assert";
import {
  agedPriority,
  classesOf,
  dealOut,
  KindLimits,
} from "../../../src/core/lanes.ts";

const NOW = 1_000_000_000;
const MINUTE = 60_000;

function lane(kind: string, priority = 3, waitedMs = 0) {
  return { kind, priority, claimableAt: NOW - waitedMs };
}

function names(classes: readonly (readonly { kind: string }[])[]): string[] {
  return classes.map((lanes) => lanes.map(({ kind }) => kind).join(" "));
}

Deno.test("lanes of a higher priority come first, and those of the same take turns", () => {
  const lanes = [lane("a", 4), lane("b", 3), lane("c", 1), lane("d", 3)];
  assertEquals(names(classesOf(lanes, NOW)), ["c", "b d", "a"]);
});

Deno.test("a lane whose first task is not due yet is left out", () => {
  assertEquals(names(classesOf([lane("a"), lane("b", 3, -1)], NOW)), ["a"]);
});

Deno.test("each minute of waiting raises a priority by one, up to 1", () => {
  const waits = [0, 59_999, 60_000, 120_000, 600_000, -5];
  assertEquals(waits.map((ms) => agedPriority(4, ms)), [4, 4, 3, 2, 1, 4]);
  assertEquals(agedPriority(1, 600_000), 1);
});

Deno.test("the lane of manual runs stays before all others", () => {
  assertEquals(agedPriority(0, 0), 0);
  assertEquals(
    names(classesOf([lane("a", 1), lane("b", 0)], NOW)),
    ["b", "a"],
  );
});

Deno.test("a backlog raises its priority for all kinds: fresh tasks of others take turns with it", () => {
  const lanes = [lane("backlog", 3, 10 * MINUTE), lane("fresh", 3)];
  assertEquals(names(classesOf(lanes, NOW)), ["backlog fresh"]);
});

Deno.test("a low priority that has waited takes turns with a high one, so it does not starve", () => {
  const lanes = [lane("high", 1), lane("low", 4, 3 * MINUTE)];
  assertEquals(names(classesOf(lanes, NOW)), ["high low"]);
});

Deno.test("the limit is dealt out one by one in the order of the lanes", () => {
  const lanes = ["a", "b", "c"].map((kind) => lane(kind));
  const shares = (limit: number, limits: Record<string, number> = {}) =>
    dealOut(
      [lanes],
      limit,
      new KindLimits(
        lanes.map(({ kind }) => ({ kind, limit: limits[kind] })),
      ),
    ).flat().map(({ lane, count }) => `${lane.kind}${count}`).join(" ");
  assertEquals(shares(2), "a1 b1");
  assertEquals(shares(3), "a1 b1 c1");
  assertEquals(shares(8), "a3 b3 c2");
  assertEquals(shares(0), "");
  assertEquals(shares(10, { a: 1 }), "a1 b5 c4");
  assertEquals(shares(10, { a: 0, b: 2, c: 3 }), "b2 c3");
});

Deno.test("the limit of a kind is dealt out among its priorities, too", () => {
  const lanes = [1, 2, 3, 4].map((priority) => lane("a", priority));
  const limits = new KindLimits([{ kind: "a", limit: 2 }]);
  const dealt = dealOut([lanes], 10, limits).flat();
  assertEquals(dealt.map(({ lane, count }) => [lane.priority, count]), [
    [1, 1],
    [2, 1],
  ]);
});

Deno.test("the next class gets what the best one may not take", () => {
  const [a, b] = [lane("a", 1), lane("b", 3)];
  const limits = new KindLimits([{ kind: "a", limit: 2 }, { kind: "b" }]);
  const dealt = dealOut(classesOf([a, b], NOW), 5, limits);
  assertEquals(dealt.flat().map(({ lane, count }) => [lane.kind, count]), [
    ["a", 2],
    ["b", 3],
  ]);
});

Deno.test("a kind that is named twice counts once", () => {
  const limits = new KindLimits([{ kind: "a", limit: 1 }, { kind: "a" }]);
  assertEquals([limits.kinds, limits.left("a")], [["a"], 1]);
});

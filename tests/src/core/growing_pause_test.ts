import { assertEquals } from "@std/assert";
import { GrowingPause } from "../../../src/core/growing_pause.ts";

Deno.test("each pause is twice as long, up to the longest, until a success", () => {
  const pause = new GrowingPause({ firstMs: 100, longestMs: 500 });
  assertEquals(pause.hasGrown, false);
  assertEquals([1, 2, 3, 4, 5].map(() => pause.next()), [
    100,
    200,
    400,
    500,
    500,
  ]);
  assertEquals(pause.hasGrown, true);
  pause.reset();
  assertEquals(pause.hasGrown, false);
  assertEquals(pause.next(), 100);
});

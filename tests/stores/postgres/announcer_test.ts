import { assertEquals } from "@std/assert";
import {
  type Announcement,
  Announcer,
} from "../../../stores/postgres/announcer.ts";

/** What is announced of changes at these instants. */
function announced(announcer: Announcer, ...instants: number[]) {
  return instants.map((at) => announcer.announce(at))
    .filter((one): one is Announcement => one !== undefined);
}

Deno.test("changes that are apart are announced one by one", () => {
  const announcer = new Announcer("me");
  const instants = Array.from({ length: 100 }, (_, index) => 10 * index);
  const told = announced(announcer, ...instants);
  assertEquals(told, instants.map(() => ({ o: "me" })));
});

Deno.test("a burst is announced each 5 ms, and asks to look again after 10", () => {
  const announcer = new Announcer("me");
  const instants = Array.from({ length: 500 }, (_, index) => index / 10);
  const told = announced(announcer, ...instants);
  const single = told.filter(({ again }) => again === undefined);
  // Until it is known to be a burst.
  assertEquals(single.length, 10);
  assertEquals(told.slice(10), Array(10).fill({ o: "me", again: 10 }));
});

Deno.test("what was not announced is seen if it is there before the others look again", () => {
  const announcer = new Announcer("me");
  assertEquals(announcer.isSeen(0), false);
  announced(announcer, ...Array.from({ length: 20 }, () => 100));
  assertEquals([announcer.isSeen(109), announcer.isSeen(110)], [true, false]);
});

Deno.test("after a burst, changes are announced one by one again", () => {
  const announcer = new Announcer("me");
  announced(announcer, ...Array.from({ length: 20 }, () => 100));
  assertEquals(announced(announcer, 1_000), [{ o: "me" }]);
});

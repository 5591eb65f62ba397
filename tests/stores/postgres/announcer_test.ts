import { assert, assertEquals } from "@std/assert";
import { Announcer } from "../../../stores/postgres/announcer.ts";

/** Makes as many changes at 0 ms as it takes for a burst. */
function inBurst(): Announcer {
  const announcer = new Announcer("me");
  for (let count = 0; count < 10; count++) announcer.announce(0);
  return announcer;
}

Deno.test("single changes are announced, each of them", () => {
  const announcer = new Announcer("me");
  for (let now = 0; now < 1_000; now += 20) {
    assertEquals(announcer.announce(now), { o: "me" });
  }
});

Deno.test("after a confirmed announcement of a burst there is silence, and who is silent is seen", () => {
  const announcer = inBurst();
  const announcement = announcer.announce(1)!;
  assert(announcement.again! >= 10);
  announcer.confirm(announcement, 1, 3);
  assertEquals(announcer.announce(7), undefined);
  assert(announcer.isSeen(10));
  assert(announcer.announce(8) !== undefined);
});

Deno.test("nobody is seen thanks to an announcement that waits or failed", () => {
  const announcer = inBurst();
  announcer.announce(1);
  assertEquals(announcer.announce(2), undefined);
  assert(!announcer.isSeen(3));
  assert(announcer.announce(6) !== undefined);
});

Deno.test("an answer that comes late does not make the others look later", () => {
  const announcer = inBurst();
  const announcement = announcer.announce(0)!;
  announcer.confirm(announcement, 0, 500);
  assertEquals(announcer.announce(501), undefined);
  assert(!announcer.isSeen(503));
});

Deno.test("slow statements make the silence longer, within limits", () => {
  const announcer = inBurst();
  announcer.confirm(announcer.announce(0)!, 0, 15);
  assertEquals(announcer.announce(29), undefined);
  const nudge = announcer.nudge(31);
  assertEquals(nudge.again, 45);
  announcer.confirm(nudge, 31, 10_000);
  assertEquals(announcer.nudge(10_001).again, 75);
});

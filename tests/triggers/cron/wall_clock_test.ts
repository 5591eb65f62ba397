import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { WallClock } from "../../../triggers/cron/wall_clock.ts";

const HOUR_MS = 3_600_000;

/** The offset of a zone at an instant, in hours. */
function offsetOf(timeZone: string, instant: string): number {
  return WallClock.of(timeZone).stretchAt(Date.parse(instant)).offset / HOUR_MS;
}

Deno.test("an offset is what the zone had at that instant", () => {
  assertEquals(offsetOf("UTC", "2026-01-01T00:00Z"), 0);
  assertEquals(offsetOf("Asia/Kolkata", "2026-01-01T00:00Z"), 5.5);
  assertEquals(offsetOf("America/New_York", "2026-01-01T00:00Z"), -5);
  assertEquals(offsetOf("America/New_York", "2026-07-01T00:00Z"), -4);
  assertEquals(offsetOf("America/St_Johns", "2026-01-01T00:00Z"), -3.5);
  assertEquals(offsetOf("Pacific/Apia", "2011-12-30T09:59:59Z"), -10);
  assertEquals(offsetOf("Pacific/Apia", "2011-12-30T10:00Z"), 14);
});

Deno.test("an offset of old has its seconds", () => {
  const { offset } = WallClock.of("Africa/Monrovia").stretchAt(
    Date.UTC(1971, 0),
  );
  assertEquals(offset, -(44 * 60 + 30) * 1000);
});

Deno.test("a stretch ends at the change to the millisecond, and the next begins there", () => {
  const clock = WallClock.of("America/New_York");
  const change = Date.UTC(2026, 2, 8, 7);
  const winter = clock.stretchAt(change - 1);
  assertEquals([winter.offset, winter.end, winter.endsInChange], [
    -5 * HOUR_MS,
    change,
    true,
  ]);
  const summer = clock.stretchAt(change);
  assertEquals([summer.start, summer.offset, summer.before], [
    change,
    -4 * HOUR_MS,
    -5 * HOUR_MS,
  ]);
  assertEquals(summer.endsInChange, false);
});

Deno.test("far from a change, a stretch reaches two days back and three ahead", () => {
  const clock = WallClock.of("America/New_York");
  const start = Date.UTC(2026, 5, 1);
  for (
    let instant = start;
    instant < start + 144 * HOUR_MS;
    instant += HOUR_MS
  ) {
    const stretch = clock.stretchAt(instant);
    assertEquals(stretch.start <= instant - 48 * HOUR_MS, true);
    assertEquals(stretch.end >= instant + 72 * HOUR_MS, true);
    assertEquals([stretch.endsInChange, stretch.before], [
      false,
      stretch.offset,
    ]);
  }
});

Deno.test("two changes a week apart are both seen", () => {
  const clock = WallClock.of("America/Boa_Vista");
  const ends: [at: string, hours: number][] = [];
  for (let time = Date.UTC(2000, 9, 1); time < Date.UTC(2000, 9, 20);) {
    const { end, endsInChange, offset } = clock.stretchAt(time);
    if (endsInChange) ends.push([new Date(end).toJSON(), offset / HOUR_MS]);
    time = end;
  }
  assertEquals(ends, [
    ["2000-10-08T04:00:00.000Z", -4],
    ["2000-10-15T03:00:00.000Z", -3],
  ]);
});

Deno.test("the ends of the time line have an offset", () => {
  for (const instant of [-8.64e15, 8.64e15]) {
    const { start, end, offset } = WallClock.of("Asia/Tokyo").stretchAt(
      instant,
    );
    assertEquals(start <= instant && instant < end, true);
    assertEquals(Number.isFinite(offset), true);
  }
});

Deno.test("a zone has one clock, and an unknown one has none", () => {
  assertStrictEquals(WallClock.of("Asia/Tokyo"), WallClock.of("Asia/Tokyo"));
  for (const name of ["Mars/Olympus", "", " Asia/Tokyo"]) {
    assertThrows(() => WallClock.of(name), RangeError);
  }
});

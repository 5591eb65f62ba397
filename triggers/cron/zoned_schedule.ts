import { DAY_MS } from "../../src/core/durations.ts";
import type { Stretch, WallClock } from "./wall_clock.ts";
import type { WallSchedule } from "./wall_schedule.ts";

/** More than any two offsets of a zone differ. */
const MARGIN_MS = 2 * DAY_MS;

/**
 * How many stretches are searched before giving up: a schedule whose only fire
 * time is skipped every year never fires.
 */
const MAX_STRETCHES = 200;

/**
 * The first instant strictly after `time` at which a schedule fires in a zone.
 *
 * When the clocks change, a schedule with wild hours follows real time: it fires
 * whenever the wall clock shows one of its times. Any other fires once for each
 * of its times: at the first of two, and if the clocks skip it, later by as much
 * as they are set forward.
 */
export function nextInZone(
  schedule: WallSchedule,
  clock: WallClock,
  time: number,
): number | undefined {
  const firstIn = schedule.hoursAreWild ? firstElapsed : firstOnce;
  let from = time + 1;
  for (let i = 0; i < MAX_STRETCHES; i++) {
    const stretch = clock.stretchAt(from);
    const next = firstIn(schedule, stretch, from);
    if (next !== undefined && next < stretch.end) return next;
    if (stretch.endsInChange) from = stretch.end;
    else if (next === undefined) return undefined;
    else from = next - MARGIN_MS;
  }
  return undefined;
}

/** The first time at or after `from`, as if the stretch never ended. */
function firstElapsed(
  schedule: WallSchedule,
  { offset }: Stretch,
  from: number,
): number | undefined {
  const wall = schedule.after(from + offset - 1);
  return wall === undefined ? undefined : wall - offset;
}

function firstOnce(
  schedule: WallSchedule,
  stretch: Stretch,
  from: number,
): number | undefined {
  const { start, offset, before } = stretch;
  // The stretch before has shown all times up to `start + before` already.
  const regular = firstElapsed(
    schedule,
    stretch,
    Math.max(from, start + before - offset),
  );
  if (from + before >= start + offset) return regular;
  const skipped = schedule.after(from + before - 1);
  if (skipped === undefined || skipped >= start + offset) return regular;
  const moved = skipped - before;
  return regular === undefined ? moved : Math.min(regular, moved);
}

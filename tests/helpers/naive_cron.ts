import fc from "fast-check";

/** A cron field as text, together with a test of what it means. */
interface Field {
  text: string;
  matches(wall: Date): boolean;
}

/** A cron expression and what it means. */
export interface NaiveCron {
  text: string;
  /** Whether the hours follow real time. */
  wild: boolean;
  /** Whether it fires at a wall-clock time, given as if it were UTC. */
  matches(wall: Date): boolean;
  /** Whether its day, month and year fields allow a date. */
  matchesDate(wall: Date): boolean;
  /** Whether its year field allows a year. */
  matchesYear(year: number): boolean;
}

const DAY_MS = 86_400_000;
const MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(" ");
const WEEKDAYS = "SUN MON TUE WED THU FRI SAT".split(" ");

/**
 * Random expressions of five fields that prefer some hours and dates; with
 * `years`, of seven fields that prefer some years too.
 */
export function cronExpressions(
  hours: fc.Arbitrary<number>,
  dates: fc.Arbitrary<Date>,
  years?: fc.Arbitrary<number>,
): fc.Arbitrary<NaiveCron> {
  return fc.record({
    minute: numbers(
      fc.integer({ min: 0, max: 59 }),
      59,
      (w) => w.getUTCMinutes(),
    ),
    hour: numbers(hours, 23, (w) => w.getUTCHours()),
    dayOfMonth: daysOfMonth(dates.map((date) => date.getUTCDate())),
    month: months(dates.map((date) => date.getUTCMonth())),
    dayOfWeek: daysOfWeek(dates.map((date) => date.getUTCDay())),
    year: years === undefined ? always("*") : yearsLike(years),
  }).map(({ minute, hour, dayOfMonth, month, dayOfWeek, year }) => {
    const fiveFields = [minute, hour, dayOfMonth, month, dayOfWeek]
      .map((field) => field.text).join(" ");
    const text = years === undefined
      ? fiveFields
      : `0 ${fiveFields} ${year.text}`;
    const open = (field: Field) => field.text === "*" || field.text === "?";
    const matchesDay = (wall: Date) =>
      open(dayOfMonth) || open(dayOfWeek)
        ? dayOfMonth.matches(wall) && dayOfWeek.matches(wall)
        : dayOfMonth.matches(wall) || dayOfWeek.matches(wall);
    const matchesDate = (wall: Date) =>
      year.matches(wall) && month.matches(wall) && matchesDay(wall);
    return {
      text,
      wild: /^\*(\/\d+)?$/.test(hour.text) || coversAllHours(hour),
      matches: (wall) =>
        wall.getUTCSeconds() === 0 && minute.matches(wall) &&
        hour.matches(wall) && matchesDate(wall),
      matchesDate,
      matchesYear: (number) => year.matches(new Date(Date.UTC(number, 0))),
      toString: () => text,
    };
  });
}

function coversAllHours(field: Field): boolean {
  for (let hour = 0; hour < 24; hour++) {
    if (!field.matches(new Date(hour * 3_600_000))) return false;
  }
  return true;
}

const always = (text: string): fc.Arbitrary<Field> =>
  fc.constant({ text, matches: () => true });

function numbers(
  values: fc.Arbitrary<number>,
  max: number,
  read: (wall: Date) => number,
): fc.Arbitrary<Field> {
  const item = fc.oneof(
    values.map((value) => ({
      text: `${value}`,
      matches: (wall: Date) => read(wall) === value,
    })),
    fc.tuple(values, values, fc.integer({ min: 1, max: 7 })).map(
      ([a, b, step]) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)];
        return {
          text: `${low}-${high}/${step}`,
          matches: (wall: Date) =>
            read(wall) >= low && read(wall) <= high &&
            (read(wall) - low) % step === 0,
        };
      },
    ),
    fc.tuple(values, fc.integer({ min: 1, max: 20 })).map(([low, step]) => ({
      text: `${low}/${step}`,
      matches: (wall: Date) =>
        read(wall) >= low && (read(wall) - low) % step === 0,
    })),
  );
  return fc.oneof(
    always("*"),
    always(`0-${max}`),
    fc.integer({ min: 1, max: 20 }).map((step) => ({
      text: `*/${step}`,
      matches: (wall: Date) => read(wall) % step === 0,
    })),
    listOf(item),
  );
}

function daysOfMonth(dates: fc.Arbitrary<number>): fc.Arbitrary<Field> {
  const item = fc.oneof(
    dates.map((day) => ({
      text: `${day}`,
      matches: (wall: Date) => wall.getUTCDate() === day,
    })),
    dates.map((day) => ({
      text: `${day}W`,
      matches: (wall: Date) => isNearestWeekday(wall, day),
    })),
    fc.constant({
      text: "LW",
      matches: (wall: Date) => isNearestWeekday(wall, lastDay(wall)),
    }),
    fc.constant({
      text: "L",
      matches: (wall: Date) => wall.getUTCDate() === lastDay(wall),
    }),
    fc.integer({ min: 1, max: 30 }).map((back) => ({
      text: `L-${back}`,
      matches: (wall: Date) => wall.getUTCDate() === lastDay(wall) - back,
    })),
  );
  return fc.oneof(
    { weight: 2, arbitrary: always("*") },
    always("?"),
    fc.integer({ min: 1, max: 10 }).map((step) => ({
      text: `*/${step}`,
      matches: (wall: Date) => (wall.getUTCDate() - 1) % step === 0,
    })),
    listOf(item),
  );
}

function months(prefer: fc.Arbitrary<number>): fc.Arbitrary<Field> {
  const item = fc.oneof(prefer, fc.integer({ min: 0, max: 11 })).chain((
    month,
  ) =>
    fc.constantFrom(`${month + 1}`, MONTHS[month]).map((text) => ({
      text,
      matches: (wall: Date) => wall.getUTCMonth() === month,
    }))
  );
  return fc.oneof({ weight: 3, arbitrary: always("*") }, listOf(item));
}

function daysOfWeek(prefer: fc.Arbitrary<number>): fc.Arbitrary<Field> {
  const weekday = fc.oneof(prefer, fc.integer({ min: 0, max: 6 }));
  const named = weekday.chain((day) =>
    fc.constantFrom(`${day}`, WEEKDAYS[day], `${day || 7}`)
      .map((text) => ({ text, day }))
  );
  const item = fc.oneof(
    named.map(({ text, day }) => ({
      text,
      matches: (wall: Date) => wall.getUTCDay() === day,
    })),
    named.map(({ text, day }) => ({
      text: `${text}L`,
      matches: (wall: Date) =>
        wall.getUTCDay() === day && wall.getUTCDate() + 7 > lastDay(wall),
    })),
    fc.tuple(named, fc.integer({ min: 1, max: 5 })).map(
      ([{ text, day }, nth]) => ({
        text: `${text}#${nth}`,
        matches: (wall: Date) =>
          wall.getUTCDay() === day && Math.ceil(wall.getUTCDate() / 7) === nth,
      }),
    ),
    weekday.filter((day) => day > 0).map((day) => ({
      text: `${WEEKDAYS[day]}-SUN`,
      matches: (wall: Date) =>
        wall.getUTCDay() >= day || wall.getUTCDay() === 0,
    })),
  );
  return fc.oneof(
    { weight: 2, arbitrary: always("*") },
    always("?"),
    listOf(item),
  );
}

function yearsLike(prefer: fc.Arbitrary<number>): fc.Arbitrary<Field> {
  const year = fc.oneof(prefer, fc.integer({ min: 1970, max: 9999 }));
  const step = fc.oneof(
    fc.integer({ min: 1, max: 30 }),
    fc.integer({ min: 1, max: 8030 }),
  );
  const every = (first: number, last: number, step: number) => (wall: Date) => {
    const year = wall.getUTCFullYear();
    return year >= first && year <= last && (year - first) % step === 0;
  };
  const item = fc.oneof(
    year.map((year) => ({ text: `${year}`, matches: every(year, year, 1) })),
    fc.tuple(year, step).map(([first, step]) => ({
      text: `${first}/${step}`,
      matches: every(first, 9999, step),
    })),
    fc.tuple(year, year, step).map(([a, b, step]) => {
      const [first, last] = [Math.min(a, b), Math.max(a, b)];
      return {
        text: `${first}-${last}/${step}`,
        matches: every(first, last, step),
      };
    }),
    step.map((step) => ({
      text: `*/${step}`,
      matches: every(1970, 9999, step),
    })),
  );
  return fc.oneof(always("*"), { weight: 5, arbitrary: listOf(item) });
}

function listOf(item: fc.Arbitrary<Field>): fc.Arbitrary<Field> {
  return fc.array(item, { minLength: 1, maxLength: 3 }).map((items) => ({
    text: items.map(({ text }) => text).join(","),
    matches: (wall) => items.some((each) => each.matches(wall)),
  }));
}

function lastDay(wall: Date): number {
  return new Date(
    Date.UTC(wall.getUTCFullYear(), wall.getUTCMonth() + 1, 0),
  ).getUTCDate();
}

/** Looks at the days around `day`, the nearest first. */
function isNearestWeekday(wall: Date, day: number): boolean {
  if (day > lastDay(wall)) return false;
  for (const near of [day, day - 1, day + 1, day - 2, day + 2]) {
    if (near < 1 || near > lastDay(wall)) continue;
    const date = new Date(wall.getTime() + (near - wall.getUTCDate()) * DAY_MS);
    if (date.getUTCDay() % 6 !== 0) return near === wall.getUTCDate();
  }
  return false;
}

/** A stretch of the time line, and what a zone's wall clock shows at each step. */
export class NaiveClock {
  readonly #from: number;
  readonly #stepMs: number;
  readonly #walls: number[] = [];

  constructor(timeZone: string, from: number, to: number, stepMs: number) {
    const format = new Intl.DateTimeFormat("en-GB", {
      timeZone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    this.#from = from;
    this.#stepMs = stepMs;
    for (let time = from; time <= to; time += stepMs) {
      const [day, month, year, hour, minute, second] = format.format(time)
        .split(/[/,: ]+/).map(Number);
      this.#walls.push(Date.UTC(year, month - 1, day, hour, minute, second));
    }
  }

  /** The fire times, found by looking at the clock at each step. */
  fireTimes(cron: NaiveCron): number[] {
    const times = new Set<number>();
    let furthest = this.#walls[0];
    this.#walls.forEach((wall, i) => {
      if (i === 0) return;
      const time = this.#from + i * this.#stepMs;
      if (cron.wild || wall > furthest) {
        if (cron.matches(new Date(wall))) times.add(time);
      }
      const expected = this.#walls[i - 1] + this.#stepMs;
      for (let skipped = expected; skipped < wall; skipped += this.#stepMs) {
        if (!cron.wild && cron.matches(new Date(skipped))) {
          times.add(time + skipped - expected);
        }
      }
      furthest = Math.max(furthest, wall);
    });
    return [...times].sort((a, b) => a - b);
  }
}

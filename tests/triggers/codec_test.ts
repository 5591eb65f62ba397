import {
  assertEquals,
  assertInstanceOf,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { SchedulerError } from "../../src/api/errors.ts";
import type { Trigger, TriggerClass } from "../../src/api/trigger.ts";
import { StdTriggerCodec } from "../../triggers/codec.ts";
import { CronTrigger } from "../../triggers/cron_trigger.ts";
import { SimpleTrigger } from "../../triggers/simple_trigger.ts";

const standard = new StdTriggerCodec();
const restoreTrigger = (stored: string) => standard.decode(stored);

class Lunar implements Trigger {
  nextFireTime(prev: Date): Date {
    return new Date(prev.getTime() + 29 * 86_400_000);
  }
}

class Solar extends Lunar {
  static readonly type: string = "solar";
  static fromJSON({ years }: { years: number }): Solar {
    if (typeof years !== "number") throw new TypeError("no years");
    return new Solar(years);
  }
  constructor(readonly years: number) {
    super();
  }
  toJSON() {
    return { type: "solar", years: this.years };
  }
}

Deno.test("a stored trigger comes back with the same stored form and fire times", () => {
  const now = new Date("2026-03-28T12:34:56Z");
  const triggers = [
    new SimpleTrigger(1500),
    new CronTrigger("1/5 * * * * *"),
    new CronTrigger("30 2 * * *", { timeZone: "Europe/Paris" }),
    new CronTrigger("CRON_TZ=Asia/Tokyo 0 9 * * MON", {
      timeZone: "Europe/Paris",
    }),
    new CronTrigger("@every 1h30m"),
  ];
  for (const trigger of triggers) {
    const stored = standard.encode(trigger);
    assertEquals(stored, JSON.stringify(trigger));
    const restored = restoreTrigger(stored);
    assertEquals(standard.encode(restored), stored);
    assertEquals(restored.nextFireTime(now), trigger.nextFireTime(now));
    assertEquals(restored.constructor, trigger.constructor);
  }
});

Deno.test("the stored forms are what stores already hold", () => {
  assertEquals(
    standard.encode(new CronTrigger("0 9 * * *", { timeZone: "Asia/Tokyo" })),
    '{"type":"cron","expression":"0 9 * * *","timeZone":"Asia/Tokyo"}',
  );
  assertEquals(
    standard.encode(new SimpleTrigger(5)),
    '{"type":"simple","intervalMs":5}',
  );
});

Deno.test("restoreTrigger says what is wrong with a stored form", () => {
  const cases = [
    ["", "JSON"],
    ["{", "JSON"],
    ["null", "its type is undefined"],
    ['"cron"', "its type is undefined"],
    ['{"type":"moon"}', 'its type is "moon"; expected "cron", "simple", or a'],
    ['{"type":"simple"}', "undefined"],
    ['{"type":"simple","intervalMs":"5"}', '"5"'],
    ['{"type":"simple","intervalMs":0}', "0"],
    ['{"type":"cron"}', "undefined"],
    ['{"type":"cron","expression":"61 * * * *"}', 'minute "61"'],
    ['{"type":"cron","expression":"* * * * *","timeZone":"Mars"}', '"Mars"'],
    ['{"type":"cron","expression":"* * * * *","timeZone":7}', "7"],
  ];
  for (const [stored, reason] of cases) {
    const error = assertThrows(() => restoreTrigger(stored), SchedulerError);
    assertStringIncludes(error.message, "Cannot restore the trigger");
    assertStringIncludes(error.message, reason);
    assertInstanceOf(error.cause, Error);
  }
});

Deno.test("a trigger of an unknown class is refused, for it would not come back", () => {
  for (const trigger of [new Lunar(), new Solar(1)]) {
    assertThrows(
      () => standard.encode(trigger),
      TypeError,
      `Cannot store the trigger ${trigger.constructor.name}: expected a ` +
        "CronTrigger, a SimpleTrigger, or a class in the scheduler's option",
    );
  }
});

Deno.test("a subclass is refused, for it would come back as its parent", () => {
  class Weekdays extends CronTrigger {}
  assertThrows(
    () => standard.encode(new Weekdays("0 9 * * *")),
    TypeError,
    `Cannot store the trigger Weekdays: it extends ${CronTrigger.name}; expected`,
  );
});

Deno.test("a class that claims the type of another is refused", () => {
  class EveryMinute extends CronTrigger {
    static override readonly type = "cron";
    override nextFireTime(prev: Date): Date {
      return new Date(prev.getTime() + 60_000);
    }
  }
  class Fake implements Trigger {
    static readonly type = "simple";
    nextFireTime(prev: Date): Date {
      return new Date(prev.getTime() + 86_400_000);
    }
    toJSON() {
      return { type: "simple", intervalMs: 5 };
    }
  }
  const refused: [Trigger, string][] = [
    [
      new EveryMinute("0 9 * * *"),
      `EveryMinute: it extends ${CronTrigger.name}; `,
    ],
    [new Fake(), "Fake: expected a CronTrigger"],
  ];
  for (const [trigger, reason] of refused) {
    assertThrows(
      () => standard.encode(trigger),
      TypeError,
      `Cannot store the trigger ${reason}`,
    );
  }
});

Deno.test("a trigger without a class is refused by what it is", () => {
  const nextFireTime = (prev: Date) => prev;
  const bare = Object.assign(Object.create(null), { nextFireTime });
  for (const trigger of [bare, { nextFireTime }]) {
    assertThrows(
      () => standard.encode(trigger),
      TypeError,
      "Cannot store the trigger an object: expected a CronTrigger",
    );
  }
});

Deno.test("a class that was handed in is stored and restored", () => {
  const codec = new StdTriggerCodec([Solar]);
  const restored = codec.decode(codec.encode(new Solar(3)));
  assertInstanceOf(restored, Solar);
  assertEquals(restored.years, 3);
});

Deno.test("a subclass with a type of its own is stored as what it is", () => {
  class Hourly extends CronTrigger {
    static override readonly type = "hourly";
    static override fromJSON(): Hourly {
      return new Hourly();
    }
    constructor() {
      super("0 * * * *");
    }
    // deno-lint-ignore no-explicit-any
    override toJSON(): any {
      return { type: "hourly" };
    }
  }
  const codec = new StdTriggerCodec([Hourly]);
  assertInstanceOf(codec.decode(codec.encode(new Hourly())), Hourly);
});

Deno.test("what is no class of triggers, or takes a type that is taken, is refused", () => {
  const refused: [unknown, string][] = [
    [Lunar, 'a static "type"'],
    [undefined, "Cannot use undefined as a class of triggers"],
    [{ type: "x" }, 'a static method "fromJSON"'],
    [
      { type: "cron", fromJSON: () => new Lunar() },
      `is that of ${CronTrigger.name}`,
    ],
  ];
  for (const [one, reason] of refused) {
    assertThrows(
      () => new StdTriggerCodec([one as TriggerClass]),
      TypeError,
      reason,
    );
  }
});

Deno.test("a trigger whose stored form cannot be read back is refused at once", () => {
  const codec = new StdTriggerCodec([Solar]);
  assertThrows(
    () => codec.encode(new Solar("five" as unknown as number)),
    TypeError,
    'Cannot store the trigger "solar": it cannot be read back: Cannot restore',
  );
});

Deno.test("a trigger of this package that was broken is refused at once", () => {
  const broken = Object.assign(new SimpleTrigger(1_000), { intervalMs: NaN });
  for (const trigger of [broken, broken]) {
    assertThrows(
      () => standard.encode(trigger),
      TypeError,
      'Cannot store the trigger "simple": it cannot be read back: Cannot',
    );
  }
});

Deno.test("a class whose fromJSON returns no trigger is refused at once, and stops no task", () => {
  for (const [answer, shown] of [[undefined, "undefined"], [{}, "an object"]]) {
    class Careless extends Lunar {
      static readonly type = "careless";
      static fromJSON(): Trigger {
        return answer as unknown as Trigger;
      }
      toJSON() {
        return { type: "careless" };
      }
    }
    const codec = new StdTriggerCodec([Careless]);
    const reason = `the fromJSON of Careless returned ${shown}; expected a`;
    assertThrows(
      () => codec.encode(new Careless()),
      TypeError,
      reason,
    );
    assertThrows(
      () => codec.decode('{"type":"careless"}'),
      SchedulerError,
      reason,
    );
  }
});

Deno.test("a stored form is read back once, however many tasks have it", () => {
  let reads = 0;
  class Counted extends Lunar {
    static readonly type = "counted";
    static fromJSON(): Counted {
      reads++;
      return new Counted();
    }
    toJSON() {
      return { type: "counted" };
    }
  }
  const codec = new StdTriggerCodec([Counted]);
  for (let task = 0; task < 5; task++) codec.encode(new Counted());
  assertEquals(reads, 1);
});

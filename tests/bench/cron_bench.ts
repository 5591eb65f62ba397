/**
 * `CronTrigger` beside bare cron-parser. Each benchmark asks for the fire time
 * after an instant and goes on from there, as a scheduler does.
 *
 * @module
 */
import { CronExpressionParser } from "cron-parser";
import { CronTrigger } from "../../triggers/cron_trigger.ts";

const START = new Date("2026-01-01T00:00:00Z");
const STEPS = 100;
const ZONE = "America/New_York";

const EXPRESSIONS: Readonly<Record<string, string>> = {
  "every second": "* * * * * *",
  "every five minutes": "0 */5 * * * *",
  "every working day": "0 30 9 * * 1-5",
  "every 29 February": "0 0 0 29 2 *",
};

for (const [group, expression] of Object.entries(EXPRESSIONS)) {
  benchParser("bare cron-parser, UTC", group, expression, "UTC", true);
  benchTrigger("CronTrigger, UTC", group, expression, "UTC");
  benchParser("bare cron-parser, zone", group, expression, ZONE, false);
  benchTrigger("CronTrigger, zone", group, expression, ZONE);
}

Deno.bench("bare cron-parser", { group: "parse", baseline: true }, () => {
  CronExpressionParser.parse("0 30 9 * * 1-5", {
    tz: ZONE,
    currentDate: START,
  });
});

Deno.bench("CronTrigger", { group: "parse" }, () => {
  new CronTrigger("0 30 9 * * 1-5", { timeZone: ZONE });
});

function benchParser(
  name: string,
  group: string,
  expression: string,
  tz: string,
  baseline: boolean,
) {
  const options = { tz, currentDate: START };
  const parser = CronExpressionParser.parse(expression, options);
  Deno.bench(`${name} (${STEPS} steps)`, { group, baseline }, () => {
    let time = START;
    for (let i = 0; i < STEPS; i++) {
      parser.reset(time);
      time = parser.next().toDate();
    }
  });
}

function benchTrigger(
  name: string,
  group: string,
  expression: string,
  timeZone: string,
) {
  const trigger = new CronTrigger(expression, { timeZone });
  Deno.bench(`${name} (${STEPS} steps)`, { group }, () => {
    let time = START;
    for (let i = 0; i < STEPS; i++) time = trigger.nextFireTime(time)!;
  });
}

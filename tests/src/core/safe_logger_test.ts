import { assertEquals } from "@std/assert";
import {
  consoleLogger,
  type Logger,
  silentLogger,
} from "../../../src/api/logger.ts";
import { SafeLogger } from "../../../src/core/safe_logger.ts";
import { RecordingLogger } from "../../helpers/recording_logger.ts";
import { recorder, Stage } from "../../helpers/stage.ts";

const LEVELS = ["debug", "info", "warn", "error"] as const;

/** A logger each of whose methods does the same. */
function loggerOf(say: () => unknown): Logger {
  return Object.fromEntries(LEVELS.map((level) => [level, say])) as unknown as
    & Logger
    & Record<string, unknown>;
}

Deno.test("messages and fields reach the user's logger", () => {
  const logger = new RecordingLogger();
  const safe = new SafeLogger(logger);
  for (const level of LEVELS) safe[level](`a ${level}`, { level });
  assertEquals(
    logger.entries,
    LEVELS.map((level) => ({
      level,
      message: `a ${level}`,
      fields: { level },
    })),
  );
});

Deno.test("debug messages are made only for loggers that do something with them", () => {
  assertEquals(new SafeLogger(consoleLogger).debugs, false);
  assertEquals(new SafeLogger(silentLogger).debugs, false);
  assertEquals(new SafeLogger(console).debugs, true);
});

Deno.test("a logger that throws or rejects breaks no run", async () => {
  const broken = [
    loggerOf(() => {
      throw new Error("disk full");
    }),
    loggerOf(() => Promise.reject(new Error("disk full"))),
  ];
  for (const logger of broken) {
    await using stage = new Stage({ logger });
    const { scheduler, clock } = stage;
    const work = recorder(clock);
    scheduler.registerJob(work);
    scheduler.registerJob("bad", () => {
      throw new Error("bad");
    });
    await scheduler.start();
    await scheduler.scheduleJob("a", "bad");
    await scheduler.scheduleJob("b", work);
    await clock.step(10);
    assertEquals(work.runs, ["b 0"]);
    assertEquals((await scheduler.getScheduledJob("a")).retry, 1);
  }
});

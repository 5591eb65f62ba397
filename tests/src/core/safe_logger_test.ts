import { assertEquals } from "@std/assert";
import {
  consoleLogger,
  type Logger,
  silentLogger,
} from "../../../src/api/logger.ts";
import { SafeLogger } from "../../../src/core/safe_logger.ts";
import { RecordingLogger } from "../../helpers/recording_logger.ts";

const LEVELS = ["debug", "info", "warn", "error"] as const;

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

Deno.test("a message without fields has none, not even undefined ones", () => {
  const calls: unknown[][] = [];
  const say = (...args: unknown[]) => void calls.push(args);
  const safe = new SafeLogger(
    { debug: say, info: say, warn: say, error: say } satisfies Logger,
  );
  for (const level of LEVELS) safe[level]("hello");
  assertEquals(calls, LEVELS.map(() => ["hello"]));
});

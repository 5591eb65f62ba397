import { assertEquals } from "@std/assert";
import {
  consoleLogger,
  type Logger,
  silentLogger,
} from "../../../src/api/logger.ts";

const LEVELS = ["debug", "info", "warn", "error"] as const;

/** What reaches the console when each level is told something. */
function printed(logger: Logger, ...fields: [Record<string, unknown>?]) {
  const methods = LEVELS.map((level) => [level, console[level]] as const);
  const calls: unknown[][] = [];
  for (const level of LEVELS) {
    console[level] = (...args: unknown[]) => void calls.push([level, ...args]);
  }
  try {
    for (const level of LEVELS) logger[level](`a ${level}`, ...fields);
  } finally {
    for (const [level, method] of methods) console[level] = method;
  }
  return calls;
}

Deno.test("the console logger prints warnings and errors, and nothing else", () => {
  assertEquals(printed(consoleLogger), [
    ["warn", "a warn"],
    ["error", "a error"],
  ]);
});

Deno.test("the console logger prints the fields as they are", () => {
  const fields = { slug: "a", error: new Error("no luck") };
  assertEquals(printed(consoleLogger, fields), [
    ["warn", "a warn", fields],
    ["error", "a error", fields],
  ]);
});

Deno.test("the silent logger prints nothing", () => {
  assertEquals(printed(silentLogger, { slug: "a" }), []);
});

Deno.test("the console itself is a logger", () => {
  const logger: Logger = console;
  assertEquals(
    printed(logger, { slug: "a" }).map(([level]) => level),
    [...LEVELS],
  );
});

import type { Logger } from "../../src/api/logger.ts";

/** The same logger, but if it throws, nothing comes of it. */
export function guardedLogger(logger: Logger): Logger {
  const guarded = (level: keyof Logger): Logger["warn"] => (...entry) => {
    try {
      logger[level](...entry);
    } catch {
      // There is nobody left to tell.
    }
  };
  return {
    debug: guarded("debug"),
    info: guarded("info"),
    warn: guarded("warn"),
    error: guarded("error"),
  };
}

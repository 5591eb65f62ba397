import { consoleLogger, type Logger, silentLogger } from "../api/logger.ts";

/** A logger as the scheduler uses it: whatever it does, nothing breaks. */
export class SafeLogger implements Logger {
  readonly #logger: Logger;
  /** Whether it does anything with debug messages: they are costly to make. */
  readonly debugs: boolean;

  constructor(logger: Logger) {
    this.#logger = logger;
    this.debugs = ![consoleLogger.debug, silentLogger.debug]
      .includes(logger.debug);
  }

  debug(message: string, fields?: Record<string, unknown>): void {
    this.#log("debug", message, fields);
  }

  info(message: string, fields?: Record<string, unknown>): void {
    this.#log("info", message, fields);
  }

  warn(message: string, fields?: Record<string, unknown>): void {
    this.#log("warn", message, fields);
  }

  error(message: string, fields?: Record<string, unknown>): void {
    this.#log("error", message, fields);
  }

  /** There is nowhere left to say that a logger failed. */
  #log(
    level: keyof Logger,
    message: string,
    fields: Record<string, unknown> | undefined,
  ): void {
    try {
      const logger = this.#logger;
      // The console would print fields that are undefined.
      const said: unknown = fields === undefined
        ? logger[level](message)
        : logger[level](message, fields);
      if (said instanceof Promise) said.catch(() => {});
    } catch {
      // It is the user's, and may not end a run.
    }
  }
}

import type { Logger } from "../../src/api/logger.ts";

/** One thing that was said. */
export interface LogEntry {
  readonly level: keyof Logger;
  readonly message: string;
  readonly fields: Record<string, unknown> | undefined;
}

/** A logger that remembers what it was told. */
export class RecordingLogger implements Logger {
  readonly entries: LogEntry[] = [];

  debug(message: string, fields?: Record<string, unknown>): void {
    this.#record("debug", message, fields);
  }

  info(message: string, fields?: Record<string, unknown>): void {
    this.#record("info", message, fields);
  }

  warn(message: string, fields?: Record<string, unknown>): void {
    this.#record("warn", message, fields);
  }

  error(message: string, fields?: Record<string, unknown>): void {
    this.#record("error", message, fields);
  }

  /** The messages of some levels, in order. */
  messages(...levels: (keyof Logger)[]): string[] {
    return this.entries
      .filter(({ level }) => levels.includes(level))
      .map(({ message }) => message);
  }

  #record(
    level: keyof Logger,
    message: string,
    fields: Record<string, unknown> | undefined,
  ): void {
    this.entries.push({ level, message, fields });
  }
}

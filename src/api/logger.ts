/**
 * Receives log messages. The message is a sentence; the fields carry the data.
 * `console` fits.
 */
export interface Logger {
  /** For following closely what happens. */
  debug(message: string, fields?: Record<string, unknown>): void;
  /** Worth knowing. */
  info(message: string, fields?: Record<string, unknown>): void;
  /** Something failed and is dealt with, such as a run that is retried. */
  warn(message: string, fields?: Record<string, unknown>): void;
  /** Something failed and needs somebody. */
  error(message: string, fields?: Record<string, unknown>): void;
}

/** Prints warnings and errors, and is silent about the rest: the default. */
export const consoleLogger: Logger = {
  debug() {},
  info() {},
  warn: (message, fields) => console.warn(message, ...shown(fields)),
  error: (message, fields) => console.error(message, ...shown(fields)),
};

/** Says nothing. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
};

function shown(fields?: Record<string, unknown>): unknown[] {
  return fields === undefined ? [] : [fields];
}

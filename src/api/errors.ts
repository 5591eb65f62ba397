/**
 * The errors that callers catch. Bad arguments throw `TypeError` or
 * `RangeError` instead.
 *
 * @module
 */

/** Parent of every error that this library defines. */
export class SchedulerError extends Error {
  /** "SchedulerError". */
  override readonly name: string = "SchedulerError";
}

/** There is no task with this slug. */
export class JobNotFoundError extends SchedulerError {
  /** "JobNotFoundError". */
  override readonly name: string = "JobNotFoundError";
  /** The slug that was looked for. */
  readonly slug: string;

  /** Makes the error, with its message. */
  constructor(slug: string) {
    super(`Cannot find "${slug}": no task has this slug`);
    this.slug = slug;
  }
}

/**
 * A process lost its claim on a task: the lease ran out and another process
 * took the task over, or somebody deleted or replaced it. It is the reason with
 * which the signal of the job aborts.
 */
export class JobNotLockedError extends SchedulerError {
  /** "JobNotLockedError". */
  override readonly name: string = "JobNotLockedError";
  /** The slug of the task. */
  readonly slug: string;
  /** The fencing token of the claim that was lost. */
  readonly version: number;

  /** Makes the error, with its message. */
  constructor(slug: string, version: number, reason: string) {
    super(`Lost the claim on "${slug}" (version ${version}): ${reason}`);
    this.slug = slug;
    this.version = version;
  }
}

/** A task with the same slug is in the store already. */
export class JobAlreadyScheduledError extends SchedulerError {
  /** "JobAlreadyScheduledError". */
  override readonly name: string = "JobAlreadyScheduledError";
  /** The slugs that were taken. */
  readonly slugs: readonly string[];

  /** Makes the error, with its message. */
  constructor(slugs: readonly string[], message?: string) {
    super(
      message ??
        `Cannot schedule ${slugs.map((slug) => `"${slug}"`).join(", ")}: ` +
          `already in the store; expected other slugs, or onConflict "keep" or "replace"`,
    );
    this.slugs = slugs;
  }
}

/** A job of the same kind is registered already. */
export class JobAlreadyRegisteredError extends JobAlreadyScheduledError {
  /** "JobAlreadyRegisteredError". */
  override readonly name: string = "JobAlreadyRegisteredError";
  /** The kind that was taken. */
  readonly kind: string;

  /** Makes the error, with its message. */
  constructor(kind: string) {
    super([], `Cannot register "${kind}": a job of this kind is registered`);
    this.kind = kind;
  }
}

/** A payload that cannot be stored, or cannot be read as what was asked for. */
export class PayloadError extends SchedulerError {
  /** "PayloadError". */
  override readonly name: string = "PayloadError";
}

/** The store refuses to work, and would refuse again: retrying is no help. */
export class StoreUnusableError extends SchedulerError {
  /** "StoreUnusableError". */
  override readonly name: string = "StoreUnusableError";
}

/** Somebody had the run of a task ended: the reason of its job's signal. */
export class JobCancelledError extends SchedulerError {
  /** "JobCancelledError". */
  override readonly name: string = "JobCancelledError";
  /** The slug of the task. */
  readonly slug: string;

  /** Makes the error, with its message. */
  constructor(slug: string) {
    super(`The run of "${slug}" was cancelled`);
    this.slug = slug;
  }
}

/** The store lacks the facet that was asked for. */
export class StoreUnsupportedError extends SchedulerError {
  /** "StoreUnsupportedError". */
  override readonly name: string = "StoreUnsupportedError";
  /** The method that the store lacks. */
  readonly method: string;

  /** Makes the error, with its message. */
  constructor(action: string, method: string) {
    super(`Cannot ${action}: this store has no method ${method}`);
    this.method = method;
  }
}

/** A cron expression that cannot be understood or that never fires. */
export class CronExpressionError extends SchedulerError {
  /** "CronExpressionError". */
  override readonly name: string = "CronExpressionError";
  /** The whole expression as it was given. */
  readonly expression: string;
  /** The field at fault, such as `"minute"`; `undefined` for the whole. */
  readonly field: string | undefined;
  /** The part of the expression at fault. */
  readonly value: string;
  /** What is wrong with it. */
  readonly reason: string;

  /**
   * Makes the error, with its message.
   *
   * @param action What was attempted, such as `schedule "a"`.
   */
  constructor(
    expression: string,
    field: string | undefined,
    value: string,
    reason: string,
    action?: string,
  ) {
    const where = field === undefined ? "" : `${field} "${value}": `;
    const attempt = action === undefined
      ? "parse cron expression"
      : `${action} with the cron expression`;
    super(`Cannot ${attempt} "${expression}": ${where}${reason}`);
    this.expression = expression;
    this.field = field;
    this.value = value;
    this.reason = reason;
  }
}

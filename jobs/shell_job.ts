import { SchedulerError } from "../src/api/errors.ts";
import type { Job, JobContext } from "../src/api/job.ts";
import type { StoreTask } from "../src/api/task.ts";
import { checkOptions } from "../src/core/options.ts";
import { errorText, printable } from "../src/core/text.ts";
import { checkDuration, checkName } from "../src/core/validate.ts";
import { checkMaxBytes } from "./capped_text.ts";
import { endOf } from "./excerpt.ts";
import {
  type ProgramEnd,
  type ProgramOptions,
  runProgram,
} from "./shell/child_process.ts";
import { checkEnvironment } from "./shell/environment.ts";
import { howItFailed, whyNotStarted } from "./shell/faults.ts";
import { shellWords } from "./shell/words.ts";
import { TimeLimit } from "./time_limit.ts";

/** Options of {@linkcode ShellJob}; one that does not exist is an error. */
export interface ShellJobOptions {
  /**
   * The only commands that may run. The payload is then split into words, with
   * single quotes, double quotes and backslashes as in a shell, and no shell is
   * involved: nothing is expanded, piped or redirected. The first word must be
   * one of these, to the letter. Mind commands that run others, such as `env`,
   * `find` or `xargs`.
   *
   * @default undefined: the payload is run by `sh -c`
   */
  readonly allow?: readonly string[] | undefined;
  /**
   * How long the command may take, in milliseconds.
   *
   * @default Infinity
   */
  readonly timeoutMs?: number | undefined;
  /**
   * How many bytes of output are kept, of stdout and of stderr each; a mark shows
   * where it was cut.
   *
   * @default 65_536
   */
  readonly maxOutputBytes?: number | undefined;
  /**
   * How long a command that was told to end (SIGTERM), and what it has started,
   * may take before it is killed (SIGKILL), in milliseconds. The run ends when
   * all of that is gone, so this also prolongs the stopping of a scheduler.
   *
   * @default 2_000
   */
  readonly killAfterMs?: number | undefined;
  /**
   * The working directory.
   *
   * @default that of this process
   */
  readonly cwd?: string | undefined;
  /**
   * Which environment variables of this process the command gets: all, none, or
   * those named here. The environment of a scheduler often holds passwords and
   * keys; a command that gets them may print them into its result, so name what
   * it needs, such as `["PATH", "HOME"]`.
   *
   * @default true
   */
  readonly inheritEnv?: boolean | readonly string[] | undefined;
  /**
   * Environment variables that the command gets beside those inherited; they
   * take precedence.
   *
   * @default {}
   */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** A command that did not end well. */
export class ShellJobError extends SchedulerError {
  /** "ShellJobError". */
  override readonly name: string = "ShellJobError";
  /** What it exited with; `undefined` if it did not. */
  readonly exitCode: number | undefined;
  /** The signal that ended it, if one did. */
  readonly signal: string | undefined;
  /** What it wrote to stdout. */
  readonly stdout: string;
  /** What it wrote to stderr. */
  readonly stderr: string;

  /** Makes the error from a message and how the command ended. */
  constructor(message: string, end?: ProgramEnd, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = end?.exitCode;
    this.signal = end?.signal;
    this.stdout = end?.stdout ?? "";
    this.stderr = end?.stderr ?? "";
  }
}

/**
 * Runs the payload as a shell command; what it writes to stdout becomes the
 * task's result. An exit code other than 0 is a failure.
 *
 * When the run is aborted or takes too long, the whole process group of the
 * command is ended (on Windows, which has none, the command alone), and the run
 * ends when nothing of it is left. When this process exits, or ends with an
 * error, what still runs is killed; only a process that is itself killed by a
 * signal leaves its commands running. What a command leaves in the background
 * when it ends by itself is left alone, but its output is no longer read.
 *
 * Whoever can schedule such a task can run anything, and read the environment
 * of this process: see `allow` and `inheritEnv`. Deno needs
 * `--allow-run --allow-env`; if `--allow-run` names programs, only the command
 * itself can be ended.
 *
 * @example The result of a command
 * ```ts
 * import { ShellJob, StoreTask } from "@x/scheduler";
 * import { assertEquals } from "@std/assert";
 *
 * const task = new StoreTask({
 *   slug: "six-times-seven",
 *   kind: "shell",
 *   payload: new TextEncoder().encode("echo $((6 * 7))"),
 *   when: new Date(),
 *   version: 1,
 *   retry: 0,
 *   result: "",
 * });
 * const { signal } = new AbortController();
 * await new ShellJob().execute(task, { signal });
 * assertEquals(task.result, "42\n");
 * ```
 */
export class ShellJob implements Job {
  /** The kind of the job. */
  readonly kind: string;
  readonly #allow: readonly string[] | undefined;
  readonly #timeoutMs: number;
  readonly #options: Omit<ProgramOptions, "signal">;

  /**
   * Makes a job of the given kind.
   *
   * @throws {RangeError} If the kind or a number among the options makes no
   *   sense.
   * @throws {TypeError} If an option does not exist, or is of the wrong type.
   */
  constructor(kind: string = "shell", options: ShellJobOptions = {}) {
    checkName("kind", kind);
    checkOptions(`make job "${kind}"`, options, Object.keys(OPTIONS));
    const {
      allow,
      timeoutMs = Infinity,
      maxOutputBytes = 65_536,
      killAfterMs = 2_000,
    } = options;
    if (timeoutMs !== Infinity) {
      checkDuration("timeoutMs", timeoutMs, { min: 1 });
    }
    checkDuration("killAfterMs", killAfterMs, { min: 0 });
    checkMaxBytes("maxOutputBytes", maxOutputBytes);
    if (allow !== undefined) checkAllow(kind, allow);
    if (options.cwd !== undefined) checkCwd(kind, options.cwd);
    this.kind = kind;
    this.#allow = allow && [...allow];
    this.#timeoutMs = timeoutMs;
    this.#options = {
      maxOutputBytes,
      killAfterMs,
      cwd: options.cwd,
      environment: checkEnvironment(kind, options.inheritEnv, options.env),
    };
  }

  /**
   * Runs the payload.
   *
   * @returns The task, with what the command wrote as its result.
   * @throws {ShellJobError} If the command cannot be run, fails or takes too
   *   long.
   * @throws {PayloadError} If the payload is not UTF-8.
   * @throws The reason of the signal, if that aborts.
   */
  async execute(
    task: StoreTask,
    { signal }: Pick<JobContext, "signal">,
  ): Promise<StoreTask> {
    signal.throwIfAborted();
    const command = this.#command(task);
    const limit = new TimeLimit(this.#timeoutMs, [signal]);
    try {
      const end = await this.#run(task, command, limit.signal);
      if (end.wasAborted) {
        signal.throwIfAborted();
        throw failure(task, `took longer than ${this.#timeoutMs} ms`, end);
      }
      if (end.exitCode !== 0) throw failure(task, howItFailed(end), end);
      task.result = end.stdout;
      return task;
    } finally {
      limit.end();
    }
  }

  async #run(
    { slug }: StoreTask,
    [file, ...args]: readonly string[],
    signal: AbortSignal,
  ): Promise<ProgramEnd> {
    try {
      return await runProgram(file, args, { ...this.#options, signal });
    } catch (cause) {
      if (signal.aborted) return NEVER_RAN;
      throw cannotRun(
        slug,
        whyNotStarted(file, this.#options.cwd, cause),
        cause,
      );
    }
  }

  #command(task: StoreTask): readonly string[] {
    const payload = task.text();
    if (payload.trim() === "") {
      throw cannotRun(task.slug, "its payload is empty: expected a command");
    }
    if (payload.includes("\0")) {
      throw cannotRun(
        task.slug,
        `there is a NUL at character ${payload.indexOf("\0") + 1} of its ` +
          "payload: expected a command without",
      );
    }
    if (this.#allow === undefined) return ["sh", "-c", payload];
    const words = wordsOf(task.slug, payload);
    if (!this.#allow.includes(words[0])) {
      const allowed = this.#allow.map((command) => `"${command}"`).join(", ");
      throw cannotRun(
        task.slug,
        `the command "${words[0]}" is not allowed: ` +
          (allowed === "" ? "expected none" : `expected one of ${allowed}`),
      );
    }
    return words;
  }
}

/** The names of all options. */
const OPTIONS: Record<keyof ShellJobOptions, true> = {
  allow: true,
  timeoutMs: true,
  maxOutputBytes: true,
  killAfterMs: true,
  cwd: true,
  inheritEnv: true,
  env: true,
};

/** The end of a program that was aborted before it could start. */
const NEVER_RAN: ProgramEnd = {
  exitCode: undefined,
  signal: undefined,
  wasAborted: true,
  stdout: "",
  stderr: "",
};

function checkAllow(kind: string, allow: unknown): void {
  const isCommand = (item: unknown) =>
    typeof item === "string" && item !== "" && !item.includes("\0");
  // What is missing in a sparse array would pass `every`.
  if (!Array.isArray(allow) || !Array.from(allow).every(isCommand)) {
    throw new TypeError(
      `Cannot make job "${kind}" with this allow: ` +
        "expected an array of commands, none of them empty",
    );
  }
}

function checkCwd(kind: string, cwd: unknown): void {
  if (typeof cwd !== "string" || cwd === "" || cwd.includes("\0")) {
    throw new TypeError(
      `Cannot make job "${kind}" with cwd ${printable(cwd)}: ` +
        "expected the path of a directory",
    );
  }
}

function wordsOf(slug: string, payload: string): string[] {
  try {
    return shellWords(payload);
  } catch (cause) {
    throw cannotRun(slug, errorText(cause), cause);
  }
}

function failure(
  { slug }: StoreTask,
  how: string,
  end: ProgramEnd,
): ShellJobError {
  const said = endOf(end.stderr.trim());
  return new ShellJobError(
    `The command of "${slug}" ${how}${said === "" ? "" : `: ${said}`}`,
    end,
  );
}

function cannotRun(slug: string, why: string, cause?: unknown): ShellJobError {
  return new ShellJobError(`Cannot run "${slug}": ${why}`, undefined, {
    cause,
  });
}

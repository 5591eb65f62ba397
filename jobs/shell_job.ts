import { SchedulerError } from "../src/errors.ts";
import type { Job, JobContext } from "../src/job.ts";
import type { StoreTask } from "../src/task.ts";
import { errorText } from "../src/text.ts";
import { checkDuration } from "../src/validate.ts";
import { type ProgramEnd, runProgram } from "./child_process.ts";
import { shellWords } from "./shell_words.ts";

/** Options of {@linkcode ShellJob}. */
export interface ShellJobOptions {
  /**
   * The only commands that may run. The payload is then split into words, with
   * single quotes, double quotes and backslashes as in a shell, and no shell is
   * involved: nothing is expanded, piped or redirected. The first word must be
   * one of these, to the letter.
   *
   * @default undefined: the payload is run by `sh -c`
   */
  readonly allow?: readonly string[];
  /**
   * How long the command may take, in milliseconds.
   *
   * @default Infinity
   */
  readonly timeoutMs?: number;
  /**
   * How many bytes of output are kept, of stdout and of stderr each; where it is
   * cut there is a mark.
   *
   * @default 65_536
   */
  readonly maxOutputBytes?: number;
  /**
   * How long a command that was told to end (SIGTERM) may take before it is
   * killed (SIGKILL), in milliseconds.
   *
   * @default 2_000
   */
  readonly killAfterMs?: number;
  /**
   * The working directory.
   *
   * @default that of this process
   */
  readonly cwd?: string;
  /**
   * Environment variables, beside those of this process.
   *
   * @default {}
   */
  readonly env?: Readonly<Record<string, string>>;
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
 * command is ended (on Windows, which has none, the command alone). What a
 * command leaves behind in the background when it ends by itself is left alone.
 *
 * Whoever can schedule such a task can run anything: see `allow`. Deno needs
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
 * await new ShellJob().execute(task, { signal, scheduledFor: task.when });
 * assertEquals(task.result, "42\n");
 * ```
 */
export class ShellJob implements Job {
  /** The kind of the job. */
  readonly kind: string;
  readonly #options: ShellJobOptions;

  /**
   * Makes a job of the given kind.
   *
   * @throws {RangeError} If a number among the options makes no sense.
   */
  constructor(kind: string = "shell", options: ShellJobOptions = {}) {
    const { timeoutMs, maxOutputBytes, killAfterMs } = options;
    if (timeoutMs !== undefined && timeoutMs !== Infinity) {
      checkDuration("timeoutMs", timeoutMs, { min: 1, max: 2 ** 31 - 1 });
    }
    if (killAfterMs !== undefined) {
      checkDuration("killAfterMs", killAfterMs, { min: 0, max: 2 ** 31 - 1 });
    }
    if (maxOutputBytes !== undefined && !(maxOutputBytes >= 0)) {
      throw new RangeError(
        `Cannot use maxOutputBytes ${maxOutputBytes}: it must be 0 or more`,
      );
    }
    this.kind = kind;
    this.#options = options;
  }

  /**
   * Runs the payload.
   *
   * @returns The task, with what the command wrote as its result.
   * @throws {ShellJobError} If the command cannot be run, fails or takes too
   *   long.
   * @throws The reason of the signal, if that aborts.
   */
  async execute(
    task: StoreTask,
    { signal }: Pick<JobContext, "signal">,
  ): Promise<StoreTask> {
    const [file, ...args] = this.#command(task.text());
    const { timeoutMs = Infinity, ...options } = this.#options;
    const over = new AbortController();
    const timer = timeoutMs === Infinity
      ? undefined
      : setTimeout(() => over.abort(), timeoutMs);
    const abort = () => over.abort();
    signal.addEventListener("abort", abort);
    if (signal.aborted) abort();
    try {
      const end = await this.#run(file, args, options, over.signal);
      signal.throwIfAborted();
      if (over.signal.aborted) {
        throw new ShellJobError(
          `Command took longer than ${timeoutMs} ms`,
          end,
        );
      }
      task.result = outputOf(end);
      return task;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    }
  }

  async #run(
    file: string,
    args: readonly string[],
    options: ShellJobOptions,
    signal: AbortSignal,
  ): Promise<ProgramEnd> {
    const { maxOutputBytes = 65_536, killAfterMs = 2_000, cwd, env } = options;
    try {
      return await runProgram(file, args, {
        maxOutputBytes,
        killAfterMs,
        cwd,
        env,
        signal,
      });
    } catch (cause) {
      if (signal.aborted) {
        return {
          exitCode: undefined,
          signal: undefined,
          stdout: "",
          stderr: "",
        };
      }
      throw cannotRun(file, cwd, cause);
    }
  }

  #command(payload: string): string[] {
    if (payload.trim() === "") {
      throw new ShellJobError(
        "Cannot run an empty command: the payload is what is run",
      );
    }
    const { allow } = this.#options;
    if (allow === undefined) return ["sh", "-c", payload];
    const words = shellWords(payload);
    if (!allow.includes(words[0])) {
      throw new ShellJobError(
        `Cannot run "${words[0]}": it is not allowed; only ` +
          `${allow.map((command) => `"${command}"`).join(", ")} may run`,
      );
    }
    return words;
  }
}

function outputOf(end: ProgramEnd): string {
  const { exitCode, signal, stdout, stderr } = end;
  if (exitCode === 0) return stdout;
  const how = exitCode === undefined
    ? `was ended by ${signal}`
    : `failed with exit code ${exitCode}`;
  const said = stderr.trim();
  throw new ShellJobError(
    `Command ${how}${said === "" ? "" : `: ${said}`}`,
    end,
  );
}

function cannotRun(
  file: string,
  cwd: string | undefined,
  cause: unknown,
): ShellJobError {
  const { code, name } = cause as { code?: string; name?: string };
  const why = code === "ENOENT"
    ? `there is no such program${
      cwd === undefined ? "" : ` or no directory "${cwd}"`
    }`
    : name === "NotCapable" || code === "EACCES" || code === "EPERM"
    ? `this process may not: ${errorText(cause)}`
    : errorText(cause);
  return new ShellJobError(`Cannot run "${file}": ${why}`, undefined, {
    cause,
  });
}

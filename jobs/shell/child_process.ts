import { within } from "../../src/core/within.ts";
import { CappedText } from "../capped_text.ts";

/** How to run a program. */
export interface ProgramOptions {
  readonly cwd: string | undefined;
  readonly env: Readonly<Record<string, string>> | undefined;
  readonly maxOutputBytes: number;
  readonly killAfterMs: number;
  /** Ends the program, with all that it has started. */
  readonly signal: AbortSignal;
}

/** How a program ended. */
export interface ProgramEnd {
  readonly exitCode: number | undefined;
  /** The signal that ended it. */
  readonly signal: string | undefined;
  /** Whether it was told to end before it did. */
  readonly wasAborted: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

type Child = ReturnType<typeof import("node:child_process").spawn>;
type Signal = "SIGTERM" | "SIGKILL";

/**
 * Output may keep coming after the program has ended: for ever, if it left
 * something behind that holds its output open. It is read for so many turns, not
 * for so long: a busy process would lose what is there already.
 */
const DRAIN = { turns: 10, turnMs: 10 };
/** How long it may take until what was killed has ended. */
const KILLED_MS = 1_000;

/**
 * Runs a program to its end. When the signal aborts, its whole process group is
 * told to end; what is left when its output has ended, or after `killAfterMs`, is
 * killed; then this resolves.
 *
 * @throws {Error} If the program cannot be started.
 * @throws The reason of the signal, if that aborted before.
 */
export async function runProgram(
  file: string,
  args: readonly string[],
  options: ProgramOptions,
): Promise<ProgramEnd> {
  const { spawn, process } = await loadNode();
  const { signal, cwd, env } = options;
  signal.throwIfAborted();
  const hasGroups = process.platform !== "win32";
  const child = spawn(file, args, {
    cwd,
    env: env && { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: hasGroups,
    windowsHide: true,
  });
  const kill = (name: Signal) => {
    try {
      if (hasGroups) process.kill(-child.pid!, name);
      else child.kill(name);
    } catch {
      // Nobody is left, or this process may end its own child only.
      child.kill(name);
    }
  };
  const stdout = new CappedText(options.maxOutputBytes);
  const stderr = new CappedText(options.maxOutputBytes);
  child.stdout!.on("data", (chunk: Uint8Array) => void stdout.add(chunk));
  child.stderr!.on("data", (chunk: Uint8Array) => void stderr.add(chunk));
  return {
    ...await ended(child, kill, options),
    stdout: stdout.toString(),
    stderr: stderr.toString(),
  };
}

async function loadNode() {
  try {
    const { spawn } = await import("node:child_process");
    const { default: process } = await import("node:process");
    return { spawn, process };
  } catch (cause) {
    throw new Error("no programs can run here; Deno, Node or Bun is needed", {
      cause,
    });
  }
}

async function ended(
  child: Child,
  kill: (name: Signal) => void,
  { signal, killAfterMs }: ProgramOptions,
): Promise<Pick<ProgramEnd, "exitCode" | "signal" | "wasAborted">> {
  let how: [code: number | null, signal: string | null] | undefined;
  const exited = new Promise<void>((resolve, reject) => {
    child.once("exit", (...codeAndSignal) => {
      how = codeAndSignal;
      resolve();
    });
    // Stays: it also comes if the child cannot be killed.
    child.on("error", reject);
  });
  const closed = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
  });
  try {
    await exitOrAbort(exited, signal);
    const wasAborted = how === undefined;
    if (wasAborted) {
      kill("SIGTERM");
      await isInTime(closed, killAfterMs);
      kill("SIGKILL");
      await isInTime(exited, KILLED_MS);
    }
    for (let turn = 0; turn < DRAIN.turns; turn++) {
      if (await isInTime(closed, DRAIN.turnMs)) break;
    }
    const [code, killedBy] = how ?? [];
    return {
      exitCode: code ?? undefined,
      signal: killedBy ?? undefined,
      wasAborted,
    };
  } finally {
    child.stdout?.destroy();
    child.stderr?.destroy();
  }
}

/** Waits until the program has exited or the signal aborts. */
async function exitOrAbort(
  exited: Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  const onAbort = () => resolve();
  signal.addEventListener("abort", onAbort);
  try {
    await Promise.race([exited, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Waits for a promise, but not for ever; says whether it was in time. */
function isInTime(promise: Promise<void>, ms: number): Promise<boolean> {
  const late = () => new Error("late");
  return within(promise, ms, late).then(() => true, () => false);
}

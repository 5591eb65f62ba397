import { within } from "../../src/runtime/within.ts";
import { CappedText } from "../capped_text.ts";
import { type Environment, variablesOf } from "./environment.ts";
import { killAtExit } from "./exit_guard.ts";
import { type Child, ProcessGroup } from "./process_group.ts";

/** How to run a program. */
export interface ProgramOptions {
  readonly cwd: string | undefined;
  readonly environment: Environment;
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

/**
 * Output may keep coming after the program has ended: for ever, if it left
 * something behind that holds its output open. What is there already is read, by
 * a number of turns: a busy process would lose it within a mere span of time.
 */
const DRAIN = { turns: 10, turnMs: 10 };
/** How long to wait for the end of what was killed: the system may keep it. */
const KILLED_MS = 1_000;

/**
 * Runs a program to its end. When the signal aborts, its whole process group is
 * told to end; what is left after `killAfterMs` is killed; this resolves when
 * nobody is left. If this process exits before, the group is killed.
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
  const { signal, cwd, environment } = options;
  signal.throwIfAborted();
  const child = spawn(file, args, {
    cwd,
    env: variablesOf(environment, process.env),
    stdio: ["ignore", "pipe", "pipe"],
    detached: process.platform !== "win32",
    windowsHide: true,
  });
  const group = new ProcessGroup(process, child);
  const unguard = killAtExit(process, () => group.kill("SIGKILL"));
  try {
    const stdout = new CappedText(options.maxOutputBytes);
    const stderr = new CappedText(options.maxOutputBytes);
    child.stdout!.on("data", (chunk: Uint8Array) => void stdout.add(chunk));
    child.stderr!.on("data", (chunk: Uint8Array) => void stderr.add(chunk));
    const how = await ended(child, group, unguard, options);
    return { ...how, stdout: stdout.toString(), stderr: stderr.toString() };
  } finally {
    unguard();
  }
}

async function loadNode() {
  try {
    const { spawn } = await import("node:child_process");
    const { default: process } = await import("node:process");
    return { spawn, process };
  } catch (cause) {
    throw new Error("programs cannot run here: expected Deno, Node or Bun", {
      cause,
    });
  }
}

async function ended(
  child: Child,
  group: ProcessGroup,
  unguard: () => void,
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
      await end(group, closed, killAfterMs);
      await isInTime(exited, KILLED_MS);
    } else {
      unguard(); // What it left behind is meant to stay.
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

/** Ends a group; resolves when nobody is left, for all that can be known. */
async function end(
  group: ProcessGroup,
  closed: Promise<void>,
  killAfterMs: number,
): Promise<void> {
  group.kill("SIGTERM");
  const isGone = await group.waitUntilGone(killAfterMs) ??
    await isInTime(closed, killAfterMs);
  if (isGone) return;
  group.kill("SIGKILL");
  await group.waitUntilGone(KILLED_MS);
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

import { CappedText } from "./capped_text.ts";

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
  readonly stdout: string;
  readonly stderr: string;
}

/** What is used of `node:child_process`; loaded when a program runs. */
type Spawn = typeof import("node:child_process").spawn;
type Child = ReturnType<Spawn>;
type Signal = "SIGTERM" | "SIGKILL";

/**
 * How long output may keep coming after the program has ended: for ever, if it
 * left something behind that holds its output open.
 */
const DRAIN_MS = 100;

/**
 * Runs a program to its end. When the signal aborts, its whole process group is
 * told to end, and made to after `killAfterMs`; then this resolves.
 *
 * @throws {Error} If the program cannot be started.
 */
export async function runProgram(
  file: string,
  args: readonly string[],
  options: ProgramOptions,
): Promise<ProgramEnd> {
  const { spawn } = await import("node:child_process");
  const { default: process } = await import("node:process");
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
  const [exitCode, killedBy] = await ended(child, kill, options);
  return {
    exitCode: exitCode ?? undefined,
    signal: killedBy ?? undefined,
    stdout: stdout.toString(),
    stderr: stderr.toString(),
  };
}

async function ended(
  child: Child,
  kill: (name: Signal) => void,
  { signal, killAfterMs }: ProgramOptions,
): Promise<[number | null, string | null]> {
  const closed = new Promise<void>((resolve) => child.once("close", resolve));
  let killTimer: ReturnType<typeof setTimeout> | undefined;
  const end = () => {
    kill("SIGTERM");
    killTimer = setTimeout(() => kill("SIGKILL"), killAfterMs);
  };
  try {
    const exit = new Promise<[number | null, string | null]>(
      (resolve, reject) => {
        child.once("error", reject);
        child.once("exit", (code, signal) => resolve([code, signal]));
      },
    );
    signal.addEventListener("abort", end, { once: true });
    const how = await exit;
    // What it started may still be there, and not heed what it was told.
    if (signal.aborted) kill("SIGKILL");
    await withinDrain(closed);
    return how;
  } finally {
    signal.removeEventListener("abort", end);
    clearTimeout(killTimer);
    child.stdout?.destroy();
    child.stderr?.destroy();
  }
}

async function withinDrain(closed: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, DRAIN_MS);
  });
  await Promise.race([closed, late]);
  clearTimeout(timer);
}

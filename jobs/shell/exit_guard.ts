type Process = typeof import("node:process");

/**
 * Calls `kill` if this process exits before the returned function was called:
 * after that, nobody could. Nothing stays registered while no program runs. A
 * process that is killed by a signal has no time for this.
 */
export function killAtExit(process: Process, kill: () => void): () => void {
  if (living.size === 0) {
    process.on("exit", killAll);
    for (const type of DENO_ENDS) globalThis.addEventListener?.(type, onEnd);
  }
  living.set(kill, process);
  return () => {
    if (!living.delete(kill) || living.size > 0) return;
    process.off("exit", killAll);
    for (const type of DENO_ENDS) globalThis.removeEventListener?.(type, onEnd);
  };
}

/** What ends the programs that still run. */
const living = new Map<() => void, Process>();

/** Deno emits no "exit" on its own exit function and on uncaught errors. */
const DENO_ENDS = ["unload", "error", "unhandledrejection"];

type EndEvent = Pick<Event, "type" | "defaultPrevented">;

function onEnd({ type, defaultPrevented }: EndEvent): void {
  if (defaultPrevented) return;
  const [process] = living.values();
  const isHandled = type === "unhandledrejection" &&
    process?.listenerCount("unhandledRejection") > 0;
  if (!isHandled) killAll();
}

function killAll(): void {
  for (const kill of living.keys()) {
    try {
      kill();
    } catch {
      // The others must end, too.
    }
  }
}

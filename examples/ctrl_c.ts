import process from "node:process";

/** Resolves at the first Ctrl-C, or when the process is told to terminate. */
export function ctrlC(): Promise<void> {
  return new Promise((resolve) => {
    process.once("SIGINT", () => resolve());
    process.once("SIGTERM", () => resolve());
  });
}

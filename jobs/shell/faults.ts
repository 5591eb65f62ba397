import { errorText } from "../../src/core/text.ts";
import type { ProgramEnd } from "./child_process.ts";

/** Says how a program ended that did not end well. */
export function howItFailed({ exitCode, signal }: ProgramEnd): string {
  return exitCode === undefined
    ? `was ended by ${signal}`
    : `failed with exit code ${exitCode}`;
}

/** Says why a program could not be started. */
export function whyNotStarted(
  file: string,
  cwd: string | undefined,
  cause: unknown,
): string {
  const { code, name } = cause as { code?: string; name?: string };
  if (name === "NotCapable") {
    return `${errorText(cause)}: expected --allow-run and --allow-env`;
  }
  switch (code) {
    case "ENOENT":
      return `there is no program "${file}" on the PATH` +
        (cwd === undefined ? "" : `, or no directory "${cwd}"`) +
        (file === "sh" ? "; commands in `allow` need no shell" : "");
    case "EACCES":
    case "EPERM":
      return `this process may not run "${file}"`;
    case "E2BIG":
      return "the command is too long for this system";
    default:
      return errorText(cause);
  }
}

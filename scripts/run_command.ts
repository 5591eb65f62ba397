const TIMEOUT_MS = 180_000;

/** Runs a command to its end and returns what it printed. */
export async function runCommand(
  command: string,
  args: readonly string[],
  cwd: string | URL,
  env: Record<string, string> = {},
): Promise<string> {
  const { code, signal, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    cwd,
    stdin: "null",
    env: { NODE_NO_WARNINGS: "1", ...env },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).output();
  const decoder = new TextDecoder();
  const printed = decoder.decode(stdout);
  if (code === 0) return printed.trim();
  throw new Error(
    `${[command, ...args].join(" ")} ended with ${signal ?? code}\n` +
      printed + decoder.decode(stderr),
  );
}

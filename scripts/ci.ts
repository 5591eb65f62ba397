/**
 * Runs all checks one after the other, whether or not those before failed, and
 * ends with their count. `.ci/run` finds Deno and starts this.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { delimiter, dirname } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";

interface Step {
  readonly name: string;
  /** Starts with `deno`; words are parted by single spaces. */
  readonly command: string;
  /** Without it, nothing else makes sense. */
  readonly essential?: boolean;
  /** Fails when it takes longer; default: two minutes. */
  readonly timeoutMs?: number;
  /** Press Ctrl-C after this time, and expect output and exit code 0. */
  readonly interruptMs?: number;
}

const STEPS: readonly Step[] = [
  {
    name: "Dependencies",
    command: "deno install --frozen",
    essential: true,
  },
  {
    name: "First run",
    command: "deno task check:first-run",
  },
  { name: "Format", command: "deno fmt --check" },
  { name: "Lint", command: "deno lint" },
  { name: "Types", command: "deno task check" },
  { name: "Documentation", command: "deno task doc:lint" },
  { name: "Tests", command: "deno task test", timeoutMs: 1_200_000 },
  { name: "Code in the documentation", command: "deno task test:doc" },
  {
    name: "Example, without a permission, ended by Ctrl-C",
    command: "deno run examples/repeating.ts",
    interruptMs: 7_000,
    timeoutMs: 10_000,
  },
  ...[
    "examples/once.ts",
    "examples/custom_job.ts",
    "examples/retries.ts",
    "examples/graceful_shutdown.ts",
    "--allow-run --allow-env --allow-net=127.0.0.1 examples/jobs.ts",
  ].map((example) => ({
    name: "Example",
    command: `deno run --no-prompt ${example}`,
    timeoutMs: 20_000,
  })),
  { name: "Package for JSR", command: "deno task publish:check" },
  {
    name: "Package for Node and Bun",
    command: "deno task check:package",
    timeoutMs: 900_000,
  },
];

/** What `deno test` and the package checks end with. */
const TALLY = /\b(\d+) passed(?: \(\d+ steps?\))? \| (\d+) failed/g;

const ENV = {
  CI: "true",
  DENO_TLS_CA_STORE: "mozilla,system",
  NO_COLOR: "1",
  DENO_NO_UPDATE_CHECK: "1",
  PATH: [dirname(Deno.execPath()), process.env.PATH].join(delimiter),
};

let child: ChildProcess | undefined;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    killGroup(child);
    process.exit(1);
  });
}

const total = { passed: 0, failed: 0 };
const failures: string[] = [];
for (const step of STEPS) {
  console.log(`\n=== ${step.name}: ${step.command}`);
  const start = performance.now();
  const { output, problem } = await run(step);
  const { passed, failed } = tally(output, problem);
  total.passed += passed;
  total.failed += failed;
  if (failed > 0) failures.push(`${step.name}: ${problem ?? "see above"}`);
  const seconds = Math.round((performance.now() - start) / 1000);
  console.log(`--- ${failed === 0 ? "ok" : "FAILED"} (${seconds}s)`);
  if (failed > 0 && step.essential) break;
}
console.log(`\n${failures.map((failure) => `FAILED ${failure}\n`).join("")}`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed === 0 && total.passed > 0 ? 0 : 1);

/** Runs one step in a process group of its own, of which nothing stays. */
async function run(step: Step): Promise<{ output: string; problem?: string }> {
  const { timeoutMs = 120_000, interruptMs } = step;
  const [, ...args] = step.command.split(" ");
  const running = child = spawn(Deno.execPath(), args, {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...ENV },
  });
  const output = show(running);
  const timeout = setTimeout(() => killGroup(running), timeoutMs);
  const interrupt = setTimeout(
    // `running.kill()` would report the signal whatever the exit code is
    () => running.pid && process.kill(running.pid, "SIGINT"),
    interruptMs ?? timeoutMs,
  );
  const start = performance.now();
  const end = await ended(running);
  const tookMs = performance.now() - start;
  clearTimeout(timeout);
  clearTimeout(interrupt);
  killGroup(running);
  await Promise.race([output.closed, sleep(1_000)]);
  return { output: output.text(), problem: problem() };

  function problem(): string | undefined {
    if (tookMs >= timeoutMs) return `no end within ${timeoutMs / 1000} s`;
    if (end !== 0) return `exit code ${end}`;
    if (interruptMs === undefined) return undefined;
    if (tookMs < interruptMs) return "ended before Ctrl-C";
    return output.text() === "" ? "printed nothing" : undefined;
  }
}

/** The exit code, or what stood in its place. */
function ended(running: ChildProcess): Promise<number | string> {
  return new Promise((resolve) => {
    running.on("error", (error) => resolve(error.message));
    running.on("exit", (code, signal) => resolve(code ?? signal ?? "unknown"));
  });
}

/** Passes on what the process prints, and keeps it. */
function show(running: ChildProcess): {
  text: () => string;
  closed: Promise<unknown>;
} {
  let text = "";
  for (const stream of [running.stdout, running.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      process.stdout.write(chunk);
    });
  }
  return { text: () => text, closed: once(running, "close") };
}

function killGroup(running: ChildProcess | undefined): void {
  if (running?.pid === undefined) return;
  try {
    process.kill(-running.pid, "SIGKILL");
  } catch {
    // nothing is left of the group
  }
}

/** A step counts as one, unless it says how many checks it made. */
function tally(
  output: string,
  problem: string | undefined,
): { passed: number; failed: number } {
  const last = Array.from(output.matchAll(TALLY)).at(-1);
  const [passed, failed] = last?.slice(1).map(Number) ?? [1, 0];
  if (problem === undefined) return { passed, failed };
  return last === undefined
    ? { passed: 0, failed: 1 }
    : { passed, failed: Math.max(failed, 1) };
}

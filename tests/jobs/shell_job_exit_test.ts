import { assertEquals, assertStringIncludes } from "@std/assert";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { TemporaryDirectory } from "../helpers/temporary_directory.ts";

/** Runs one command to its end, unaborted, and another one, aborted. */
const SCRIPT = `
import { once } from "node:events";
import process from "node:process";
import { ShellJob } from ${resolved("../../jobs/shell_job.ts")};
import { StoreTask } from ${resolved("../../src/api/task.ts")};

const [pipe, last] = process.argv.slice(2);
const job = new ShellJob("shell", { killAfterMs: 600_000 });
const command = "trap '' TERM; exec > " + pipe +
  "; echo begun; sleep 20 & wait; wait; echo survived";
function start(signal) {
  const payload = new TextEncoder().encode(command);
  const task = new StoreTask({
    slug: "the-task", kind: "shell", payload, when: new Date(), version: 1,
    retry: 0, result: "",
  });
  job.execute(task, { signal }).catch(() => {});
}
const stop = new AbortController();
start(stop.signal);
start(new AbortController().signal);
await once(process.stdin, "data");
stop.abort(new Error("The scheduler stopped before the end"));
setTimeout(() => new Function(last)(), 0);
`;

function resolved(path: string): string {
  return JSON.stringify(import.meta.resolve(path));
}

/**
 * What two commands write from the start of a process that ends with `last`
 * until neither of them, nor what they have started, is left: all hold the pipe.
 */
async function writtenUntilGone(last: string): Promise<string> {
  using directory = new TemporaryDirectory();
  const [pipe, script] = [directory.file("pipe"), directory.file("script.ts")];
  await writeFile(script, SCRIPT);
  await once(spawn("mkfifo", [pipe]), "exit");
  const reader = spawn("cat", [pipe], { stdio: ["ignore", "pipe", "inherit"] });
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const program = spawn(
    Deno.execPath(),
    ["run", "-A", "--frozen", "--config", config, script, pipe, last],
    { stdio: ["pipe", "ignore", "pipe"] },
  );
  const exited = once(program, "exit");
  let said = "";
  program.stderr.on("data", (chunk) => said += chunk);
  let written = "";
  reader.stdout.on("data", (chunk) => {
    written += chunk;
    if (written === "begun\nbegun\n") program.stdin.end("now");
  });
  await once(reader, "close");
  const [code] = await exited;
  return `${written}${code} ${said}`;
}

Deno.test("no command outlives a process that exits", async () => {
  for (const last of ["process.exit(7)", "Deno.exit(7)"]) {
    const script = last.replace("process", "globalThis.process");
    assertEquals(await writtenUntilGone(script), "begun\nbegun\n7 ", last);
  }
});

Deno.test("no command outlives a process that ends with an error", async () => {
  const ends = ["throw new Error('boom')", "Promise.reject(new Error('boom'))"];
  for (const last of ends) {
    const written = await writtenUntilGone(last);
    assertEquals(written.slice(0, 14), "begun\nbegun\n1 ", last);
    assertStringIncludes(written, "boom");
  }
});

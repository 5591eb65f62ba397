import {
  assertEquals,
  assertLess,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";

/** Runs a command by a shell job, in a Deno with these permissions alone. */
async function run(
  payload: string,
  permissions: string[],
  { abortMs, env }: { abortMs?: number; env?: Record<string, string> } = {},
): Promise<string> {
  const script = `
    import { ShellJob } from ${
    JSON.stringify(import.meta.resolve("../../jobs/shell_job.ts"))
  };
    import { StoreTask } from ${
    JSON.stringify(import.meta.resolve("../../src/api/task.ts"))
  };
    const when = new Date();
    const task = new StoreTask({
      slug: "the-task", kind: "shell", when, version: 1, retry: 0, result: "",
      payload: new TextEncoder().encode(${JSON.stringify(payload)}),
    });
    const stop = new AbortController();
    const abortMs = ${abortMs};
    if (abortMs !== undefined) setTimeout(() => stop.abort(new Error("over")), abortMs);
    try {
      await new ShellJob("shell", { killAfterMs: 100 })
        .execute(task, { signal: stop.signal, scheduledFor: when });
      console.log(task.result);
    } catch (error) {
      console.log(error.name + ": " + error.message);
    }`;
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, script);
    const config = new URL("../../deno.json", import.meta.url).pathname;
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--config", config, ...permissions, file],
      stdin: "null",
      env,
    }).output();
    const decoder = new TextDecoder();
    assertEquals(decoder.decode(stderr), "");
    return decoder.decode(stdout);
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("a shell job says which permission it lacks", async () => {
  for (const permissions of [[], ["--allow-env"], ["--allow-run"]]) {
    const printed = await run("echo x", permissions);
    assertStringIncludes(printed, "ShellJobError: Cannot run");
    assertStringIncludes(printed, "--allow-run");
  }
});

Deno.test("a shell job needs no other permissions than those it names", async () => {
  for (const allowRun of ["--allow-run", "--allow-run=sh"]) {
    assertEquals(await run("echo x", ["--allow-env", allowRun]), "x\n\n");
  }
});

Deno.test("an abort ends a shell job that may run nothing but sh", async () => {
  const permissions = ["--allow-env", "--allow-run=sh"];
  assertEquals(
    await run("exec sleep 60", permissions, { abortMs: 300 }),
    "Error: over\n",
  );
});

Deno.test("what a shell left behind that cannot be ended keeps nobody waiting", async () => {
  const folder = await Deno.makeTempDir();
  const file = `${folder}/pid`;
  const permissions = ["--allow-env", "--allow-run=sh"];
  try {
    const payload = `sleep 60 & echo $! > ${file}; wait`;
    const start = performance.now();
    const printed = await run(payload, permissions, { abortMs: 300 });
    const tookMs = performance.now() - start;
    Deno.kill(Number(await Deno.readTextFile(file)), "SIGKILL");
    assertEquals(printed, "Error: over\n");
    assertLess(tookMs, 10_000);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a shell job says so if there is no shell on the PATH", async () => {
  const permissions = ["--allow-env", "--allow-run"];
  const printed = await run("echo x", permissions, { env: { PATH: "" } });
  assertMatch(printed, /^ShellJobError: Cannot run "the-task": .*"sh".*PATH/);
});

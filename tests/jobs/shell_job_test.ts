import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertLess,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { mkdtemp, readFile, realpath, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import {
  ShellJob,
  ShellJobError,
  type ShellJobOptions,
} from "../../jobs/shell_job.ts";
import { SchedulerError } from "../../src/api/errors.ts";
import { jobContext, jobTask } from "../helpers/job_task.ts";

/** Runs a payload, and returns what becomes the result of its task. */
async function run(
  payload: string | Uint8Array,
  options?: ShellJobOptions,
  signal?: AbortSignal,
): Promise<string> {
  const task = jobTask(payload);
  const job = new ShellJob("shell", options);
  assertStrictEquals(await job.execute(task, jobContext(signal)), task);
  return task.result;
}

async function failureOf(
  payload: string,
  options?: ShellJobOptions,
): Promise<ShellJobError> {
  const error = await assertRejects(() => run(payload, options), ShellJobError);
  assertInstanceOf(error, SchedulerError);
  return error as ShellJobError;
}

async function inFolder(test: (folder: string) => Promise<void>) {
  const folder = await mkdtemp(join(await realpath(tmpdir()), "shell_job_"));
  try {
    await test(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The numbers in a file, once it has `count` of them. */
async function pidsIn(file: string, count: number): Promise<number[]> {
  for (let tries = 0; tries < 500; tries++) {
    const text = await readFile(file, "utf8").catch(() => "");
    const lines = text.split("\n").slice(0, -1);
    if (lines.length >= count) return lines.map(Number);
    await sleep(10);
  }
  throw new Error(`${file} never had ${count} lines`);
}

/** Whether a process runs; one that has ended but was not waited for does not. */
async function isRunning(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const status = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return !/\) [ZX] /.test(status);
}

async function areRunning(pids: readonly number[]): Promise<boolean> {
  return (await Promise.all(pids.map(isRunning))).includes(true);
}

function end(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended.
    }
  }
}

Deno.test("a shell job keeps what the command writes to stdout", async () => {
  assertEquals(await run("echo $((6 * 7)); echo aside >&2"), "42\n");
  assertEquals(await run("printf 'a\\nb' | tr a-z A-Z"), "A\nB");
  assertEquals(await run("true"), "");
  assertEquals(new ShellJob().kind, "shell");
});

Deno.test("a shell job reads nothing from stdin", async () => {
  assertEquals(await run("cat; echo end"), "end\n");
});

Deno.test("a shell job tells the exit code, stdout and stderr of a failure", async () => {
  const error = await failureOf("echo some; echo 'no such thing' >&2; exit 3");
  assertEquals(error.name, "ShellJobError");
  assertEquals([error.exitCode, error.signal], [3, undefined]);
  assertEquals([error.stdout, error.stderr], ["some\n", "no such thing\n"]);
  assertMatch(error.message, /"the-task".*exit code 3: no such thing$/);
});

Deno.test("a shell job tells the signal that ended the command", async () => {
  const error = await failureOf("kill -9 $$");
  assertEquals([error.exitCode, error.signal], [undefined, "SIGKILL"]);
  assertStringIncludes(error.message, "SIGKILL");
});

Deno.test("a failed shell job leaves the result of the task as it was", async () => {
  const task = jobTask("echo new; exit 1");
  task.result = "old";
  await assertRejects(() => new ShellJob().execute(task, jobContext()));
  assertEquals(task.result, "old");
});

Deno.test("a shell job refuses an empty payload, and one that is not text", async () => {
  for (const payload of ["", " \n"]) {
    await assertRejects(() => run(payload), SchedulerError, "empty");
    await assertRejects(() => run(payload, { allow: ["ls"] }), SchedulerError);
  }
  await assertRejects(
    () => run(new Uint8Array([0xff])),
    SchedulerError,
    "not UTF-8",
  );
});

Deno.test("a shell job runs in the folder and with the variables given", async () => {
  await inFolder(async (folder) => {
    assertEquals(await run("pwd", { cwd: folder }), `${folder}\n`);
  });
  process.env.SHELL_JOB_TEST = "inherited";
  try {
    const env = { GREETING: "hello; world" };
    assertEquals(
      await run('echo "$GREETING" $SHELL_JOB_TEST', { env }),
      "hello; world inherited\n",
    );
  } finally {
    delete process.env.SHELL_JOB_TEST;
  }
});

Deno.test("a shell job passes on all, none or some of this process's variables", async () => {
  process.env.SHELL_JOB_SECRET = "s3cret";
  process.env.SHELL_JOB_PLAIN = "plain";
  const shown = (options: ShellJobOptions) =>
    run('echo "$SHELL_JOB_SECRET|$SHELL_JOB_PLAIN|$OWN"', options);
  const env = { OWN: "own" };
  try {
    assertEquals(await shown({}), "s3cret|plain|\n");
    assertEquals(await shown({ inheritEnv: true, env }), "s3cret|plain|own\n");
    assertEquals(await shown({ inheritEnv: false }), "||\n");
    assertEquals(await shown({ inheritEnv: [] }), "||\n");
    assertEquals(await shown({ inheritEnv: false, env }), "||own\n");
    const inheritEnv = ["PATH", "SHELL_JOB_PLAIN", "NO_SUCH_VARIABLE"];
    assertEquals(await shown({ inheritEnv, env }), "|plain|own\n");
    assertEquals(
      await shown({ inheritEnv, env: { SHELL_JOB_PLAIN: "other" } }),
      "|other|\n",
    );
    const output = await run("env", { inheritEnv, allow: ["env"] });
    assert(!output.includes("s3cret"), output);
    assert(!output.includes("NO_SUCH_VARIABLE"), output);
  } finally {
    delete process.env.SHELL_JOB_SECRET;
    delete process.env.SHELL_JOB_PLAIN;
  }
});

Deno.test("a shell job keeps the variables that it was made with", async () => {
  process.env.SHELL_JOB_SECRET = "s3cret";
  try {
    const [env, inheritEnv] = [{ OWN: "own" }, ["PATH"]];
    const job = new ShellJob("shell", { env, inheritEnv });
    env.OWN = "changed";
    inheritEnv.push("SHELL_JOB_SECRET");
    const task = jobTask('echo "$OWN|$SHELL_JOB_SECRET"');
    await job.execute(task, jobContext());
    assertEquals(task.result, "own|\n");
  } finally {
    delete process.env.SHELL_JOB_SECRET;
  }
});

Deno.test("a shell job runs what the task says is its text", async () => {
  const task = jobTask("echo bytes");
  task.text = () => "echo text";
  await new ShellJob().execute(task, jobContext());
  assertEquals(task.result, "text\n");
});

Deno.test("a shell job says so if there is no shell, or no such folder", async () => {
  const noShell = await failureOf("echo x", { env: { PATH: "/nowhere" } });
  assertStringIncludes(noShell.message, '"sh"');
  assertStringIncludes(noShell.message, 'no program "sh" on the PATH');
  assertEquals((noShell.cause as { code: string }).code, "ENOENT");
  const noFolder = await failureOf("echo x", { cwd: "/no/such/folder" });
  assertStringIncludes(noFolder.message, "/no/such/folder");
});

Deno.test("a shell job says so if the payload is too long for a command line", async () => {
  const error = await failureOf(`true ${"x".repeat(3_000_000)}`);
  assertMatch(error.message, /E2BIG|too long/);
});

Deno.test("a shell job cuts long output, marks it, and lets the command finish", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "finished");
    const output = await run(`yes | head -c 30000000; touch ${file}`);
    assertEquals(output.slice(0, 65_536), "y\n".repeat(32_768));
    assertMatch(output.slice(65_536), /^… \(cut.*\)$/);
    await stat(file);
  });
  const error = await failureOf("yes | head -c 30000000 >&2; exit 5");
  assertEquals(error.exitCode, 5);
  assertMatch(error.stderr.slice(65_536), /^… \(cut.*\)$/);
});

Deno.test("a shell job cuts between characters", async () => {
  const cut = (maxOutputBytes: number) =>
    run("printf 'a€😀'", { maxOutputBytes });
  for (const [max, kept] of [[0, ""], [1, "a"], [3, "a"], [4, "a€"]] as const) {
    const [text, mark] = [
      (await cut(max)).slice(0, kept.length),
      await cut(max),
    ];
    assertEquals(text, kept);
    assertMatch(mark.slice(kept.length), /^… \(cut.*\)$/);
  }
  assertMatch(await cut(7), /^a€… \(cut.*\)$/);
  assertEquals(await cut(8), "a€😀");
});

Deno.test("a shell job turns what is not UTF-8 into U+FFFD", async () => {
  assertEquals(await run("printf 'a\\377b\\303'"), "a\uFFFDb\uFFFD");
  const bytes = await run("head -c 100000 /dev/urandom");
  assert(bytes.isWellFormed());
});

Deno.test("a shell job joins characters that come in pieces", async () => {
  assertEquals(
    await run("printf '\\342'; sleep 0.05; printf '\\202\\254'"),
    "€",
  );
});

Deno.test("an aborted signal keeps a shell job from starting", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "started");
    const reason = new Error("not now");
    const thrown = await run(`touch ${file}`, {}, AbortSignal.abort(reason))
      .catch((error) => error);
    assertStrictEquals(thrown, reason);
    await assertRejects(() => stat(file));
  });
});

Deno.test("an abort at once keeps a shell job from starting", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "started");
    const stop = new AbortController();
    const reason = new Error("changed my mind");
    const running = run(`touch ${file}`, {}, stop.signal)
      .catch((error) => error);
    stop.abort(reason);
    assertStrictEquals(await running, reason);
    await assertRejects(() => stat(file));
  });
});

Deno.test("an abort ends a shell job with all that it has started", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "pids");
    const stop = new AbortController();
    const reason = new Error("the claim is lost");
    // A shell, a child and a grandchild, and one whose output goes elsewhere.
    const running = run(
      `echo $$ >> ${file}; sh -c 'echo $$ >> ${file}; sleep 60; echo x' &
       sleep 60 >/dev/null 2>&1 & echo $! >> ${file}; sleep 60; echo y`,
      {},
      stop.signal,
    ).catch((error) => error);
    const pids = await pidsIn(file, 3);
    const start = performance.now();
    stop.abort(reason);
    assertStrictEquals(await running, reason);
    assert(!await areRunning(pids), `still running: ${pids}`);
    assertLess(performance.now() - start, 10_000);
  });
});

Deno.test("an abort lets a command, and what it has started, end in its own way", async () => {
  await inFolder(async (folder) => {
    const [file, traces] = [join(folder, "pids"), join(folder, "traces")];
    const stop = new AbortController();
    // The outer shell ends at once; the inner one needs some time.
    const running = run(
      `sh -c 'trap "sleep 0.2; echo tidy >> ${traces}; exit" TERM
              echo $$ >> ${file}; while :; do sleep 0.05; done' & wait`,
      {},
      stop.signal,
    ).catch((error) => error);
    await pidsIn(file, 1);
    stop.abort(new Error("over"));
    await running;
    assertEquals(await readFile(traces, "utf8"), "tidy\n");
  });
});

Deno.test("what does not heed an abort is killed", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "pids");
    const stop = new AbortController();
    const reason = new Error("over");
    const running = run(
      `(trap '' TERM; sh -c 'echo $$ >> ${file}; sleep 60'; sleep 60) &
       echo $! >> ${file}; wait`,
      { killAfterMs: 100 },
      stop.signal,
    ).catch((error) => error);
    const pids = await pidsIn(file, 2);
    stop.abort(reason);
    assertStrictEquals(await running, reason);
    assert(!await areRunning(pids), `still running: ${pids}`);
  });
});

Deno.test("a run ends when all that heeds no abort is gone, also what has no output", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "pids");
    const stop = new AbortController();
    const running = run(
      `(trap '' TERM; exec >/dev/null 2>&1
        sh -c 'echo $$ >> ${file}; while :; do sleep 60; done') &
       (trap 'echo tidy >> ${file}.traces; exit' TERM; exec >/dev/null 2>&1
        sh -c 'echo $$ >> ${file}; sleep 60' & wait) &
       wait`,
      { killAfterMs: 300 },
      stop.signal,
    ).catch((error) => error);
    const pids = await pidsIn(file, 2);
    stop.abort(new Error("over"));
    await running;
    assert(!await areRunning(pids), `still running: ${pids}`);
    assertEquals(await readFile(`${file}.traces`, "utf8"), "tidy\n");
  });
});

Deno.test("what still runs when the process exits is killed", async () => {
  const guards = () => process.listeners("exit");
  await inFolder(async (folder) => {
    const before = guards();
    const file = join(folder, "pids");
    const stop = new AbortController();
    const command = `trap '' TERM; echo $$ >> ${file}; sleep 60 & wait; wait`;
    const signals = [stop.signal, undefined];
    const runs = signals.map((signal) =>
      run(command, { killAfterMs: 600_000 }, signal).catch((error) => error)
    );
    const pids = await pidsIn(file, 2);
    stop.abort(new Error("the scheduler stops"));
    const [guard, ...others] = guards().filter((it) => !before.includes(it));
    assertEquals(others, []);
    guard(0);
    const ends = await Promise.all(runs);
    assertEquals(ends[0].message, "the scheduler stops");
    assertStringIncludes(ends[1].message, "SIGKILL");
    assert(!await areRunning(pids), `still running: ${pids}`);
    assertEquals(guards(), before);
  });
});

Deno.test("nothing guards what a command left behind, or what never started", async () => {
  const before = process.listeners("exit");
  await run("true");
  await failureOf("exit 1");
  await failureOf("x", { cwd: "/no/such/folder" });
  await failureOf("x", { allow: ["x"] });
  await failureOf("echo \0");
  assertEquals(process.listeners("exit"), before);
});

Deno.test("a shell job that takes too long is ended, and says what it had written", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "pids");
    const error = await failureOf(
      `echo begun; echo why >&2; sleep 60 & echo $! >> ${file}; wait`,
      { timeoutMs: 300 },
    );
    assertStringIncludes(error.message, "300 ms");
    assertEquals([error.stdout, error.stderr], ["begun\n", "why\n"]);
    assert(!await areRunning(await pidsIn(file, 1)));
  });
});

Deno.test("a flood of output does not hold up the end", async () => {
  const start = performance.now();
  const error = await failureOf("yes & yes >&2", { timeoutMs: 300 });
  assertLess(performance.now() - start, 3_000);
  assertStringIncludes(error.message, "300 ms");
  assertLess(error.message.length, 5_000);
  assertMatch(error.stdout.slice(65_536), /^… \(cut.*\)$/);
});

Deno.test("a shell job ends with the shell, and leaves alone what goes on behind it", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "pids");
    const start = performance.now();
    const output = await run(`echo said; sleep 60 & echo $! >> ${file}`);
    const tookMs = performance.now() - start;
    const pids = await pidsIn(file, 1);
    try {
      assertEquals(output, "said\n");
      assertLess(tookMs, 5_000);
      assert(await isRunning(pids[0]));
    } finally {
      end(pids);
    }
  });
});

Deno.test("a shell job keeps what comes right after the end of the shell", async () => {
  assertEquals(
    await run(
      "(while kill -0 $$ 2>/dev/null; do :; done; echo last) & echo first",
    ),
    "first\nlast\n",
  );
});

Deno.test("an abort after the command has ended changes nothing", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "pids");
    const stop = new AbortController();
    // The shell is gone when its child sees the trace; the output stays open.
    const running = run(
      `echo done; (while kill -0 $$ 2>/dev/null; do :; done
                   echo 1 >> ${file}; sleep 60) & echo $! >> ${file}.pid`,
      {},
      stop.signal,
    );
    await pidsIn(file, 1);
    stop.abort(new Error("too late"));
    const [outcome] = await Promise.allSettled([running]);
    const pids = await pidsIn(`${file}.pid`, 1);
    end(pids);
    assertEquals(outcome, { status: "fulfilled", value: "done\n" });
  });
});

Deno.test("a busy process loses no output of a shell job", async () => {
  const running = run("sleep 0.1; yes | head -c 60000", { timeoutMs: 10_000 });
  await sleep(50);
  const start = performance.now();
  while (performance.now() - start < 600);
  assertEquals((await running).length, 60_000);
});

Deno.test("with an allow-list a shell job runs the commands on it, without a shell", async () => {
  const allow = ["printf", "echo"];
  assertEquals(
    await run("echo $HOME * ~ `id` $(id)", { allow }),
    "$HOME * ~ `id` $(id)\n",
  );
  assertEquals(
    await run(`printf '%s|' one "two words" 'it'"'"s \\"q\\" "" "a\\\\\\"b"`, {
      allow,
    }),
    `one|two words|it's|"q"||a\\"b|`,
  );
});

Deno.test("with an allow-list a shell job refuses everything else", async () => {
  const refused = [
    "rm -rf /nothing",
    "/bin/echo x",
    "./echo x",
    "../bin/echo x",
    "echo; id",
    "echo;id",
    "ECHO x",
    "'echo x'",
    "echo\u00a0x",
    "'' echo",
    "PATH=/tmp echo",
    "sh -c 'echo x'",
    "$(echo echo)",
    "e\\$cho",
  ];
  for (const payload of refused) {
    const error = await failureOf(payload, { allow: ["echo"] });
    assertStringIncludes(error.message, "not allowed");
    assertStringIncludes(error.message, '"echo"');
  }
  await failureOf("echo x", { allow: [] });
});

Deno.test("with an allow-list nothing gets past the command", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "pwned");
    for (
      const rest of [
        `x; touch ${file}`,
        `x && touch ${file}`,
        `x | touch ${file}`,
        `x > ${file}`,
        `x\ntouch ${file}`,
        `x & touch ${file}`,
        `$(touch ${file})`,
        `\`touch ${file}\``,
        `"$(touch ${file})"`,
      ]
    ) {
      assertStringIncludes(
        await run(`echo ${rest}`, { allow: ["echo"] }),
        file,
      );
    }
    await assertRejects(() => stat(file));
  });
});

Deno.test("with an allow-list a shell job says what is wrong with the quotes", async () => {
  for (const payload of ["echo 'x", 'echo "x', 'echo "x\\"', "echo x\\"]) {
    const error = await failureOf(payload, { allow: ["echo"] });
    assertStringIncludes(error.message, '"the-task"');
    assertStringIncludes(error.message, "not closed");
  }
});

Deno.test("a shell job says that there is a NUL in a command", async () => {
  for (const options of [{}, { allow: ["echo"] }]) {
    const { message } = await failureOf("echo \0", options);
    assertEquals(
      message,
      'Cannot run "the-task": there is a NUL at character 6 of its payload: ' +
        "expected a command without",
    );
  }
});

Deno.test("an allow-list does not change after the job was made", async () => {
  const allow = ["echo"];
  const job = new ShellJob("shell", { allow });
  allow.push("id");
  await assertRejects(
    () => job.execute(jobTask("id"), jobContext()),
    ShellJobError,
  );
});

Deno.test("a shell job refuses impossible options", () => {
  const faults: [unknown, string][] = [
    [{ timeoutMs: 0 }, "timeoutMs"],
    [{ timeoutMs: NaN }, "timeoutMs"],
    [{ timeoutMs: 2 ** 31 }, "timeoutMs"],
    [{ killAfterMs: -1 }, "killAfterMs"],
    [{ maxOutputBytes: -1 }, "maxOutputBytes"],
    [{ maxOutputBytes: NaN }, "maxOutputBytes"],
    [{ maxOutputBytes: 1.5 }, "maxOutputBytes"],
    [{ maxOutputBytes: "1" }, "maxOutputBytes"],
  ];
  for (const [options, name] of faults) {
    assertThrows(
      () => new ShellJob("shell", options as ShellJobOptions),
      RangeError,
      name,
    );
  }
  const wrong: Record<string, unknown[]> = {
    allow: ["echo", [""], [1], ["a\0"], new Array(1)],
    inheritEnv: ["PATH", 1, null, [""], ["A=B"], [1], new Array(1)],
    env: [null, 1, ["A"], { A: 1 }, { A: undefined }, { "A=": "" }, { "": "" }],
    cwd: ["", 1, null, "a\0b"],
    timeout: [1],
    maxOutput: [1, undefined],
  };
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      assertThrows(
        () => new ShellJob("shell", { [name]: value } as ShellJobOptions),
        TypeError,
        name,
      );
    }
  }
  assertThrows(() => new ShellJob(""), RangeError, "kind");
  const nothing: ShellJobOptions = {
    allow: undefined,
    timeoutMs: undefined,
    maxOutputBytes: undefined,
    killAfterMs: undefined,
    cwd: undefined,
    inheritEnv: undefined,
    env: undefined,
  };
  new ShellJob("shell", nothing);
});

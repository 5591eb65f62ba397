import { Buffer } from "node:buffer";
import { assertEquals, assertInstanceOf } from "@std/assert";
import type { Outcome } from "../../../src/core/decide.ts";
import { execute } from "../../../src/runtime/execute.ts";
import type { Job, JobContext } from "../../../src/api/job.ts";
import { StoreTask, type TaskRecord } from "../../../src/api/task.ts";
import { at } from "../../helpers/stage.ts";
import { taskRecord } from "../../helpers/task_record.ts";

const context: JobContext = {
  signal: new AbortController().signal,
  scheduledFor: at(0),
};

function record(payload: Uint8Array = new Uint8Array([1, 2])): TaskRecord {
  return taskRecord({ payload, retry: 2 });
}

type Execute = (task: StoreTask, context: JobContext) => unknown;

/** Runs a job twice, as it is and as an asynchronous one. */
async function outcomes(
  run: Execute,
  maxPayloadBytes = 10,
): Promise<Outcome[]> {
  const job = (execute: Execute) => ({ kind: "work", execute }) as Job;
  const asynchronous = async (task: StoreTask, context: JobContext) =>
    await run(task, context);
  return [
    await execute(job(run), record(), context, maxPayloadBytes),
    await execute(job(asynchronous), record(), context, maxPayloadBytes),
  ].map(withoutError);
}

/** What was thrown is for the log. */
function withoutError(outcome: Outcome): Outcome {
  if (outcome.type !== "failed") return outcome;
  const { error: _, ...others } = outcome;
  return others;
}

async function expect(
  run: Execute,
  expected: Outcome,
  maxPayloadBytes?: number,
): Promise<void> {
  assertEquals(await outcomes(run, maxPayloadBytes), [expected, expected]);
}

const unchanged: Outcome = {
  type: "done",
  payload: undefined,
  result: "before",
};

Deno.test("a job sees its task and its context", async () => {
  await expect((task, given) => {
    assertInstanceOf(task, StoreTask);
    assertEquals(
      [task.slug, task.kind, [...task.payload], task.when, task.version],
      ["a", "work", [1, 2], at(0), 5],
    );
    assertEquals([task.retry, task.result, task.isOK()], [2, "before", false]);
    assertEquals(given === context, true);
  }, unchanged);
});

Deno.test("a job is called as a method", async () => {
  const job: Job & { greeting: string } = {
    kind: "work",
    greeting: "hello",
    execute(task) {
      task.result = this.greeting;
      return task;
    },
  };
  const outcome = await execute(job, record(), context, 10);
  assertEquals(outcome, { ...unchanged, result: "hello" });
});

Deno.test("a job that answers nothing changes nothing", async () => {
  await expect(() => undefined, unchanged);
  await expect((task) => {
    task.payload = new Uint8Array([9]);
    task.result = "not returned";
  }, unchanged);
});

Deno.test("a job that answers null removes its task", async () => {
  await expect(() => null, { type: "removed" });
});

Deno.test("a job that answers its task keeps what it changed", async () => {
  await expect((task) => task, unchanged);
  await expect((task) => {
    task.result = "new";
    task.payload = new Uint8Array([3]);
    return task;
  }, { type: "done", payload: new Uint8Array([3]), result: "new" });
});

Deno.test("a payload that was changed in place is kept", async () => {
  await expect((task) => {
    task.payload[1] = 7;
    return task;
  }, { ...unchanged, payload: new Uint8Array([1, 7]) });
  await expect((task) => {
    task.payload = new Uint8Array();
    return task;
  }, { ...unchanged, payload: new Uint8Array() });
});

Deno.test("a job may answer another task", async () => {
  await expect(
    (task) =>
      new StoreTask({ ...task, result: "other", payload: task.payload }),
    { ...unchanged, result: "other" },
  );
  await expect(
    ({ payload }) => ({ payload, result: "like a task" }),
    { ...unchanged, result: "like a task" },
  );
});

Deno.test("anything else that a job answers means nothing", async () => {
  const answers = [0, 1, "", "text", true, false, {}, [], () => null, 5n];
  for (const answer of answers) await expect(() => answer, unchanged);
  await expect(() => ({ payload: "text", result: "x" }), unchanged);
  await expect(() => ({ payload: new Uint8Array() }), unchanged);
});

Deno.test("a task that comes back with a payload of no bytes fails", async () => {
  for (const payload of ["text", undefined, [1], new ArrayBuffer(2)]) {
    await expect((task) => {
      task.payload = payload as unknown as Uint8Array;
      return task;
    }, {
      type: "failed",
      message: 'Cannot store the new payload of "a": expected a Uint8Array',
    });
  }
});

Deno.test("a payload that grew beyond the store's limit fails", async () => {
  const grow = (length: number) => (task: StoreTask) => {
    task.payload = new Uint8Array(length);
    return task;
  };
  await expect(grow(3), { ...unchanged, payload: new Uint8Array(3) }, 3);
  await expect(grow(4), {
    type: "failed",
    message:
      'Cannot keep "a" with a payload of 4 bytes: expected at most 3, which is what the store takes',
  }, 3);
});

Deno.test("a job that throws whatever fails with words for it", async () => {
  const thrown: [unknown, string][] = [
    [new Error("oh"), "oh"],
    ["text", "text"],
    [undefined, "undefined"],
    [null, "null"],
    [Object.create(null), "an error that cannot be printed"],
    [Object.assign(new Error(), { message: { code: 5 } }), "[object Object]"],
    [new Error("a\0\uD800"), "a\uFFFD\uFFFD"],
  ];
  for (const [error, message] of thrown) {
    await expect(() => {
      throw error;
    }, { type: "failed", message });
  }
});

Deno.test("results and messages are made fit for every store", async () => {
  const result = (text: unknown) => (task: StoreTask) => {
    task.result = text as string;
    return task;
  };
  await expect(result("a\0b\uDFFF"), {
    ...unchanged,
    result: "a\uFFFDb\uFFFD",
  });
  await expect(result(42), { ...unchanged, result: "42" });
  for (const outcome of await outcomes(result("x".repeat(100_000)))) {
    assertEquals(outcome.type === "done" && outcome.result.length, 65_536);
  }
  for (
    const outcome of await outcomes(() => {
      throw new Error("x".repeat(100_000));
    })
  ) {
    assertEquals(outcome.type === "failed" && outcome.message.length, 65_536);
  }
});

Deno.test("a result that has no text fails", async () => {
  await expect((task) => {
    task.result = {
      toString() {
        throw new Error("no text");
      },
    } as unknown as string;
    return task;
  }, { type: "failed", message: "no text" });
});

Deno.test("a job may answer anything that can be waited for", async () => {
  // deno-lint-ignore no-explicit-any
  const thenable = (then: any) => ({ then });
  await expect(
    () => thenable((resolve: (answer: null) => void) => resolve(null)),
    { type: "removed" },
  );
  await expect(
    () =>
      thenable((_: unknown, reject: (error: Error) => void) => {
        reject(new Error("oh"));
      }),
    { type: "failed", message: "oh" },
  );
  await expect(
    () =>
      thenable(() => {
        throw new Error("oh");
      }),
    { type: "failed", message: "oh" },
  );
  await expect(() => ({
    get then() {
      throw new Error("oh");
    },
  }), { type: "failed", message: "oh" });
});

Deno.test("the answer to a job that does not wait comes at once", () => {
  const outcome = execute(
    { kind: "work", execute: () => null },
    record(),
    context,
    10,
  );
  assertEquals(outcome, { type: "removed" });
  const promise = execute(
    { kind: "work", execute: () => Promise.resolve(null) },
    record(),
    context,
    10,
  );
  assertInstanceOf(promise, Promise);
});

Deno.test("a job cannot change what the scheduler knows of the task", async () => {
  const before = record(Buffer.from([1, 2]));
  await execute(
    {
      kind: "work",
      execute(task) {
        task.payload[0] = 9;
        task.when.setTime(0);
        Object.assign(task, { retry: 99 });
      },
    },
    before,
    context,
    10,
  );
  assertEquals([...before.payload, before.when, before.retry], [
    1,
    2,
    at(0),
    2,
  ]);
});

Deno.test("a job may use its bytes again when it has returned them", async () => {
  const bytes = new Uint8Array([9]);
  const job: Job = {
    kind: "work",
    execute: (task) => Object.assign(task, { payload: bytes }),
  };
  const outcome = await execute(job, record(), context, 10);
  bytes[0] = 5;
  assertEquals(outcome, { ...unchanged, payload: new Uint8Array([9]) });
});

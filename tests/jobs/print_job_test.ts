import {
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { PrintJob, type PrintJobOptions } from "../../jobs/print_job.ts";
import { PayloadError } from "../../src/api/errors.ts";
import { jobTask } from "../helpers/job_task.ts";

Deno.test("a print job prints the payload, and nothing else of the task changes", () => {
  const printed: string[] = [];
  const job = new PrintJob("say", { print: (text) => void printed.push(text) });
  const task = jobTask("Grüße\n");
  assertStrictEquals(job.execute(task), undefined);
  assertEquals(printed, ["Grüße\n"]);
  assertEquals([job.kind, task.text(), task.result], ["say", "Grüße\n", ""]);
});

Deno.test("a print job is of the kind print and prints on the console", () => {
  const printed: unknown[][] = [];
  const { log } = console;
  console.log = (...data: unknown[]) => void printed.push(data);
  try {
    new PrintJob().execute(jobTask("100 %s"));
  } finally {
    console.log = log;
  }
  assertEquals(new PrintJob().kind, "print");
  assertEquals(printed, [["100 %s"]]);
});

Deno.test("a print job fails if the payload is not text, or cannot be printed", () => {
  const fails = new PrintJob("print", {
    print() {
      throw new Error("out of paper");
    },
  });
  assertThrows(() => fails.execute(jobTask("x")), Error, "out of paper");
  assertThrows(
    () => fails.execute(jobTask(new Uint8Array([0xff]))),
    PayloadError,
    "not UTF-8",
  );
});

Deno.test("a print job waits for a promise, and fails if that rejects", async () => {
  const printed = Promise.withResolvers<string>();
  const job = new PrintJob("print", { print: () => printed.promise });
  let isDone = false;
  const running = Promise.resolve(job.execute(jobTask("x")))
    .finally(() => isDone = true);
  await Promise.resolve();
  assertEquals(isDone, false);
  printed.reject(new Error("out of paper"));
  await assertRejects(() => running, Error, "out of paper");
});

Deno.test("what print returns is no answer to the scheduler", async () => {
  for (const answer of [null, 5, jobTask("other")]) {
    const now = new PrintJob("print", { print: () => answer });
    assertStrictEquals(now.execute(jobTask("x")), undefined);
    const later = new PrintJob("print", {
      print: () => Promise.resolve(answer),
    });
    assertStrictEquals(await later.execute(jobTask("x")), undefined);
  }
});

Deno.test("a print job prints what the task says is its text", () => {
  const printed: string[] = [];
  const job = new PrintJob("say", { print: (text) => printed.push(text) });
  const task = jobTask('"bytes"');
  task.text = () => "text";
  job.execute(task);
  assertEquals(printed, ["text"]);
});

Deno.test("a print job refuses an impossible kind, and impossible options", () => {
  assertThrows(() => new PrintJob(""), RangeError, "kind");
  for (const options of [{ print: "x" }, { print: null }, { printer: 1 }]) {
    assertThrows(
      () => new PrintJob("print", options as unknown as PrintJobOptions),
      TypeError,
      'Cannot make job "print" with',
    );
  }
  new PrintJob("print", { print: undefined });
});

import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { PrintJob } from "../../jobs/print_job.ts";
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

Deno.test("a print job refuses an impossible kind", () => {
  assertThrows(() => new PrintJob(""), RangeError, "kind");
});

import { fileURLToPath } from "node:url";
import { assertEquals } from "@std/assert";

const script = `
import { PrintJob, StdScheduler } from "${import.meta.resolve("../mod.ts")}";
import { MemoryStore } from "${import.meta.resolve("../stores/memory.ts")}";

const abort = new AbortController();
await using scheduler = new StdScheduler(new MemoryStore());
scheduler.registerJob(new PrintJob());
scheduler.registerJob({ kind: "end", execute: () => abort.abort() });
await scheduler.start(abort.signal);
await scheduler.scheduleJob("greet", "print", { payload: "hello" });
await scheduler.scheduleJob("end", "end", { delayMs: 20 });
await new Promise((resolve) => abort.signal.addEventListener("abort", resolve));
await scheduler.stop();
console.log(await scheduler.getJobSlugs());
`;

Deno.test("the memory store and PrintJob need no permission at all", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/script.ts`;
  await Deno.writeTextFile(path, script);
  const config = fileURLToPath(import.meta.resolve("../deno.json"));
  try {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--frozen", "--config", config, path],
      env: { NO_COLOR: "1" },
    }).output();
    const decoder = new TextDecoder();
    assertEquals(
      [code, decoder.decode(stdout), decoder.decode(stderr)],
      [0, "hello\n[]\n", ""],
    );
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

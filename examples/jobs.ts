/**
 * The ready-made jobs: a shell command, and two requests to a server that this
 * example starts. One of them asks for a page that does not exist, and fails.
 *
 *     deno run --allow-run --allow-env --allow-net=127.0.0.1 examples/jobs.ts
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  CurlJob,
  FixedBackoff,
  ShellJob,
  silentLogger,
  StdScheduler,
} from "@x/scheduler";
import { MemoryStore } from "@x/scheduler/stores/memory";
import { say } from "./say.ts";

const server = createServer((request, response) => {
  response.statusCode = request.url === "/clock" ? 200 : 404;
  response.end(
    request.url === "/clock" ? new Date().toISOString() : "no such page",
  );
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const { port } = server.address() as AddressInfo;
const url = `http://127.0.0.1:${port}`;

await using scheduler = new StdScheduler(new MemoryStore(), {
  logger: silentLogger, // The default would warn of the failure.
});
const shell = new ShellJob();
const curl = new CurlJob("curl", `${url}/clock`);
const broken = new CurlJob("curl-broken", `${url}/clok`);
// A one-off is removed when it is done, so the results are printed before.
for (const job of [shell, curl]) {
  scheduler.registerJob({
    kind: job.kind,
    async execute(task, context) {
      const done = await job.execute(task, context);
      say(`${task.slug}: ${JSON.stringify(done?.result)}`);
      return done;
    },
  });
}
scheduler.registerJob(broken, { backoff: new FixedBackoff([]) });
await scheduler.start();

await scheduler.scheduleJob("shell", shell, { payload: "echo $((6 * 7))" });
await scheduler.scheduleJob("curl", curl);
await scheduler.scheduleJob("broken", broken);

while ((await scheduler.getJobSlugs()).length > 1) await nextTurn();
const { status, result } = await scheduler.getScheduledJob("broken");
say(`broken: ${status}, because ${result}`);
server.close();

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 10));
}

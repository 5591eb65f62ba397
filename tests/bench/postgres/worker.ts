/**
 * A process of the benchmark: warms up on a database of its own, then runs tasks
 * of one contender until told to end.
 */
import { contenders } from "./contenders.ts";

const [name, url, warmUpUrl, aim] = Deno.args;
const contender = contenders.find((one) => one.name === name)!;
const WARM_UP_TASKS = 5_000;

async function warmUp(): Promise<void> {
  const open = await contender.open(warmUpUrl);
  await open.insertDue(WARM_UP_TASKS);
  const done = Promise.withResolvers<void>();
  let runs = 0;
  await open.work("throughput", () => {
    if (++runs === WARM_UP_TASKS) done.resolve();
  });
  await done.promise;
  await open.close();
}

await warmUp();
const open = await contender.open(url);
console.log("ready");
const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream())
  .getReader();
await lines.read();

let runs = 0;
let told = 0;
const starts: string[] = [];
const tell = () => {
  if (runs !== told) console.log(`runs ${told = runs}`);
  for (const start of starts.splice(0)) console.log(start);
};
const timer = setInterval(tell, 5);
await open.work(aim as "throughput" | "latency", (number) => {
  runs++;
  if (aim === "latency") {
    starts.push(
      `start ${number} ${performance.timeOrigin + performance.now()}`,
    );
  }
});
console.log("working");
await lines.read();
await open.close();
clearInterval(timer);
tell();
Deno.exit();

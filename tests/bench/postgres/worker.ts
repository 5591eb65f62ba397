/** A process of the benchmark: runs tasks of one contender until told to end. */
import type { Contender } from "./contender.ts";
import { contenders } from "./contenders.ts";

const [name, url, aim] = Deno.args;
const contender: Contender = contenders.find((one) => one.name === name)!;
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

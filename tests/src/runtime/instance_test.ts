import { assertEquals, assertNotEquals } from "@std/assert";
import config from "../../../deno.json" with { type: "json" };
import { VERSION } from "../../../src/core/version.ts";
import { Instance, randomToken } from "../../../src/runtime/instance.ts";
import { at } from "../../helpers/stage.ts";

const settings = {
  name: undefined,
  version: "7",
  slots: 10,
  heartbeatMs: 12_000,
};

Deno.test("an instance says what it is, and counts as dead after five heartbeats", () => {
  const instance = new Instance({ ...settings, name: "web-1" });
  assertEquals(instance.beat(0, at(0), ["a"]), {
    id: instance.id,
    name: "web-1",
    kinds: ["a"],
    slots: 10,
    library: VERSION,
    app: "7",
    startedAt: at(0),
    stopping: false,
    timeoutMs: 60_000,
  });
});

Deno.test("a record is written once a heartbeat, or when it has changed", () => {
  const instance = new Instance(settings);
  assertEquals(instance.isKnown, false);
  const isWritten = (ms: number) => instance.beat(ms, at(ms), []) !== undefined;
  assertEquals([0, 1, 11_999, 12_000, 12_001].map(isWritten), [
    true,
    false,
    false,
    true,
    false,
  ]);
  assertEquals(instance.isKnown, true);
  instance.stopping = true;
  instance.changed();
  const record = instance.beat(12_002, at(12_002), []);
  assertEquals([record?.stopping, record?.startedAt], [true, at(0)]);
});

Deno.test("ids and tokens are unlike each other, and tokens are safe integers above 0", () => {
  assertNotEquals(new Instance(settings).id, new Instance(settings).id);
  const tokens = Array.from({ length: 100 }, randomToken);
  assertEquals(new Set(tokens).size, 100);
  assertEquals(
    tokens.every((token) => Number.isSafeInteger(token) && token > 0),
    true,
  );
});

Deno.test("the version is that of the package", () => {
  assertEquals(VERSION, config.version);
});

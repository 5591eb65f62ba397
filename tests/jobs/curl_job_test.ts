import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import {
  CurlJob,
  CurlJobError,
  type CurlJobOptions,
} from "../../jobs/curl_job.ts";
import { SchedulerError } from "../../src/api/errors.ts";
import { jobContext, jobTask } from "../helpers/job_task.ts";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** Runs a test beside a server of its own, of which nothing stays. */
async function withServer(
  answer: Answer,
  test: (url: string) => Promise<void>,
): Promise<void> {
  const server = createServer(answer);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    await test(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

async function run(job: CurlJob, signal?: AbortSignal): Promise<string> {
  const task = jobTask("not sent");
  assertStrictEquals(await job.execute(task, jobContext(signal)), task);
  return task.result;
}

async function failureOf(job: CurlJob): Promise<CurlJobError> {
  const error = await assertRejects(() => run(job), CurlJobError);
  assertInstanceOf(error, SchedulerError);
  return error as CurlJobError;
}

Deno.test("a curl job keeps the status and the body of the answer", async () => {
  await withServer((_, response) => response.end("Grüße\n"), async (url) => {
    const job = new CurlJob("clock", new URL(url));
    assertEquals(job.kind, "clock");
    assertEquals(await run(job), "200\nGrüße\n");
  });
});

Deno.test("a curl job keeps the status alone if there is no body", async () => {
  const answer: Answer = (_, response) => response.writeHead(204).end();
  await withServer(answer, async (url) => {
    assertEquals(await run(new CurlJob("curl", url)), "204\n");
    assertEquals(
      await run(new CurlJob("curl", url, { method: "HEAD" })),
      "204\n",
    );
  });
});

Deno.test("a curl job sends the same request on every run", async () => {
  const answer: Answer = async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { method, headers } = request;
    response.end(`${method} ${headers["x-key"]} ${Buffer.concat(chunks)}`);
  };
  await withServer(answer, async (url) => {
    const form = new FormData();
    form.set("field", "value");
    const bodies: [BodyInit, string][] = [
      ['{"a":1}', '{"a":1}'],
      [new TextEncoder().encode("bytes"), "bytes"],
      [new URLSearchParams({ a: "b c" }), "a=b+c"],
      [new Blob(["blob"]), "blob"],
      [form, 'name="field"'],
    ];
    for (const [body, sent] of bodies) {
      const headers = new Headers({ "x-key": "k" });
      const init: RequestInit = { method: "POST", headers, body };
      const job = new CurlJob("post", url, init);
      headers.set("x-key", "changed");
      init.method = "PUT";
      for (let runs = 0; runs < 3; runs++) {
        const result = await run(job);
        assert(result.startsWith("200\nPOST k "), result);
        assertStringIncludes(result, sent);
      }
    }
  });
});

Deno.test("a curl job fails if the status is not from 200 to 399", async () => {
  const answer: Answer = (request, response) => {
    response.writeHead(Number(request.url!.slice(1)));
    response.end(request.url === "/304" ? undefined : "details");
  };
  await withServer(answer, async (url) => {
    for (const status of [400, 404, 500, 599]) {
      const job = new CurlJob("curl-ping", `${url}/${status}`, {
        method: "post",
      });
      const error = await failureOf(job);
      assertEquals(error.name, "CurlJobError");
      assertEquals([error.status, error.body], [status, "details"]);
      assertEquals(error.url, `${url}/${status}`);
      for (const part of ['"curl-ping"', "POST", `${url}/${status}`]) {
        assertStringIncludes(error.message, part);
      }
      assertStringIncludes(error.message, `${status}: details`);
    }
    assertEquals(await run(new CurlJob("curl", `${url}/304`)), "304\n");
  });
});

Deno.test("a failed curl job leaves the result of the task as it was", async () => {
  const answer: Answer = (_, response) => response.writeHead(500).end("new");
  await withServer(answer, async (url) => {
    const task = jobTask();
    task.result = "old";
    const job = new CurlJob("curl", url);
    await assertRejects(() => job.execute(task, jobContext()), CurlJobError);
    assertEquals(task.result, "old");
  });
});

Deno.test("a curl job follows redirects as fetch does", async () => {
  const answer: Answer = (request, response) => {
    if (request.url === "/end") response.end("the end");
    else {response.writeHead(302, {
        location: request.url === "/loop" ? "/loop" : "/end",
      }).end("on");}
  };
  await withServer(answer, async (url) => {
    assertEquals(await run(new CurlJob("curl", url)), "200\nthe end");
    const manual = new CurlJob("curl", url, { redirect: "manual" });
    assertMatch(await run(manual), /^302\n/);
    const none = await failureOf(
      new CurlJob("curl", url, { redirect: "error" }),
    );
    assertInstanceOf(none.cause, TypeError);
    await failureOf(new CurlJob("curl", `${url}/loop`));
  });
});

Deno.test("a curl job cuts a body that never ends, and marks it", async () => {
  const closed = Promise.withResolvers<void>();
  const answer: Answer = (_, response) => {
    const more = () => {
      while (!response.destroyed && response.write("x".repeat(10_000)));
    };
    response.on("drain", more);
    response.on("close", closed.resolve);
    more();
  };
  await withServer(answer, async (url) => {
    const result = await run(new CurlJob("curl", url));
    assertEquals(result.slice(0, 65_540), `200\n${"x".repeat(65_536)}`);
    assertMatch(result.slice(65_540), /^… \(cut.*\)$/);
    await closed.promise; // The rest is not fetched.
  });
});

Deno.test("a curl job cuts between characters", async () => {
  await withServer((_, response) => response.end("a€"), async (url) => {
    const cut = (maxBodyBytes: number) =>
      run(new CurlJob("curl", url, {}, { maxBodyBytes }));
    assertMatch(await cut(0), /^200\n… \(cut.*\)$/);
    assertMatch(await cut(3), /^200\na… \(cut.*\)$/);
    assertEquals(await cut(4), "200\na€");
  });
});

Deno.test("a curl job turns what is not UTF-8 into U+FFFD", async () => {
  const answer: Answer = (_, response) =>
    response.end(new Uint8Array([0x61, 0xff, 0x62]));
  await withServer(answer, async (url) => {
    assertEquals(await run(new CurlJob("curl", url)), "200\na\uFFFDb");
  });
});

Deno.test("a curl job that takes too long fails, also in the middle of the body", async () => {
  const answer: Answer = (request, response) => {
    if (request.url === "/body") response.write("begun");
  };
  await withServer(answer, async (url) => {
    for (const path of ["/head", "/body"]) {
      const job = new CurlJob("slow", url + path, {}, { timeoutMs: 100 });
      const error = await failureOf(job);
      for (const part of ['"slow"', "GET", path, "100 ms"]) {
        assertStringIncludes(error.message, part);
      }
      assertEquals(error.body, "");
    }
  });
});

Deno.test("an aborted signal keeps a curl job from starting", async () => {
  let requests = 0;
  const answer: Answer = (_, response) => {
    requests++;
    response.end();
  };
  await withServer(answer, async (url) => {
    const reason = new Error("not now");
    const thrown = await run(
      new CurlJob("curl", url),
      AbortSignal.abort(reason),
    ).catch((error) => error);
    assertStrictEquals(thrown, reason);
    assertEquals(requests, 0);
  });
});

Deno.test("an abort ends a curl job with its reason, also in the middle of the body", async () => {
  for (const path of ["/head", "/body"]) {
    const arrived = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<void>();
    const answer: Answer = (request, response) => {
      if (request.url === "/body") response.write("begun");
      response.on("close", closed.resolve);
      arrived.resolve();
    };
    await withServer(answer, async (url) => {
      const stop = new AbortController();
      const reason = new Error("the claim is lost");
      const running = run(new CurlJob("curl", url + path), stop.signal)
        .catch((error) => error);
      await arrived.promise;
      stop.abort(reason);
      assertStrictEquals(await running, reason);
      await closed.promise;
    });
  }
});

Deno.test("the signal of the request ends a curl job", async () => {
  const stop = new AbortController();
  const reason = new Error("switched off");
  await withServer(() => stop.abort(reason), async (url) => {
    const job = new CurlJob("curl", url, { signal: stop.signal });
    for (let runs = 0; runs < 2; runs++) {
      const error = await failureOf(job);
      assertStrictEquals(error.cause, reason);
      assertStringIncludes(error.message, "switched off");
    }
  });
});

Deno.test("a curl job leaves no listener on the signals", async () => {
  let listeners = 0;
  const counted = () => {
    const { signal } = new AbortController();
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: unknown[]) => {
      listeners++;
      return Reflect.apply(addEventListener, signal, args);
    };
    signal.removeEventListener = (...args: unknown[]) => {
      listeners--;
      return Reflect.apply(removeEventListener, signal, args);
    };
    return signal;
  };
  const [theirs, ours] = [counted(), counted()];
  await withServer((_, response) => response.end("x"), async (url) => {
    const init = { signal: theirs };
    await run(new CurlJob("curl", url, init), ours);
    await run(new CurlJob("curl", url, init), ours);
    assertEquals(listeners, 0);
  });
});

Deno.test("a curl job keeps the cause of a failure of the network", async () => {
  let url = "";
  await withServer(() => {}, (free) => Promise.resolve(void (url = free)));
  const error = await failureOf(new CurlJob("curl-down", `${url}/x`));
  for (const part of ['"curl-down"', "GET", `${url}/x`]) {
    assertStringIncludes(error.message, part);
  }
  assertMatch(error.message, /refused|unable to connect/i);
  assertInstanceOf(error.cause, Error);
  assertEquals([error.status, error.body], [undefined, ""]);
});

Deno.test("a curl job names each address that it could not reach", async () => {
  const { fetch } = globalThis;
  const refused = (to: string) => new Error(`connect ECONNREFUSED ${to}:1`);
  globalThis.fetch = () => {
    const cause = new AggregateError([refused("::1"), refused("127.0.0.1")]);
    return Promise.reject(new TypeError("fetch failed", { cause }));
  };
  try {
    const error = await failureOf(new CurlJob("curl", "http://localhost:1"));
    assertStringIncludes(error.message, "ECONNREFUSED ::1:1, connect");
    assertStringIncludes(error.message, "ECONNREFUSED 127.0.0.1:1");
  } finally {
    globalThis.fetch = fetch;
  }
});

Deno.test("a curl job marks where it cut the body in its message", async () => {
  const answer: Answer = (_, response) =>
    response.writeHead(500).end("x".repeat(2_000));
  await withServer(answer, async (url) => {
    const error = await failureOf(new CurlJob("curl", url));
    assertMatch(error.message, /500: x{1000}…$/);
    assertEquals(error.body.length, 2_000);
  });
});

Deno.test("a curl job says so if the answer breaks off", async () => {
  const answer: Answer = (_, response) => {
    response.writeHead(200, { "content-length": 100 });
    response.write("begun", () => response.destroy());
  };
  await withServer(answer, async (url) => {
    const error = await failureOf(new CurlJob("curl", url));
    assertInstanceOf(error.cause, Error);
  });
});

Deno.test("a curl job refuses a URL that fetch would refuse", () => {
  const faults: [unknown, string][] = [
    [undefined, "for undefined: expected a URL"],
    [5, "for 5: expected a URL"],
    ["undefined", 'for "undefined": expected a URL'],
    ["", "URL"],
    ["example.com/ping", "URL"],
    ["/ping", "URL"],
    ["ftp://example.com", "http"],
    ["file:///etc/passwd", "http"],
    ["https://me@example.com", "header"],
    ["https://me:secret@example.com", "header"],
    ["https://me:secret@example.com:99999", "URL"],
    ["ftp://me:secret@example.com/", "http"],
  ];
  for (const [url, fault] of faults) {
    const error = assertThrows(
      () => new CurlJob("curl", url as string),
      TypeError,
      fault,
    );
    const { message } = error as Error;
    assertStringIncludes(message, '"curl"');
    assert(!message.includes("secret"), message);
  }
});

Deno.test("a curl job refuses a request that cannot be sent, or not twice", () => {
  async function* chunks() {
    yield new Uint8Array();
  }
  const once = /only once/;
  const faults: [unknown, RegExp][] = [
    [{ body: new ReadableStream(), method: "POST", duplex: "half" }, once],
    [{ body: chunks(), method: "POST", duplex: "half" }, once],
    [{ body: "x" }, /body/i],
    [{ body: "", method: "head" }, /body/i],
    [{ method: "NOT A METHOD" }, /method/i],
    [{ headers: { "not a name": "x" } }, /"not a name"/],
    [{ headers: { token: undefined } }, /"token"/],
    [{ headers: new Map([["a b", "x"]]) }, /"a b"/],
    [{ headers: null }, /headers are null: expected an object of strings/],
    [{ headers: 5 }, /headers are a number: expected/],
    [{ headers: "a: b" }, /headers are a string: expected/],
    [{ headers: [["a"]] }, /headers are a list of something other than pairs/],
    [{ timeout: 5 }, /has "timeout".*expected "timeoutMs"/],
    [{ timeoutMs: 5 }, /has "timeoutMs".*expected "timeoutMs"/],
    [{ maxBodyBytes: 5 }, /expected "maxBodyBytes"/],
    [{ maxBytes: 5 }, /expected "maxBodyBytes"/],
    [null, /request is null/],
    [[], /request is .*: expected an object/],
  ];
  for (const [init, fault] of faults) {
    const error = assertThrows(
      () => new CurlJob("curl", "https://example.com", init as RequestInit),
      TypeError,
    );
    assertMatch((error as Error).message, /^Cannot .*"curl"/);
    assertMatch((error as Error).message, fault);
  }
});

Deno.test("a curl job names a header that cannot be sent, but not its value", () => {
  for (const value of ["s3cr\net", "s3cr\u20acet"]) {
    const given: RequestInit["headers"][] = [
      { accept: "*/*", authorization: value },
      [["accept", "*/*"], ["authorization", value]],
    ];
    for (const headers of given) {
      const error = assertThrows(
        () => new CurlJob("curl", "https://example.com", { headers }),
        TypeError,
        "authorization",
      ) as Error;
      assert(
        !`${error.message} ${error.cause}`.includes("s3cr"),
        error.message,
      );
    }
  }
});

Deno.test("no error of a curl job shows the secrets in its URL", async () => {
  const secrets = ["t0k3nOfTheQuery", "5b0f3c1e-8f0a-4d5e-9c7b", "fr4gm3nt"];
  const path = `/hook/${secrets[1]}?key=${secrets[0]}#${secrets[2]}`;
  const errors: Error[] = [];
  const answer: Answer = (request, response) => {
    response.writeHead(request.url!.startsWith("/loop") ? 302 : 500, {
      location: request.url!,
    }).end(`Cannot ${request.method} ${request.url}`);
  };
  let [free, body] = ["", ""];
  await withServer(answer, async (url) => {
    free = url;
    const refused = await failureOf(new CurlJob("curl", url + path));
    body = refused.body;
    const loop = new CurlJob("curl", `${url}/loop${path}`);
    errors.push(refused, await failureOf(loop));
  });
  assertStringIncludes(body, secrets[1]); // What was answered stays as it is.
  errors.push(await failureOf(new CurlJob("curl", free + path)));
  for (const url of ["ftp:", "https://me:pw@x:99999"]) {
    const make = () => new CurlJob("curl", url + path);
    errors.push(assertThrows(make, TypeError) as Error);
  }
  for (const error of errors) {
    const { url, cause } = error as CurlJobError;
    const { stack, cause: deeper } = (cause ?? {}) as Error;
    const shown = [error.message, error.stack, url, cause, stack, deeper];
    for (const secret of secrets) {
      assert(!shown.join(" ").includes(secret), shown.join(" "));
    }
    assertStringIncludes(error.message, "/hook/…");
  }
});

Deno.test("a curl job refuses impossible options", () => {
  const options = [
    { timeoutMs: 0 },
    { timeoutMs: NaN },
    { timeoutMs: Infinity },
    { timeoutMs: 2 ** 31 },
    { maxBodyBytes: -1 },
    { maxBodyBytes: NaN },
    { maxBodyBytes: 1.5 },
  ];
  for (const option of options) {
    assertThrows(
      () => new CurlJob("curl", "https://example.com", {}, option),
      RangeError,
      Object.keys(option)[0],
    );
  }
  assertThrows(
    () => new CurlJob("", "https://example.com"),
    RangeError,
    "kind",
  );
  const wrong: unknown[][] = [
    [undefined, { timeout: 5 }, 'perhaps "timeoutMs" was meant'],
    [undefined, null, "expected an object"],
    [{ timeoutMs: 5 }, {}, "among the options"],
    [null, {}, "expected an object"],
    ["POST", {}, "expected an object"],
  ];
  for (const [init, options, fault] of wrong) {
    assertThrows(
      () => new CurlJob("curl", "https://x", init as object, options as object),
      TypeError,
      fault as string,
    );
  }
  const nothing: CurlJobOptions = {
    timeoutMs: undefined,
    maxBodyBytes: undefined,
  };
  new CurlJob("curl", "https://example.com", undefined, nothing);
});

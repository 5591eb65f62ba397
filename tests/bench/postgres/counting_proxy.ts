/** Stands before a server and counts the statements that come through. */
export class CountingProxy implements Disposable {
  statements = 0;
  readonly url: string;
  readonly #listener: Deno.TcpListener;

  constructor(url: string) {
    const target = new URL(url);
    const { hostname } = target;
    const port = Number(target.port);
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    target.port = `${listener.addr.port}`;
    this.url = target.href;
    this.#listener = listener;
    void this.#accept(listener, { hostname, port });
  }

  /** Takes no more connections; those that it has end with their clients. */
  [Symbol.dispose](): void {
    this.#listener.close();
  }

  async #accept(
    listener: Deno.TcpListener,
    target: Deno.ConnectOptions,
  ): Promise<void> {
    for await (const client of listener) {
      const server = await Deno.connect(target);
      void server.readable.pipeTo(client.writable).catch(() => {});
      void client.readable.pipeThrough(this.#counter())
        .pipeTo(server.writable).catch(() => {});
    }
  }

  /** Each message has a type, but the first; then its length. */
  #counter(): TransformStream<Uint8Array, Uint8Array> {
    let rest: number[] = [];
    let isFirst = true;
    return new TransformStream({
      transform: (chunk, controller) => {
        rest.push(...chunk);
        for (;;) {
          const head = isFirst ? 0 : 1;
          const [a, b, c, d] = rest.slice(head, head + 4);
          const end = head + a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d;
          if (!(end <= rest.length)) break;
          const type = isFirst ? "" : String.fromCharCode(rest[0]);
          if (type === "E" || type === "Q") this.statements++;
          rest = rest.slice(end);
          isFirst = false;
        }
        controller.enqueue(chunk);
      },
    });
  }
}

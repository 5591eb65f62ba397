/** Stands between client and server, and breaks the line on demand. */
export class TcpProxy implements AsyncDisposable {
  /**
   * What becomes of the answers of the server: they get through, they and
   * everything else are held up for ever, or the next one cuts the line.
   */
  answers: "pass" | "hold" | "cut" = "pass";
  /** Where connections lead from now on; `undefined`: nowhere, they are cut. */
  target: URL | undefined;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections = new Set<Deno.Conn>();
  readonly #pumps = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;

  /** Passes on to this server. */
  constructor(target: URL) {
    this.target = target;
    this.#accepting = this.#accept();
  }

  /** Where it listens. */
  get port(): number {
    return this.#listener.addr.port;
  }

  /** The URL of the server, by way of the proxy. */
  via(url: string): string {
    const via = new URL(url);
    via.port = `${this.port}`;
    return via.href;
  }

  /** Cuts all connections. */
  cut(): void {
    for (const connection of this.#connections) close(connection);
    this.#connections.clear();
  }

  /** Cuts everything and ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    close(this.#listener);
    this.cut();
    await this.#accepting;
    await Promise.all(this.#pumps);
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      if (this.target === undefined) {
        close(client);
        continue;
      }
      const { hostname, port } = this.target;
      const server = await Deno.connect({ hostname, port: Number(port) });
      this.#connections.add(client).add(server);
      this.#pump(client, server, () => this.answers !== "hold");
      this.#pump(server, client, () => {
        if (this.answers !== "cut") return this.answers === "pass";
        this.answers = "pass";
        close(client);
        close(server);
        return false;
      });
    }
  }

  #pump(from: Deno.Conn, to: Deno.Conn, passes: () => boolean): void {
    const pump = (async () => {
      const buffer = new Uint8Array(65_536);
      try {
        for (;;) {
          const length = await from.read(buffer);
          if (length === null) break;
          for (let at = 0; passes() && at < length;) {
            at += await to.write(buffer.subarray(at, length));
          }
        }
      } catch {
        // The line is cut.
      }
      close(to);
    })();
    this.#pumps.add(pump);
  }
}

function close(closable: { close(): void }): void {
  try {
    closable.close();
  } catch {
    // It is closed already.
  }
}

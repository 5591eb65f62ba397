import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory for one test: it goes with all that is in it. */
export class TemporaryDirectory implements Disposable {
  /** Where it is. */
  readonly path: string = mkdtempSync(join(tmpdir(), "scheduler-"));

  /** The path of a file in it. */
  file(name: string): string {
    return join(this.path, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

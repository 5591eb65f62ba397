import { assertEquals } from "@std/assert";
import { absoluteLinks } from "../../scripts/absolute_links.ts";

const REPOSITORY = "https://example.com/repo";

function links(...lines: string[]): string[] {
  return absoluteLinks(lines.join("\n"), REPOSITORY).split("\n");
}

Deno.test("relative links lead to the repository", () => {
  assertEquals(
    links(
      "[a](LICENSE), [`b`](./docs/b.md#part) and [c](/c.md)",
      "[d]: docs/d.md",
    ),
    [
      `[a](${REPOSITORY}/blob/main/LICENSE), [\`b\`](${REPOSITORY}/blob/main/docs/b.md#part) and [c](${REPOSITORY}/blob/main/c.md)`,
      `[d]: ${REPOSITORY}/blob/main/docs/d.md`,
    ],
  );
});

Deno.test("images lead to the raw file", () => {
  assertEquals(links("![flow](docs/flow.svg)"), [
    `![flow](${REPOSITORY}/raw/main/docs/flow.svg)`,
  ]);
});

Deno.test("an image in a link leads to the raw file, and the link to the page", () => {
  assertEquals(
    links(
      "[![ci](./img/ci.svg)](docs/ci.md) [![][a] b](c.md)",
      "[![ci](https://example.org/ci.svg)](docs/ci.md)",
    ),
    [
      `[![ci](${REPOSITORY}/raw/main/img/ci.svg)](${REPOSITORY}/blob/main/docs/ci.md) [![][a] b](${REPOSITORY}/blob/main/c.md)`,
      `[![ci](https://example.org/ci.svg)](${REPOSITORY}/blob/main/docs/ci.md)`,
    ],
  );
});

Deno.test("paths are resolved as on the page of the repository", () => {
  assertEquals(
    links(
      "[a](<docs/a b.md>) [b](docs/../b.md) [c](../../issues)",
      "[d](docs/d(1).md 'a title')",
      "",
      "[e]: <docs/e.md> 'a title'",
    ),
    [
      `[a](${REPOSITORY}/blob/main/docs/a%20b.md) [b](${REPOSITORY}/blob/main/b.md) [c](${REPOSITORY}/issues)`,
      `[d](${REPOSITORY}/blob/main/docs/d(1).md 'a title')`,
      "",
      `[e]: ${REPOSITORY}/blob/main/docs/e.md 'a title'`,
    ],
  );
});

Deno.test("links to elsewhere, and to the page itself, stay as they are", () => {
  const lines = [
    "[a](https://example.org/x) [b](#install) [c](mailto:a@example.org)",
    "[d]: https://example.org/y",
    "[e](//example.org) [f](<https://example.org>) [g]() a](b.md) \\[h](i.md)",
    "[^1]: a footnote",
  ];
  assertEquals(links(...lines), lines);
});

Deno.test("code stays as it is", () => {
  const lines = [
    "    indented[kind](task)",
    "",
    "`handlers[kind](task)` and ``a`[kind](task)``, and `over",
    "lines[kind](task)`",
    "",
    "    after[a](paragraph)",
    "",
    "    goes[on](here)",
    "````md",
    "```ts",
    "handlers[kind](task)",
    "```",
    "still[in](it)",
    "````",
    "~~~",
    "```",
    "handlers[kind](task)",
    "~~~",
  ];
  assertEquals(links(...lines), lines);
});

Deno.test("what only looks like code is rewritten", () => {
  const lines = [
    "a lone ` and",
    "    a line that goes on, with [a](x)",
    "",
    "not closed ` before [a](x)",
    "",
    "- an item",
    "",
    "    its second paragraph, with [a](x)",
    "",
    "```a span``` and [a](x)",
  ];
  assertEquals(
    links(...lines),
    lines.map((line) =>
      line.replace("[a](x)", `[a](${REPOSITORY}/blob/main/x)`)
    ),
  );
});

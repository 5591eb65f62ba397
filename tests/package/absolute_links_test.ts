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

Deno.test("links to elsewhere, to the page itself, and code stay as they are", () => {
  const lines = [
    "[a](https://example.org/x) [b](#install) [c](mailto:a@example.org)",
    "[d]: https://example.org/y",
    "```ts",
    "handlers[kind](task)",
    "```",
  ];
  assertEquals(links(...lines), lines);
});

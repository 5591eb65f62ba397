const FENCE = /^ *(?:`{3,}|~{3,})/;
/** `](path` and `![…](path`, `[name]: path`; not what has a scheme, or is on the page. */
const LINK = /(!?)(\[[^\]]*\]\()(?!#|[a-z][a-z+.-]*:|\/\/)([^\s)]+)/gi;
const DEFINITION = /^()( *\[[^\]]+\]: +)(?!#|[a-z][a-z+.-]*:|\/\/)(\S+)/i;

/**
 * Rewrites the relative links of a Markdown page, which lead nowhere on npm.
 * Blocks of code stay as they are.
 */
export function absoluteLinks(markdown: string, repository: string): string {
  let inCode = false;
  return markdown.split("\n").map((line) => {
    if (FENCE.test(line)) inCode = !inCode;
    return inCode ? line : line.replace(LINK, link).replace(DEFINITION, link);
  }).join("\n");

  function link(_: string, image: string, before: string, path: string) {
    const view = image === "" ? "blob" : "raw";
    const target = path.replace(/^(\.?\/)+/, "");
    return `${image}${before}${repository}/${view}/main/${target}`;
  }
}

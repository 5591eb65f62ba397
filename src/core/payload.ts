import { PayloadError } from "../api/errors.ts";
import type { JsonValue } from "../api/task.ts";
import { NO_BYTES } from "./bytes.ts";
import { errorText } from "./text.ts";

const encoder = new TextEncoder();

/**
 * The bytes of a payload: a string as UTF-8, bytes as they are, none as none,
 * anything else as JSON. Throws a `PayloadError` if that cannot be, or if the
 * store does not take as much.
 */
export function encodePayload(
  slug: string,
  payload: Uint8Array | string | JsonValue | undefined,
  maxBytes: number,
): Uint8Array {
  const bytes = payload === undefined
    ? NO_BYTES
    : payload instanceof Uint8Array
    ? payload
    : typeof payload === "string"
    ? encoder.encode(payload)
    : encoder.encode(toJson(slug, payload));
  if (bytes.length > maxBytes) {
    throw new PayloadError(
      `Cannot schedule "${slug}": its payload has ${bytes.length} bytes; ` +
        `the store takes at most ${maxBytes}`,
    );
  }
  return bytes;
}

function toJson(slug: string, payload: JsonValue): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(payload);
  } catch (cause) {
    throw new PayloadError(
      `Cannot schedule "${slug}": its payload is not JSON: ${errorText(cause)}`,
      { cause },
    );
  }
  if (json === undefined) {
    throw new PayloadError(
      `Cannot schedule "${slug}": its payload is a ${typeof payload}; ` +
        "it must be a Uint8Array, a string or a JSON value",
    );
  }
  return json;
}

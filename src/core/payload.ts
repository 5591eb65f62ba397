import { PayloadError } from "../api/errors.ts";
import type { JsonValue } from "../api/task.ts";
import { copyBytes, NO_BYTES } from "./bytes.ts";
import { errorText } from "./text.ts";

const encoder = new TextEncoder();

/**
 * The bytes of a payload: a copy of bytes, none for none, and anything else as
 * JSON. Throws a `PayloadError` if that cannot be, or if the store does not take
 * as much.
 */
export function encodePayload(
  slug: string,
  payload: Uint8Array | JsonValue | undefined,
  maxBytes: number,
): Uint8Array {
  const bytes = payload === undefined
    ? NO_BYTES
    : payload instanceof Uint8Array
    ? payload
    : encoder.encode(toJson(slug, payload));
  if (bytes.length > maxBytes) {
    throw new PayloadError(
      `Cannot schedule "${slug}" with a payload of ${bytes.length} bytes: ` +
        `expected at most ${maxBytes}, which is what the store takes`,
    );
  }
  return bytes === payload ? copyBytes(bytes) : bytes;
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
      `Cannot schedule "${slug}" with a ${typeof payload} as its payload: ` +
        "expected a Uint8Array or a JSON value",
    );
  }
  return json;
}

/** Names of hosts as text (RFC 1123 §2.1, RFC 6761), and text that is meant to be one. */
import { invalid, shown } from "../checks.ts";

/** RFC 1035 §2.3.4: octets of a label, and of a name as text. */
const LABEL_MAX = 63;
const NAME_MAX = 253;

const LABEL = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$/;

/** RFC 6761 §6.3: these are this host, and no server is asked. */
export function isLocalhost(name: string): boolean {
  return name === "localhost" || name.endsWith(".localhost");
}

/** Whether this can be the name of a host. A last label of digits would be an address (RFC 1123 §2.1). */
export function isName(text: string): boolean {
  return /^(?=.*[^\d.])[^\s/\\:[\]@%"'`]+$/.test(text) && !/^\d+$/.test(text.split(".").at(-1)!);
}

/** The name as DNS has it: lower case, without the final dot, international ones in ASCII. @throws CallError EINVAL. */
export function asciiName(text: string): string {
  const bare = text.endsWith(".") ? text.slice(0, -1) : text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII has them.
  const name = /^[\x00-\x7f]*$/.test(bare) ? bare.toLowerCase() : international(bare);
  const labels = name.split(".");
  const long = labels.find((label) => label.length > LABEL_MAX);
  if (long !== undefined)
    throw invalid(`${shown(text)} is not a name: ${shown(long)} has more than ${LABEL_MAX} octets`);
  if (name.length > NAME_MAX) throw invalid(`${shown(text)} is not a name: it has more than ${NAME_MAX} octets`);
  if (labels.every((label) => LABEL.test(label))) return name;
  throw invalid(`${shown(text)} is not a name: names have letters, digits, hyphens and dots, such as example.org`);
}

/** Whether the text is a name as `asciiName` returns it. */
export function isAsciiName(text: string): boolean {
  return text.length <= NAME_MAX && text.split(".").every((label) => label.length <= LABEL_MAX && LABEL.test(label));
}

function international(text: string): string {
  try {
    return new URL(`http://${text}`).hostname;
  } catch {
    throw invalid(`${shown(text)} is not a name: use one such as example.org`);
  }
}

/** The opening handshake of a WebSocket (RFC 6455 §4.1), from the client's side. */
import { builtin } from "../globals.ts";

/** §1.3. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/** The longest head of an answer. */
const HEAD_MAX = 64 << 10;

/** What was asked for. */
export interface Upgrade {
  readonly url: URL;
  /** 16 random octets in base64. */
  readonly key: string;
  readonly protocols: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
}

export function upgradeRequest({ url, key, protocols, headers }: Upgrade): string {
  const isDefault = url.port === "";
  const fields: Record<string, string> = {
    host: isDefault ? url.hostname : `${url.hostname}:${url.port}`,
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-key": key,
    "sec-websocket-version": "13",
    ...(protocols.length === 0 ? {} : { "sec-websocket-protocol": protocols.join(", ") }),
    ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`);
  return `GET ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`;
}

/** What the server answered: the protocol that it chose, and what followed its head; null: its head is not whole yet. */
export function upgradeAnswer(
  octets: Uint8Array,
  { key, protocols }: Upgrade,
): { protocol: string; rest: Uint8Array } | null {
  const end = Buffer.from(octets.buffer, octets.byteOffset, octets.length).indexOf("\r\n\r\n");
  if (end < 0) {
    if (octets.length > HEAD_MAX) throw new Error("the server's answer does not end");
    return null;
  }
  const [status, ...lines] = Buffer.from(octets.subarray(0, end)).toString("latin1").split("\r\n");
  if (!/^HTTP\/1\.1 101(?: |$)/.test(status!)) throw new Error(`the server answered "${status}" instead of 101`);
  const fields = new Map(
    lines.map((line) => [
      line.slice(0, line.indexOf(":")).trim().toLowerCase(),
      line.slice(line.indexOf(":") + 1).trim(),
    ]),
  );
  const { createHash } = builtin("node:crypto") as unknown as typeof import("node:crypto");
  const accept = createHash("sha1").update(`${key}${GUID}`).digest("base64");
  if (fields.get("upgrade")?.toLowerCase() !== "websocket") throw new Error("the server's Upgrade is not websocket");
  if (!/\bupgrade\b/i.test(fields.get("connection") ?? "")) throw new Error("the server's Connection is not Upgrade");
  if (fields.get("sec-websocket-accept") !== accept) throw new Error("the server's Sec-WebSocket-Accept is wrong");
  if (fields.has("sec-websocket-extensions")) throw new Error("the server uses an extension that was not asked for");
  const protocol = fields.get("sec-websocket-protocol") ?? "";
  if (protocol !== "" && !protocols.includes(protocol)) throw new Error(`the server chose the protocol ${protocol}`);
  return { protocol, rest: octets.subarray(end + 4) };
}

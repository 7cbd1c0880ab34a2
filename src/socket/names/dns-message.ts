/** DNS messages (RFC 1035) by a library: questions as octets, and what an answer says about one. */
import type { Answer, Packet } from "@dnsquery/dns-packet";
import { parseAddress } from "#ip/address";
import { isAsciiName } from "./name-text.ts";

/** The types of records that name addresses. */
export type AddressType = "A" | "AAAA";

export interface Question {
  readonly id: number;
  /** In lower case. */
  readonly name: string;
  readonly type: AddressType;
}

/** What a server said. `addresses` and `alias` are only of an answer. */
export interface Reply {
  /** "answer": addresses, an alias that has none here, or neither (the name has no address of this type). */
  readonly kind: "answer" | "no-name" | "truncated" | "failed" | "bad-format";
  readonly addresses: readonly string[];
  /** The name at the end of the CNAMEs, if it has no address in this answer. */
  readonly alias: string | null;
  /** The response code, "SERVFAIL", or what else is wrong with the answer. */
  readonly code: string;
}

/** A chain of more CNAMEs than this is not followed. */
export const ALIASES_MAX = 16;

/** RFC 9715: datagrams of this size are not fragmented on any usual path. */
const UDP_PAYLOAD = 1_232;

type Codec = Pick<typeof import("@dnsquery/dns-packet"), "decode" | "encode" | "RECURSION_DESIRED">;

/** Loads the library when the first name is resolved. */
export const loadCodec = async (): Promise<Codec> => import("@dnsquery/dns-packet");

/** The query as octets. @param extended with EDNS (RFC 6891), so that larger answers fit in a datagram */
export function encodeQuestion(codec: Codec, { id, name, type }: Question, extended: boolean): Uint8Array {
  const option = { type: "OPT" as const, name: ".", udpPayloadSize: UDP_PAYLOAD, flags: 0, options: [] };
  return codec.encode({
    type: "query",
    id,
    flags: codec.RECURSION_DESIRED,
    questions: [{ type, name, class: "IN" }],
    ...(extended ? { additionals: [option as never] } : {}),
  });
}

/** What the octets say about the question; null: they are no answer to it, and whoever sent them is to be ignored (RFC 5452 §9). */
export function readReply(codec: Codec, bytes: Uint8Array, question: Question): Reply | null {
  let packet: Packet;
  try {
    packet = codec.decode(bytes);
  } catch {
    return null;
  }
  if (packet.id !== question.id || packet.type !== "response") return null;
  const code: string = packet.rcode ?? "NOERROR";
  const [asked, ...others] = packet.questions ?? [];
  // Servers that cannot read a query may answer without its question.
  if (asked === undefined && code === "FORMERR") return reply("bad-format", code);
  if (asked === undefined || others.length > 0) return null;
  if (asked.type !== question.type || asked.class !== "IN" || !isSame(asked.name, question.name)) return null;
  if (packet.flag_tc) return reply("truncated", code);
  if (code === "NXDOMAIN") return reply("no-name", code);
  if (code === "FORMERR" || code === "NOTIMP") return reply("bad-format", code);
  if (code !== "NOERROR") return reply("failed", code);
  return answer(packet.answers ?? [], question);
}

function reply(kind: Reply["kind"], code: string): Reply {
  return { kind, addresses: [], alias: null, code };
}

/** Follows the CNAMEs of the answer from the asked name on, and takes the addresses of the last name. */
function answer(records: readonly Answer[], { name, type }: Question): Reply {
  let at = name;
  for (let i = 0; i < ALIASES_MAX; i++) {
    const alias = records.find((record) => record.type === "CNAME" && isIn(record) && isSame(record.name, at));
    if (alias === undefined) break;
    at = (alias.data as string).toLowerCase();
  }
  const family = type === "A" ? 4 : 6;
  const addresses = records
    .filter((record) => record.type === type && isIn(record) && isSame(record.name, at))
    .map(({ data }) => parseAddress(String(data)))
    .filter((address) => address !== null && address.family === family)
    .map(String);
  const alias = addresses.length === 0 && at !== name ? at : null;
  // A server may call any octets an alias. A question about those would not be a well-formed message.
  if (alias !== null && !isAsciiName(alias)) return reply("failed", "with an alias that is not a name");
  return { kind: "answer", addresses, alias, code: "NOERROR" };
}

/** Records without a class are those of EDNS, which have none. */
function isIn(record: Answer): boolean {
  return (record as { class?: string }).class === "IN";
}

function isSame(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

import { CookieKeys, KEY } from "#tcp/open/fast-open-cookie";
import type { SettingValue, SocketOptions } from "../../posix/target.ts";
import type { Params } from "./settings.ts";

/** Converts Linux's settings of TCP Fast Open to the stack's parameters. */

/** Bits of net.ipv4.tcp_fastopen. */
const CLIENT = 0x1;
const SERVER = 0x2;
const CLIENT_COOKIELESS = 0x4;
const SERVER_COOKIELESS = 0x200;
const EVERY_LISTENER = 0x400;

/** FreeBSD has a sysctl for each of three of the bits. */
export function fastOpenBit(setting: string): number | undefined {
  return { fastOpenClient: CLIENT, fastOpenServer: SERVER, fastOpenAcceptAny: SERVER_COOKIELESS }[setting];
}

/** The bits for peers over a route with fastopen_no_cookie. */
export function withoutCookies(bits: number): number {
  return bits | CLIENT_COOKIELESS | SERVER_COOKIELESS;
}

export function mayOpenFast(bits: number): boolean {
  return (bits & CLIENT) !== 0;
}

/** @param asked whether the call uses Fast Open */
export function clientParams(bits: number, options: SocketOptions, asked: boolean): Params {
  const fastOpenCookieless = (bits & CLIENT_COOKIELESS) !== 0 || Boolean(options.get("TCP_FASTOPEN_NO_COOKIE"));
  return { fastOpen: asked, fastOpenCookieless: asked && fastOpenCookieless };
}

export function serverParams(bits: number, options: SocketOptions, backlog: number): Params {
  const asked = Number(options.get("TCP_FASTOPEN") ?? 0) || ((bits & EVERY_LISTENER) !== 0 ? backlog : 0);
  return {
    fastOpenBacklog: (bits & SERVER) !== 0 ? asked : 0,
    fastOpenCookieless: (bits & SERVER_COOKIELESS) !== 0 || Boolean(options.get("TCP_FASTOPEN_NO_COOKIE")),
  };
}

/** One key or two separated by a comma, each of four words of hex digits; undefined if invalid. */
export function keysOfSetting(text: SettingValue): CookieKeys | undefined {
  const octets = String(text).split(",").map(ofWords);
  const [primary, backup] = octets;
  if (!primary || octets.length > 2 || (octets.length === 2 && !backup)) return undefined;
  return new CookieKeys(primary, backup);
}

/** The kernel stores each word in machine order: the last octet first. */
function ofWords(text: string): Uint8Array | undefined {
  if (!/^\s*[0-9a-f]{1,8}(-[0-9a-f]{1,8}){3}\s*$/i.test(text)) return undefined;
  const key = new Uint8Array(KEY);
  text
    .trim()
    .split("-")
    .forEach((word, i) => {
      const n = Number.parseInt(word, 16);
      for (let k = 0; k < 4; k++) key[4 * i + k] = n >>> (8 * k);
    });
  return key;
}

/** TCP_FASTOPEN_KEY: 16 or 32 octets as hex digits; undefined if invalid. */
export function keysOfOption(digits: SettingValue): CookieKeys | undefined {
  if (typeof digits !== "string" || !/^([0-9a-f]{32}){1,2}$/i.test(digits)) return undefined;
  const octets = Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  return new CookieKeys(octets, octets.length > KEY ? octets.subarray(KEY) : null);
}

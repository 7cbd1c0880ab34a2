import { describe, expect, test } from "bun:test";
import {
  clientParams,
  keysOfOption,
  keysOfSetting,
  mayOpenFast,
  serverParams,
} from "#lab/drill/targets/stack/fast-open";
import type { CookieKeys } from "#tcp/open/fast-open-cookie";
import { address } from "../support/naive/ip.ts";

const cookie = (keys: CookieKeys | undefined) => {
  keys?.make(address("192.0.2.1"), address("192.168.0.1"));
  return Buffer.from(keys?.cookie ?? []).toString("hex");
};

describe("Linux' words for Fast Open", () => {
  test("net.ipv4.tcp_fastopen, bit by bit", () => {
    const asked = new Map([["TCP_FASTOPEN", 5]]);
    const none = new Map<string, number>();
    expect([0, 1, 2, 3].map(mayOpenFast)).toEqual([false, true, false, true]);
    expect(clientParams(1, none, true)).toEqual({ fastOpen: true, fastOpenCookieless: false });
    expect(clientParams(5, none, true)).toEqual({ fastOpen: true, fastOpenCookieless: true });
    expect(clientParams(5, none, false)).toEqual({ fastOpen: false, fastOpenCookieless: false });
    const backlog = (bits: number, options: ReadonlyMap<string, number>) =>
      serverParams(bits, options, 9).fastOpenBacklog;
    expect([backlog(1, asked), backlog(2, asked), backlog(2, none)]).toEqual([0, 5, 0]);
    expect([backlog(0x402, none), backlog(0x402, asked), backlog(0x400, none)]).toEqual([9, 5, 0]);
    expect(serverParams(0x202, asked, 9).fastOpenCookieless).toBe(true);
    expect(serverParams(2, new Map([["TCP_FASTOPEN_NO_COOKIE", 1]]), 9).fastOpenCookieless).toBe(true);
  });

  test("net.ipv4.tcp_fastopen_key: words of the machine, one key or two", () => {
    expect(cookie(keysOfSetting("00010203-04050607-08090a0b-0c0d0e0f"))).toBe("743a69802a396757");
    expect(cookie(keysOfSetting("00010203-4050607-8090a0b-c0d0e0f,1-2-3-4"))).toBe("743a69802a396757");
    for (const text of ["", "1-2-3", "1-2-3-4,", "1-2-3-4,5-6-7-8,9-a-b-c", "1-2-3-g", "123456789-1-1-1", 7]) {
      expect([text, keysOfSetting(text)]).toEqual([text, undefined]);
    }
  });

  test("TCP_FASTOPEN_KEY: octets as they are, 16 or 32", () => {
    const octets = "000102030405060708090a0b0c0d0e0f";
    expect(cookie(keysOfOption(octets))).toBe("41a9f97e168a1b96");
    expect(cookie(keysOfOption(octets + "00".repeat(16)))).toBe("41a9f97e168a1b96");
    for (const digits of ["", octets.slice(1), `${octets}00`, "zz".repeat(16), 5]) {
      expect([digits, keysOfOption(digits)]).toEqual([digits, undefined]);
    }
  });
});

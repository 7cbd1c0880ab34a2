import { describe, expect, test } from "bun:test";
import type { IcmpPacket } from "#lab/drill/language/ast";
import { parseScript } from "#lab/drill/language/parser";
import { icmpNumbers, icmpText } from "#lab/drill/packets/icmp";

const numbers = (text: string, family: 4 | 6 = 4) =>
  Object.values(icmpNumbers(parseScript(`0 < ${text}`, "t.pkt").events[0]!.body as IcmpPacket, family));

describe("words of ICMP", () => {
  test("every code of destination unreachable has a word, and what is shown can be written", () => {
    for (const [family, type, codes] of [
      [4, 3, 16],
      [4, 5, 4],
      [4, 11, 2],
      [4, 12, 3],
      [6, 1, 9],
      [6, 3, 2],
      [6, 4, 11],
    ] as const)
      for (let code = 0; code < codes; code++) {
        const shown = icmpText(type, code, family);
        expect(shown).not.toMatch(/\d/);
        expect(numbers(`icmp ${shown}`, family)).toEqual([type, code]);
      }
  });

  test("the words of other tools and of header files", () => {
    const same: readonly [string, number, number, (4 | 6)?][] = [
      ["icmp unreachable net_unreach", 3, 0],
      ["icmp unreachable prot_unreach", 3, 2],
      ["icmp dest_unreach needfrag mtu 1200", 3, 4],
      ["icmp unreachable net_ano", 3, 9],
      ["icmp unreachable filter_prohib", 3, 13],
      ["icmp unreachable host_precedence", 3, 14],
      ["icmp time_exceeded exc_ttl", 11, 0],
      ["icmp timxceed reass", 11, 1],
      ["icmp paramprob optabsent", 12, 1],
      ["icmp redirect host", 5, 1],
      ["icmp address_mask_request", 17, 0],
      ["icmp 3 4 mtu 1200", 3, 4],
      ["icmpv6 unreachable noport", 1, 4, 6],
      ["icmp unreachable beyond_scope", 1, 2, 6],
      ["icmp unreachable adm_prohibited", 1, 1, 6],
      ["icmp packet_too_big mtu 1280", 2, 0, 6],
      ["icmp parameter_problem unk_nexthdr", 4, 1, 6],
      ["icmp neighbor_solicitation", 135, 0, 6],
    ];
    for (const [text, type, code, family] of same) expect([text, ...numbers(text, family)]).toEqual([text, type, code]);
  });

  test("a word of the other family, or of none, is an error in the script", () => {
    expect(() => numbers("icmp packet_too_big mtu 1280")).toThrow('ICMPv4 has no type "packet_too_big"');
    expect(() => numbers("icmp unreachable frag_needed", 6)).toThrow('ICMPv6 type 1 has no code "frag_needed"');
    expect(() => numbers("icmp 3 300")).toThrow("from 0 to 255");
  });
});

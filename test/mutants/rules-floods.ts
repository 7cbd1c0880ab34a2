/** What a filter in the kernel may drop, and what the stack tells it. */
import type { RuleMutant } from "./rules.ts";

const PROGRAM = { file: "device/filter/program.ts", by: "test/device/filter/program.test.ts" } as const;
const FLOODS = { file: "stack/floods.ts", by: "test/stack/floods.test.ts" } as const;

/** Only the kernel can run the program, and only root may load it. */
const IN_THE_KERNEL: readonly RuleMutant[] = [
  {
    ...PROGRAM,
    name: "the last fragment of a datagram is no fragment",
    find: "0x3fff, ",
    replace: "0x2000, ",
  },
  {
    ...PROGRAM,
    name: "IPv4 options are taken for the TCP header",
    find: "  a.store(U32, FP, START, R1);\n",
    replace: "  storeNumber(a, START, 20);\n",
  },
  {
    ...PROGRAM,
    name: "a SYN,ACK is a SYN of a stranger",
    find: 'a.op32("and", R1, tcp.SYN | tcp.ACK | tcp.RST);',
    replace: 'a.op32("and", R1, tcp.SYN | tcp.RST);',
  },
  {
    ...PROGRAM,
    name: "nobody is known",
    find: "  passIfKnown(a);\n",
    replace: "",
  },
  {
    ...PROGRAM,
    name: "a limit has no end",
    find: '  a.jumpIf(NOW, ">=", reg(R1), "pass");\n  load(',
    replace: "  load(",
  },
  {
    ...PROGRAM,
    name: "the source does not count in a flow",
    find: 'if (of === "flow" || (of === "source" && word !== LOCAL)) {',
    replace: 'if (of === "flow" ? word !== SOURCE + 12 : of === "source" && word !== LOCAL) {',
  },
];

export const FLOODED: readonly RuleMutant[] = [
  ...(process.getuid?.() === 0 ? IN_THE_KERNEL : []),
  {
    ...FLOODS,
    name: "the source of a connection stays after it",
    find: "    this.#filter.remove(sourceHash(this.#key, ends.remote));\n",
    replace: "",
  },
  {
    ...FLOODS,
    name: "the ACK of a cookie belongs to nothing",
    find: "    this.#expected.expect(this.#hashOf(ends) ^ EXPECTED);\n",
    replace: "",
  },
  {
    ...FLOODS,
    name: "a flood ends while it lasts",
    find: "if (dropped > 0 && isOn) this.#limit(kind, now);",
    replace: "if (dropped < 0 && isOn) this.#limit(kind, now);",
  },
  {
    file: "stack/connections.ts",
    by: "test/stack/floods.test.ts",
    name: "a connection is removed as often as somebody looks at it after its end",
    find: "if (this.demux.remove(tcb)) this.floods?.disconnected(tcb);",
    replace: "this.demux.remove(tcb);\n    this.floods?.disconnected(tcb);",
  },
];

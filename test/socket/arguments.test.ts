/** Whatever a program hands to the public calls is taken, or refused with CallError EINVAL and words that say what to write. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Stack } from "#stack/stack";
import { CallError, createStack, type NetStack, pair } from "../../src/index.ts";
import { openTun } from "../../src/package/tun.ts";

/** The public calls as plain JavaScript sees them. */
type Loose = Record<"connect" | "listen" | "setFastOpenKey", (...given: unknown[]) => unknown>;
const make = createStack as unknown as (...given: unknown[]) => Promise<NetStack>;
const tun = openTun as unknown as (...given: unknown[]) => unknown;

const host = () => ({ now: () => 0, wake() {}, onEvents: null });
const net = (): Promise<NetStack> =>
  make({ address: ["10.0.0.7/24", "fd00::7/64"], host, limits: { memory: 8 << 20 } });
const loose = async () => (await net()) as unknown as Loose;

function refusal(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof CallError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "taken";
}

test("a name where only addresses are known is refused with what to write", async () => {
  const stack = await loose();
  const listen = (hostname: string) => refusal(() => stack.listen({ port: 80, hostname }));
  const words = (name: string) => `EINVAL: "${name}" is a name, and this call does not resolve names: `;
  expect(listen("localhost")).toBe(`${words("localhost")}use "127.0.0.1" or "::1"`);
  const advice = "use an IP address; stack.resolve(name) finds those of a name";
  expect(listen("a.example")).toBe(`${words("a.example")}${advice}`);
});

describe("connect", () => {
  test.each([
    ["10.0.1.5:80", "10.0.1.5:80"],
    ["[fd00:b::5]:80", "[fd00:b::5]:80"],
    [{ hostname: "10.0.1.5", port: 80 }, "10.0.1.5:80"],
    [{ hostname: "[fd00:b::5]", port: 65_535 }, "[fd00:b::5]:65535"],
  ] as const)("%j is where to", async (remote, text) => {
    expect((await net()).connect(remote).remoteAddress).toBe(text);
  });

  test("what a socket calls its remote can be connected to", async () => {
    const stack = await net();
    const socket = stack.connect("10.0.1.5:80");
    expect(stack.connect(socket.remote).remoteAddress).toBe(socket.remoteAddress);
    expect(stack.connect(socket.remoteAddress).remoteAddress).toBe(socket.remoteAddress);
  });

  test.each([
    [true, [true, true]],
    ["strict", [true, false]],
    [false, [false, true]],
  ] as const)(
    "timestamps: %j offers them, and says whether a segment without them is taken",
    async (timestamps, params) => {
      const stack = await net();
      stack.connect("10.0.1.5:80", { timestamps });
      const [tcb] = (stack as unknown as { engine: Stack }).engine.connections();
      expect([tcb!.params.timestamps, tcb!.params.acceptance.tolerateMissingTimestamps]).toEqual([...params]);
    },
  );

  const WHERE = '{ hostname: "10.0.0.7", port: 80 } or "10.0.0.7:80"';
  test.each([
    [[], `connect needs a remote, ${WHERE}, not nothing`],
    [[null], `connect needs a remote, ${WHERE}, not null`],
    [[80], `connect needs a remote, ${WHERE}, not 80`],
    [["10.0.0.9"], '"10.0.0.9" has no port: use "10.0.0.9:80"'],
    [["fd00::9"], '"fd00::9" has no port: use "[fd00::9]:80"'],
    [["fd00::9:80"], 'has no port: use "[fd00::9:80]:80"'],
    [["10.0.0.9:0"], "port must be a whole number from 1 to 65535, not 0"],
    [["10.0.0.9:99999"], "port must be a whole number from 1 to 65535, not 99999"],
    [["10.0.0.9:http"], `"10.0.0.9:http" is not an address and a port: use ${WHERE}`],
    [[""], `"" is not an address and a port: use ${WHERE}`],
    [["http://10.0.0.9/"], "is a URL: leave http:// and the path out"],
    [["example.com:80"], '"example.com" is a name, and this stack does not resolve names'],
    [[{}], `connect needs a hostname: ${WHERE}`],
    [[{ hostname: "10.0.0.9" }], `connect needs a port: ${WHERE}`],
    [[{ hostname: 10, port: 80 }], 'hostname must be a text such as "10.0.0.7", not 10'],
    [[{ hostname: "10.0.0.9", port: "80" }], 'port must be a whole number from 1 to 65535, not "80"'],
    [[{ hostname: "10.0.0.9", port: 80.5 }], "port must be a whole number from 1 to 65535, not 80.5"],
    [["255.255.255.255:80"], "255.255.255.255 is not the address of one host"],
    [["0.0.0.0:80"], "0.0.0.0 is not the address of one host"],
    [["224.0.0.1:80"], "224.0.0.1 is a multicast address, which this stack does not support"],
    [["10.0.0.9:80", 5000], "connect's second argument must be an object such as { timeout: 5000 }, not 5000"],
    [["10.0.0.9:80", null], "connect's second argument must be an object such as { timeout: 5000 }, not null"],
    [["10.0.0.9:80", { timout: 5 }], 'connect\'s second argument has no "timout": did you mean timeout?'],
    [["10.0.0.9:80", { timeout: "5s" }], 'timeout must be a number, not "5s"'],
    [["10.0.0.9:80", { timeout: -1 }], "timeout must be a time in ms above 0 and at most 1800000000 (500 h), not -1"],
    [
      ["10.0.0.9:80", { timeout: Number.NaN }],
      "timeout must be a time in ms above 0 and at most 1800000000 (500 h), not NaN",
    ],
    [["10.0.0.9:80", { localPort: 0 }], "localPort must be a whole number from 1 to 65535, not 0"],
    [["10.0.0.9:80", { localAddress: 7 }], "localAddress must be a text, not 7"],
    [["10.0.0.9:80", { nodelay: "yes" }], 'nodelay must be true or false, not "yes"'],
    [["10.0.0.9:80", { signal: {} }], "signal must be an AbortSignal, not an object"],
    [["10.0.0.9:80", { earlyData: "GET /" }], 'earlyData must be a Uint8Array, not "GET /"'],
    [
      ["10.0.0.9:80", { cc: "renno" }],
      'there is no congestion control "renno": use newreno, cubic, bbr, bbr1 or fixed',
    ],
    [["10.0.0.9:80", { keepAlive: 5 }], "keepAlive must be true, false or an object, not 5"],
    [["10.0.0.9:80", { keepAlive: { idel: 5 } }], 'keepAlive has no "idel": did you mean idle?'],
    [["10.0.0.9:80", { timestamps: "yes" }], 'timestamps must be true, false or "strict", not "yes"'],
    [["10.0.0.9:80", { params: { sack: 1 } }], "params.sack must be true or false, not 1"],
    [["10.0.0.9:80", { params: { rtoMn: 1 } }], 'params has no "rtoMn": did you mean rtoMin?'],
    [
      ["10.0.0.9:80", { receiveBuffer: 2 ** 31 }],
      "receiveBuffer must be a whole number from 1 to 1073741824, not 2147483648",
    ],
  ])("%j is refused in words", async (given, words) => {
    const stack = await loose();
    const answer = refusal(() => stack.connect(...given));
    expect(answer).toStartWith("EINVAL: ");
    expect(answer).toContain(words);
    // Nothing has begun.
    expect((stack as unknown as NetStack).connections()).toEqual([]);
  });
});

describe("listen", () => {
  test("0.0.0.0 and :: are every address, as everywhere else", async () => {
    const stack = await net();
    expect(stack.listen({ port: 80, hostname: "0.0.0.0" }).address.hostname).toBe("0.0.0.0");
    expect(() => stack.listen({ port: 80, hostname: "::" })).toThrow("80");
  });

  test.each([
    [[], "listen's argument must be an object such as { port: 7000 }, not undefined"],
    [[7000], "listen's argument must be an object such as { port: 7000 }, not 7000"],
    [[{}], "listen needs a port: use listen({ port: 7000 })"],
    [[{ port: "80" }], 'port must be a number, not "80"'],
    [[{ port: -1 }], "port must be a whole number from 0 to 65535, not -1"],
    [[{ port: 80, backlog: -1 }], "backlog must be a whole number from 0 to 65535, not -1"],
    [[{ port: 80, hostname: 7 }], "hostname must be a text, not 7"],
    [[{ port: 80, remote: "224.0.0.1" }], "224.0.0.1 is a multicast address, which this stack does not support"],
    [[{ port: 80, remotePort: 1e9 }], "remotePort must be a whole number from 1 to 65535, not 1000000000"],
    [[{ port: 80, fastOpen: "yes" }], 'fastOpen must be true, false or a number, not "yes"'],
    [[{ prot: 80 }], 'listen\'s argument has no "prot": did you mean port?'],
  ])("%j is refused in words", async (given, words) => {
    const stack = await loose();
    expect(refusal(() => stack.listen(...given))).toContain(words);
  });
});

describe("createStack", () => {
  test.each([
    [{ name: undefined }, 'a device needs a name such as "mine", not undefined'],
    [{ mtu: 10 }, "the device's mtu must be a whole number from 68 to 65535, not 10"],
    [{ queueLength: undefined }, "the device's queueLength must be a whole number from 1 to 1048576, not undefined"],
    [{ offload: undefined }, "a device needs offload, not undefined: use NO_OFFLOAD if it carries whole packets"],
  ])("a device of the application's with %j is refused in words", async (lacking, words) => {
    const [inner] = pair();
    const call = () => 0;
    const calls = { attach: call, receive: call, transmit: call, nextDeadline: call, close: call };
    const device = { name: "mine", mtu: 1500, queueLength: 500, offload: inner.offload, ...calls, ...lacking };
    await expect(make({ device, address: "10.0.0.7/24" })).rejects.toThrow(words);
  });

  test("a device has one stack, also after that one was closed", async () => {
    const [device, other] = pair();
    const first = await createStack({ device, address: "10.0.0.7/24" });
    const again = async () => createStack({ device, address: "10.0.0.8/24" });
    const words = "the device pair0 has a stack, or had one: each stack needs a device of its own";
    await expect(again()).rejects.toThrow(words);
    await first.close();
    await expect(again()).rejects.toThrow(words);
    // What was refused has taken nothing.
    await expect(make({ device: other, address: "10.0.0.255/24" })).rejects.toThrow("no host can use 10.0.0.255");
    const second = await createStack({ device: other, address: "10.0.0.5/24" });
    second.closed.catch(() => {}); // closing an end of a pair closes both
    await second.close();
  });

  test.each([
    [undefined, "createStack's argument must be an object such as"],
    [
      "tun0",
      'createStack\'s argument must be an object such as { device: openTun({ name: "tun0" }), address: "10.0.0.7/24" }, not "tun0"',
    ],
    [{}, "createStack needs a device: use createStack({ device: openTun("],
    [
      { device: "tun0", address: "10.0.0.7/24" },
      'device must be an open device, not "tun0": use device: openTun({ name: "tun0" })',
    ],
    [
      { device: {}, address: "10.0.0.7/24" },
      "device must be a device such as openTun or pair makes, not an object: it has no attach()",
    ],
    [{ device: 5, address: "10.0.0.7/24" }, "device must be a device such as openTun or pair makes, not 5"],
    [{ host }, "a stack needs an address, such as 10.0.0.7/24"],
    [{ host, address: 7 }, "address must be a text or an array of texts, not 7"],
    [{ host, address: ["10.0.0.7/24", 7] }, "address must be a text or an array of texts, not an array"],
    [{ host, adress: "10.0.0.7/24" }, 'createStack\'s argument has no "adress": did you mean address?'],
    [{ host, address: "10.0.0.7/24", seed: -1 }, "seed must be a whole number from 0 to 4294967295, not -1"],
    [{ host, address: "10.0.0.7/24", trace: 1.5 }, "trace must be a whole number from 0 to 16777216, not 1.5"],
    [{ host, address: "10.0.0.7/24", mtu: 10 }, "mtu must be a whole number from 68 to 65535, not 10"],
    [
      { host, address: "10.0.0.7/24", limits: { memory: 1 } },
      "limits.memory must be a whole number from 4194304 to 1073741824, not 1",
    ],
    [
      { host, address: "10.0.0.7/24", limits: { conections: 1 } },
      'limits has no "conections": did you mean connections?',
    ],
    [{ host, address: "10.0.0.7/24", params: { rtoMin: "1s" } }, 'params.rtoMin must be a number, not "1s"'],
    [
      { host, address: "10.0.0.7/24", params: { opening: { mssMin: 48 } } },
      "params.opening.offerMss must be true or false, not undefined",
    ],
    [{ host: "sim", address: "10.0.0.7/24" }, 'host must be a function, not "sim"'],
  ])("%j is refused in words", async (given, words) => {
    const error = await make(given).then(
      () => "taken",
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(CallError);
    expect((error as CallError).message).toContain(words);
  });

  test("with the least memory that may be asked for it works, over a device with offload", async () => {
    const [a, b] = pair({ offload: { checksum: true, tso4: true, tso6: true } });
    const limits = { memory: 4 << 20 };
    const near = await createStack({ device: a, address: "10.0.0.7/24", limits });
    const far = await createStack({ device: b, address: "10.0.0.5/24", limits });
    const listener = far.listen({ port: 80 });
    const socket = near.connect("10.0.0.5:80");
    await socket.opened;
    expect((await listener.accept())?.remoteAddress).toBe(socket.localAddress);
    await Promise.all([near.close(), far.close()]);
  });
});

test("a socket takes bytes and says so", async () => {
  const socket = (await net()).connect("10.0.1.5:80") as unknown as Record<
    "read" | "write",
    (given?: unknown) => unknown
  >;
  expect(refusal(() => socket.write("hello"))).toBe(
    'EINVAL: the argument of write must be a Uint8Array, not "hello": use new TextEncoder().encode(text)',
  );
  expect(refusal(() => socket.write())).toBe("EINVAL: the argument of write must be a Uint8Array, not undefined");
  expect(refusal(() => socket.read(1024))).toBe("EINVAL: the argument of read must be a Uint8Array, not 1024");
  const stack = await loose();
  expect(refusal(() => stack.setFastOpenKey("key"))).toContain('key must be a Uint8Array, not "key"');
  expect(refusal(() => stack.setFastOpenKey(new Uint8Array(3)))).toContain(
    "a Fast Open key must have 16 octets, not 3",
  );
});

test("openTun refuses what is no name or no setting before it opens anything", () => {
  for (const [given, words] of [
    [[], 'openTun({ name: "tun0" })'],
    [["tun0"], 'openTun({ name: "tun0" })'],
    [[{}], "It needs the name of a device"],
    [[{ name: 7 }], "It needs the name of a device"],
    [[{ name: "tun/0" }], "A device name is 1 to 15 bytes"],
    [[{ name: "tun0", mtu: "big" }], "The mtu must be a whole number from 68 to 65535, not big"],
    [[{ name: "tun0", queueLength: -1 }], "The queueLength must be a whole number"],
    [[{ name: "tun0", offload: 1 }], "The offload must be true or false"],
    [[{ name: "tun0", filter: 1 }], "The filter must be true or false"],
    [[{ name: "tun0", prefix: "10.0.0.1/24" }], "prefix.address must be a Uint8Array of 4 or 16 bytes"],
    [
      [{ name: "tun0", prefix: { address: new Uint8Array(4), length: 33 } }],
      "prefix.length must be a whole number from 0 to 32",
    ],
  ] as const) {
    expect(() => tun(...given)).toThrow(words);
  }
});

test("no value whatsoever makes a call fail otherwise", async () => {
  const stack = await loose();
  fc.assert(
    fc.property(fc.anything(), fc.anything(), (a, b) => {
      for (const given of [[a], [a, b], ["10.0.1.5:80", a], [{ hostname: a, port: b }]])
        refusal(() => stack.connect(...given));
      for (const given of [[a], [{ port: a, backlog: b }], [{ port: 80, params: a }]])
        refusal(() => stack.listen(...given));
    }),
    { seed: 16, numRuns: 2_000 },
  );
});

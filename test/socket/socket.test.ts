import { describe, expect, test } from "bun:test";
import { ConnectionError } from "#socket/connection-error";
import { CallError } from "#stack/call-error";
import { bytes, connected, HOST, PEER, PORT, readAll, world, writeAll } from "./world.ts";

describe("opening", () => {
  test("both ends learn of each other and of what was agreed", async () => {
    const w = await world();
    const listener = w.host.listen({ port: PORT });
    const active = w.peer.connect({ hostname: HOST, port: PORT }, { localPort: 40_000 });
    const info = await w.until(active.opened);
    expect(info).toEqual({
      remoteAddress: "10.0.0.7:7000",
      localAddress: "10.0.1.5:40000",
      mss: 1448,
      sack: true,
      timestamps: true,
      wscale: { send: 7, receive: 7 },
      rtt: 20_000,
    });
    const passive = (await w.until(listener.accept()))!;
    expect((await passive.opened).remoteAddress).toBe("10.0.1.5:40000");
    expect(passive.local).toEqual({ hostname: HOST, port: PORT });
    expect(passive.remote).toEqual({ hostname: PEER, port: 40_000 });
    expect(active.state).toBe("ESTABLISHED");
  });
});

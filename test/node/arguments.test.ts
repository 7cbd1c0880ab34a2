/** What is no stack, and options that do not exist, are refused at once and in words. */
import { expect, test } from "bun:test";
import { httpAgent, httpsAgent, undiciConnect } from "#node/agents";
import { nodeFetch } from "#node/fetch";
import { nodeNet } from "#node/net";
import { Server } from "#node/server";
import { Socket } from "#node/socket";
import { createStack, type NetStack, pair } from "../../src/index.ts";

const CALLS: Readonly<Record<string, (stack: NetStack) => unknown>> = {
  nodeNet,
  nodeFetch,
  httpAgent,
  httpsAgent,
  undiciConnect,
  Socket: (stack) => new Socket({ stack }),
  Server: (stack) => new Server({ stack }),
};

test.each(Object.entries(CALLS))("%s needs a stack, and says so if an await is missing", async (_name, call) => {
  const refused = (value: unknown) => expect(() => call(value as NetStack));
  const code = "ERR_INVALID_ARG_TYPE";
  refused(undefined).toThrow(expect.objectContaining({ name: "TypeError", code }));
  refused(undefined).toThrow(
    /^The "(?:options\.)?stack" argument must be a stack of createStack\. Received undefined$/,
  );
  refused({ port: 80 }).toThrow("Received type object");
  const promised = createStack({ device: pair()[0], address: "10.0.0.7/24" });
  refused(promised).toThrow("Received a promise: write await createStack(…)");
  await (await promised).close();
});

test("nodeFetch and undiciConnect take options of TLS in tls, and say so", async () => {
  const stack = await createStack({ device: pair()[0], address: "10.0.0.7/24" });
  for (const call of [nodeFetch, undiciConnect] as ((stack: NetStack, options: object) => unknown)[]) {
    expect(() => call(stack, { ca: "x" })).toThrow(
      /has no option "ca": use lookup, tls.*; ca and other options of tls.connect go into tls$/,
    );
    call(stack, { tls: { ca: "x" } });
  }
  await stack.close();
});

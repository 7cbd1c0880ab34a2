/** `fetch` of a stack. It is made of modules of the system, so it is loaded when somebody calls it: the core itself needs none. */
import { CallError } from "#stack/call-error";
import type { NetStack } from "./stack-types.ts";

type Fetch = NetStack["fetch"];

/** The `fetch` of a stack. What it needs is loaded by the first call. */
export function stackFetch(stack: NetStack): Fetch {
  let loading: Promise<Fetch> | undefined;
  return async (input, init) => {
    loading ??= load(stack);
    return (await loading)(input, init);
  };
}

/** @throws CallError EOPNOTSUPP where there is no node:http, such as in a browser. */
async function load(stack: NetStack): Promise<Fetch> {
  let cause: unknown;
  try {
    // In the package this is `#fetch` of its package.json: where the runtime has nothing of Node's, it has no nodeFetch (src/package/no-fetch.ts).
    const { nodeFetch } = await import("#node/fetch");
    if (nodeFetch !== null) return nodeFetch(stack);
  } catch (error) {
    cause = error;
  }
  throw new CallError(
    "EOPNOTSUPP",
    "stack.fetch needs node:http, which browsers, and bundles for them, do not have: use Bun, Node.js or Deno, or speak HTTP over stack.connect",
    cause,
  );
}

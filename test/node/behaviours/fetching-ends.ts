/** What `fetch` tells of an answer. */
import assert from "node:assert/strict";
import http, { type RequestListener } from "node:http";
import { type Ground, serving, subject } from "./ground.ts";

const { all, it } = subject("fetch");
export default all;

async function withServer(
  ground: Ground,
  listener: RequestListener,
  use: (url: string) => Promise<void>,
): Promise<void> {
  const served = await serving(ground, http.createServer(listener));
  try {
    await use(served.url);
  } finally {
    served.close();
  }
}

it("the url of a response is without a fragment, also after a redirect", async (ground) => {
  const listener: RequestListener = (request, response) => {
    if (request.url === "/from") response.writeHead(302, { location: "/to#there" });
    response.end();
  };
  await withServer(ground, listener, async (url) => {
    assert.equal((await ground.fetch(`${url}/to?query#here`)).url, `${url}/to?query`);
    assert.equal((await ground.fetch(`${url}/from#here`)).url, `${url}/to`);
  });
});

it("an answer of no octets may say that it is compressed", async (ground) => {
  const listener: RequestListener = (request, response) => {
    response.setHeader("content-encoding", request.url!.slice(1));
    response.end();
  };
  await withServer(ground, listener, async (url) => {
    for (const coding of ["gzip", "deflate", "br"])
      assert.equal(await (await ground.fetch(`${url}/${coding}`)).text(), "", coding);
  });
});

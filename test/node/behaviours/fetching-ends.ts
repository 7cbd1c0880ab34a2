/** What `fetch` tells of an answer. */
import assert from "node:assert/strict";
import type { RequestListener } from "node:http";
import { subject, withServer } from "./ground.ts";

const { all, it } = subject("fetch");
export default all;

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

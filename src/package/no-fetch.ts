/** What the package has in the place of `node/fetch` where the runtime has nothing of Node's, so that bundles for browsers need nothing of it. */
const none = null;

export { none as nodeFetch };

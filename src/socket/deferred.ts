/** A promise with its resolve and reject. A rejection that nobody awaits does not end the program. */
export class Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;

  constructor() {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    promise.catch(() => {});
    this.promise = promise;
    this.resolve = resolve;
    this.reject = reject;
  }
}

import { Column } from "./columns.ts";
import type { Happenings, Metrics, RoundTrips } from "./run.ts";

type Row<T> = { readonly [K in keyof T]: number };

/** Packed columns hold 32 bits: a higher rate is shown as this one, 34 Gbit/s. */
const PACING_MAX = 0xffff_ffff;

export class MetricTable {
  readonly #time = new Column(Float64Array);
  readonly #owner = new Column(Int32Array);
  readonly #cwnd = new Column(Float64Array);
  readonly #ssthresh = new Column(Float64Array);
  readonly #inFlight = new Column(Float64Array);
  readonly #window = new Column(Float64Array);
  readonly #pacing = new Column(Float64Array);
  readonly #cause = new Column(Uint16Array);

  add(row: Row<Metrics>): void {
    this.#time.push(row.time);
    this.#owner.push(row.owner);
    this.#cwnd.push(row.cwnd);
    this.#ssthresh.push(row.ssthresh);
    this.#inFlight.push(row.inFlight);
    this.#window.push(row.window);
    this.#pacing.push(Math.min(row.pacing, PACING_MAX));
    this.#cause.push(row.cause);
  }

  table(): Metrics {
    return {
      time: this.#time.all(),
      owner: this.#owner.all(),
      cwnd: this.#cwnd.all(),
      ssthresh: this.#ssthresh.all(),
      inFlight: this.#inFlight.all(),
      window: this.#window.all(),
      pacing: this.#pacing.all(),
      cause: this.#cause.all(),
    };
  }
}

export class RoundTripTable {
  readonly #time = new Column(Float64Array);
  readonly #owner = new Column(Int32Array);
  readonly #sample = new Column(Float64Array);
  readonly #srtt = new Column(Float64Array);
  readonly #rttvar = new Column(Float64Array);
  readonly #rto = new Column(Float64Array);

  add(row: Row<RoundTrips>): void {
    this.#time.push(row.time);
    this.#owner.push(row.owner);
    this.#sample.push(row.sample);
    this.#srtt.push(row.srtt);
    this.#rttvar.push(row.rttvar);
    this.#rto.push(row.rto);
  }

  table(): RoundTrips {
    return {
      time: this.#time.all(),
      owner: this.#owner.all(),
      sample: this.#sample.all(),
      srtt: this.#srtt.all(),
      rttvar: this.#rttvar.all(),
      rto: this.#rto.all(),
    };
  }
}

export class HappeningTable {
  readonly #time = new Column(Float64Array);
  readonly #owner = new Column(Int32Array);
  readonly #what = new Column(Uint8Array);
  readonly #a = new Column(Float64Array);
  readonly #b = new Column(Float64Array);
  readonly #cause = new Column(Uint16Array);

  add(row: Row<Happenings>): void {
    this.#time.push(row.time);
    this.#owner.push(row.owner);
    this.#what.push(row.what);
    this.#a.push(row.a);
    this.#b.push(row.b);
    this.#cause.push(row.cause);
  }

  table(): Happenings {
    return {
      time: this.#time.all(),
      owner: this.#owner.all(),
      what: this.#what.all(),
      a: this.#a.all(),
      b: this.#b.all(),
      cause: this.#cause.all(),
    };
  }
}

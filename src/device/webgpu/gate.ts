// An output gate on WebGPU: σ(z)∘O before the output map, z being the last columns of the projections. Its derivatives
// multiply the heads' whole outputs, with the biases and offsets of their values (docs/theory.md, section 14).
import type { Batch } from "./batch.js";
import type { Kernel } from "./kernel.js";
import type { Region, View } from "./memory.js";
import { chunksOf } from "./vectors.js";
import type { LayerSizes } from "./weights.js";

/** Kernels on all entries of [n, width]: `at` is one of a head's output, `z` that of its gate in rows [n, channels]. */
const kernelOf = (name: string, buffers: Kernel["buffers"], body: string): Kernel => ({
  name,
  buffers: { qkv: "read f32", ...buffers },
  sizes: ["length", "width", "channels"],
  lanes: 64,
  code: `
fn kernel(group: vec3u, lane: u32) {
  let first = (group.x + group.y * 65535u) * 1024u;
  for (var at = first + lane; at < min(first + 1024u, size.length); at += 64u) {
    let z = at / size.width * size.channels + (size.channels - size.width) + at % size.width;
    let e = exp(-abs(qkv[z]));
    let both = vec2f(1.0, e) / (1.0 + e);
    let s = select(both.yx, both, qkv[z] > 0.0);
    let slope = s.x * s.y;
${body}
  }
}`,
});

const OPEN = kernelOf("gate", { whole: "read f32", gated: "read_write f32" }, "gated[at] = s.x * whole[at];");

/** dO ← σ dO + σ′ dz O. */
const TANGENT = kernelOf(
  "tangent of gate",
  { whole: "read f32", tangent: "read f32", heads: "read_write f32" },
  "heads[at] = s.x * heads[at] + slope * tangent[z] * whole[at];",
);

/** G ← σ G, and G∘O∘σ′ is z's gradient. */
const BACK = kernelOf(
  "gradient of gate",
  { whole: "read f32", gradient: "read_write f32", back: "read_write f32" },
  `    back[z] = gradient[at] * whole[at] * slope;
    gradient[at] *= s.x;`,
);

/** Of ⟨G, σ dO + σ′ dz O⟩: z's gradient, O's in its own right, and G ← σ G for dO's. */
const SECOND = kernelOf(
  "second order of gate",
  {
    whole: "read f32",
    tangent: "read f32",
    outputTangent: "read f32",
    gradient: "read_write f32",
    back: "read_write f32",
    own: "read_write f32",
  },
  `    let g = gradient[at];
    let dz = tangent[z];
    back[z] = g * slope * (outputTangent[at] + (s.y - s.x) * dz * whole[at]);
    own[at] = g * slope * dz;
    gradient[at] = g * s.x;`,
);

export class Gate {
  /** The heads' outputs, [n, heads·dValue]. */
  readonly whole: View;
  readonly #sizes: Record<string, number>;

  constructor(region: Region, { gateWidth: width }: LayerSizes, n: number, channels: number) {
    this.whole = region.words(n * width, "what the derivatives reuse");
    this.#sizes = { length: n * width, width, channels };
  }

  forward(batch: Batch, qkv: View, gated: View): void {
    this.#run(batch, OPEN, { qkv, gated });
  }

  tangent(batch: Batch, qkv: View, tangent: View, heads: View): void {
    this.#run(batch, TANGENT, { qkv, tangent, heads });
  }

  back(batch: Batch, qkv: View, gradient: View, back: View): void {
    this.#run(batch, BACK, { qkv, gradient, back });
  }

  second(
    batch: Batch,
    views: { qkv: View; tangent: View; outputTangent: View; gradient: View; back: View; own: View },
  ): void {
    this.#run(batch, SECOND, views);
  }

  #run(batch: Batch, kernel: Kernel, views: Record<string, View>): void {
    batch.dispatch(kernel, chunksOf(this.#sizes.length), { whole: this.whole, ...views }, this.#sizes);
  }
}

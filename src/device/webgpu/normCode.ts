// WGSL that the kernels of norms have in common: a workgroup a token, or a part of one, whose sums are of 64 lanes.
import type { Kernel } from "./kernel.js";

/**
 * The kernel whose `body` works on numbers `first`, … of token `token`, `size.width` of them.
 * @param sizes beside those of every norm
 */
export const normKernel = (
  name: string,
  buffers: Kernel["buffers"],
  sizes: readonly string[],
  body: string,
): Kernel => ({
  name,
  buffers,
  sizes: ["n", "width", "centred", "biased", "epsilonBits", "transposed", ...sizes],
  lanes: 64,
  code: `
var<workgroup> parts: array<f32, 64>;

fn mean(lane: u32, part: f32) -> f32 {
  parts[lane] = part;
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { parts[lane] += parts[lane + half]; }
  }
  workgroupBarrier();
  let whole = parts[0];
  workgroupBarrier();
  return whole / f32(size.width);
}
fn kernel(group: vec3u, lane: u32) {
  let token = group.x + group.y * 65535u;
  if (token >= size.n) { return; }
  let first = token * size.width;
${body}
}`,
});

/** `body` for every number c of a token. */
export const EACH = (body: string) => `
  for (var c = lane; c < size.width; c += 64u) { ${body} }`;

/** Declares `name` as the mean of a term over c. */
export const meanInto = (name: string, term: string) => `
  var part_${name} = 0.0;${EACH(`part_${name} += ${term};`)}
  let ${name} = mean(lane, part_${name});`;

// A compute shader as data: its buffers and parameters are declared once, and the WGSL for them is written here.
import { COMPUTE_STAGE, type GPUDeviceLike, type Opaque } from "./api.js";
import type { View } from "./memory.js";

export interface Kernel {
  readonly name: string;
  /** Storage buffers, in the order of their bindings: WGSL access and element type, "read f32" or "read_write vec4f". */
  readonly buffers: Readonly<Record<string, string>>;
  /** Scalars that a dispatch passes, read in WGSL as `size.name`. */
  readonly sizes: readonly string[];
  /** Invocations of a workgroup. */
  readonly lanes: number;
  /** Workgroup memory and functions, and `fn kernel(group: vec3u, lane: u32)`. */
  readonly code: string;
}

/** Bytes of a dispatch's parameters, at most. */
export const PARAMETER_BYTES = 64;

export interface Compiled {
  readonly pipeline: Opaque;
  bindings(views: Readonly<Record<string, View>>): Opaque;
  parameters(values: Readonly<Record<string, number>>): Uint32Array;
}

/** Pipelines are made once a device, whichever runtimes share it. */
const caches = new WeakMap<GPUDeviceLike, Map<string, Promise<Compiled>>>();
const parameterLayouts = new WeakMap<GPUDeviceLike, Opaque>();

export function compile(device: GPUDeviceLike, kernel: Kernel): Promise<Compiled> {
  const cache = caches.get(device) ?? new Map<string, Promise<Compiled>>();
  caches.set(device, cache);
  let compiled = cache.get(kernel.name);
  if (!compiled) {
    compiled = build(device, kernel);
    cache.set(kernel.name, compiled);
    compiled.catch(() => cache.delete(kernel.name));
  }
  return compiled;
}

/** Bind group 1: the parameters, at a dynamic offset into a buffer shared by all dispatches of a submit. */
export function parameterLayout(device: GPUDeviceLike): Opaque {
  let layout = parameterLayouts.get(device);
  if (!layout) {
    const buffer = { type: "uniform", hasDynamicOffset: true };
    layout = device.createBindGroupLayout({ entries: [{ binding: 0, visibility: COMPUTE_STAGE, buffer }] });
    parameterLayouts.set(device, layout);
  }
  return layout;
}

/** The whole shader. */
export function shader({ buffers, sizes, lanes, code }: Kernel): string {
  const bindings = Object.entries(buffers).map(([name, type], index) => {
    const [access, element] = type.split(" ");
    return `@group(0) @binding(${index}) var<storage, ${access}> ${name}: array<${element}>;`;
  });
  return `${bindings.join("\n")}
struct Sizes { ${sizes.map((name) => `${name}: u32`).join(", ")} }
@group(1) @binding(0) var<uniform> size: Sizes;
${code}
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) { kernel(group, lane); }
`;
}

async function build(device: GPUDeviceLike, kernel: Kernel): Promise<Compiled> {
  const names = Object.keys(kernel.buffers);
  const entries = names.map((name, binding) => {
    const type = kernel.buffers[name].startsWith("read ") ? "read-only-storage" : "storage";
    return { binding, visibility: COMPUTE_STAGE, buffer: { type } };
  });
  device.pushErrorScope("validation");
  const layout = device.createBindGroupLayout({ label: kernel.name, entries });
  const module = device.createShaderModule({ label: kernel.name, code: shader(kernel) });
  const refused = device.popErrorScope();
  const made = device.createComputePipelineAsync({
    label: kernel.name,
    layout: device.createPipelineLayout({ bindGroupLayouts: [layout, parameterLayout(device)] }),
    compute: { module, entryPoint: "main" },
  });
  made.catch(() => undefined);
  // What the shader is refused for says more than that its pipeline is.
  const error = await refused;
  if (error) throw new Error(error.message);
  const pipeline = await made;
  const groups = new Map<string, Opaque>();
  return {
    pipeline,
    bindings(views) {
      const bound = names.map((name) => views[name]);
      const key = bound.map(({ buffer, offset, size }) => `${buffer.id}:${offset}:${size}`).join();
      let group = groups.get(key);
      if (!group) {
        group = device.createBindGroup({
          label: kernel.name,
          layout,
          entries: bound.map(({ buffer, offset, size }, binding) => ({
            binding,
            resource: { buffer: buffer.raw, offset, size },
          })),
        });
        groups.set(key, group);
        for (const { buffer } of bound) buffer.onFree.add(() => groups.delete(key));
      }
      return group;
    },
    parameters: (values) => Uint32Array.from(kernel.sizes.map((name) => values[name])),
  };
}

// The part of the WebGPU API that we use, declared here so that no DOM or @webgpu types are needed. Browsers' GPU
// objects, and those of the `webgpu` package, satisfy it.

export interface GPULike {
  requestAdapter(options?: object): Promise<GPUAdapterLike | null>;
}

export interface GPUAdapterInfoLike {
  readonly vendor?: string;
  readonly architecture?: string;
  readonly device?: string;
  readonly description?: string;
  readonly isFallbackAdapter?: boolean;
}

export interface GPUAdapterLike {
  readonly info?: GPUAdapterInfoLike;
  /** Where browsers kept it before `info` had it. */
  readonly isFallbackAdapter?: boolean;
  readonly limits: GPULimitsLike;
  requestDevice(descriptor?: { requiredLimits?: Record<string, number> }): Promise<GPUDeviceLike>;
}

export interface GPULimitsLike {
  readonly maxBufferSize: number;
  readonly maxStorageBufferBindingSize: number;
  readonly maxStorageBuffersPerShaderStage: number;
  readonly maxComputeWorkgroupStorageSize: number;
  readonly maxComputeInvocationsPerWorkgroup: number;
  readonly maxComputeWorkgroupsPerDimension: number;
  readonly minStorageBufferOffsetAlignment: number;
  readonly minUniformBufferOffsetAlignment: number;
}

export interface GPUBufferLike {
  destroy(): void;
  mapAsync(mode: number): Promise<void>;
  getMappedRange(offset?: number, size?: number): ArrayBuffer;
  unmap(): void;
}

export interface GPUErrorLike {
  readonly message: string;
}

/** An object that is only passed on. */
export type Opaque = object;

export interface GPUComputePassLike {
  setPipeline(pipeline: Opaque): void;
  setBindGroup(index: number, group: Opaque, dynamicOffsets?: number[]): void;
  dispatchWorkgroups(x: number, y?: number, z?: number): void;
  end(): void;
}

export interface GPUCommandEncoderLike {
  beginComputePass(): GPUComputePassLike;
  copyBufferToBuffer(from: GPUBufferLike, fromOffset: number, to: GPUBufferLike, toOffset: number, size: number): void;
  clearBuffer(buffer: GPUBufferLike, offset?: number, size?: number): void;
  finish(): Opaque;
}

export interface GPUDeviceLike {
  readonly lost: Promise<{ readonly reason?: string; readonly message: string }>;
  readonly limits: GPULimitsLike;
  readonly adapterInfo?: GPUAdapterInfoLike;
  readonly queue: {
    writeBuffer(buffer: GPUBufferLike, offset: number, data: ArrayBufferView): void;
    submit(commands: Opaque[]): void;
  };
  createBuffer(descriptor: { label?: string; size: number; usage: number }): GPUBufferLike;
  createShaderModule(descriptor: { label?: string; code: string }): Opaque;
  createBindGroupLayout(descriptor: object): Opaque;
  createPipelineLayout(descriptor: object): Opaque;
  createComputePipelineAsync(descriptor: object): Promise<Opaque>;
  createBindGroup(descriptor: object): Opaque;
  createCommandEncoder(): GPUCommandEncoderLike;
  pushErrorScope(filter: "validation" | "out-of-memory" | "internal"): void;
  popErrorScope(): Promise<GPUErrorLike | null>;
  destroy(): void;
}

/** Flags of GPUBufferUsage, GPUShaderStage and GPUMapMode: globals in browsers, absent elsewhere. */
export const USAGE = { mapRead: 1, copyFrom: 4, copyTo: 8, uniform: 64, storage: 128 };
export const COMPUTE_STAGE = 4;
export const MAP_READ = 1;

// A device that holds what it is asked to hold and computes nothing: every number that is read back is zero. For
// counting the bytes of problems that no test could afford to run.
import type { GPUBufferLike, GPUDeviceLike, GPULimitsLike } from "../../../src/device/webgpu/api.js";

/** WebGPU's default limits: what every adapter has, and what a device has that was asked for no more. */
export const DEFAULT_LIMITS: GPULimitsLike = {
  maxBufferSize: 2 ** 28,
  maxStorageBufferBindingSize: 2 ** 27,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupStorageSize: 16384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupsPerDimension: 65535,
  minStorageBufferOffsetAlignment: 256,
  minUniformBufferOffsetAlignment: 256,
};

export interface PlannedDevice {
  readonly device: GPUDeviceLike;
  /** The most bytes that were held at any one time. */
  readonly peak: () => number;
}

export function plannedDevice(): PlannedDevice {
  let held = 0;
  let peak = 0;
  const nothing = (): object => ({});
  const device: GPUDeviceLike = {
    lost: new Promise(() => undefined),
    limits: DEFAULT_LIMITS,
    queue: { writeBuffer() {}, submit() {} },
    createBuffer({ size }): GPUBufferLike {
      held += size;
      peak = Math.max(peak, held);
      return {
        destroy() {
          held -= size;
        },
        async mapAsync() {},
        getMappedRange: () => new ArrayBuffer(size),
        unmap() {},
      };
    },
    createShaderModule: nothing,
    createBindGroupLayout: nothing,
    createPipelineLayout: nothing,
    createComputePipelineAsync: async () => ({}),
    createBindGroup: nothing,
    createCommandEncoder: () => ({
      beginComputePass: () => ({ setPipeline() {}, setBindGroup() {}, dispatchWorkgroups() {}, end() {} }),
      copyBufferToBuffer() {},
      clearBuffer() {},
      finish: nothing,
    }),
    pushErrorScope() {},
    popErrorScope: async () => null,
    destroy() {},
  };
  return { device, peak: () => peak };
}

// Errors that are neither a wrong kind (TypeError) nor a wrong value (RangeError) of an argument.

/**
 * The device cannot be had, or was lost; the message says which and why.
 * @example
 * await createRuntime({ device: "webgpu", dtype: "f64" }).catch((error) => error instanceof DeviceError); // true
 */
export class DeviceError extends Error {
  override name = "DeviceError";
}

/**
 * A device allocation failed; `bytesNeeded` and `bytesLimit` say by how much.
 * @example
 * await createRuntime({ device: "wasm", memoryLimit: 1 }).catch((error) => error instanceof OutOfMemoryError); // true
 */
export class OutOfMemoryError extends Error {
  override name = "OutOfMemoryError";
  constructor(
    what: string,
    readonly bytesNeeded: number,
    readonly bytesLimit: number,
    reason = "",
  ) {
    super(
      `out of memory: ${what} needs ${bytesNeeded} bytes in all, the limit is ${bytesLimit} bytes${reason}. ` +
        "Dispose of layers and linearizations no longer needed, shorten the input, or raise memoryLimit.",
    );
  }
}

/**
 * A model file is missing, damaged or not supported; `file` names it.
 * @example
 * await loadModel({ "config.json": new Blob(["{"]) }, { runtime }).catch((error) => error.file); // "config.json"
 */
export class ModelError extends Error {
  override name = "ModelError";
  constructor(
    message: string,
    readonly file?: string,
  ) {
    super(message);
  }
}

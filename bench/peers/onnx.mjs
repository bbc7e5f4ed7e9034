// The attention layer as an ONNX model, encoded as protobuf by hand: only the fields of onnx.proto that it needs.

const FLOAT = 1;
const INT64 = 7;

const varint = (value) => {
  const bytes = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Uint8Array.from([...bytes, Number(rest)]);
};

/** A field by its number: an integer as varint, a message, string or bytes with its length. */
const field = (number, value) => {
  if (typeof value === "number") return join(varint(number << 3), varint(value));
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
  return join(varint((number << 3) | 2), varint(bytes.length), bytes);
};

function join(...parts) {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const bytesOf = (data) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** TensorProto: dims 1, data_type 2, name 8, raw_data 9. */
const initializer = (name, type, shape, data) =>
  join(...shape.map((size) => field(1, size)), field(2, type), field(8, name), field(9, bytesOf(data)));

/** AttributeProto: name 1, i 3, ints 8, type 20 (2 = INT, 7 = INTS). */
const attribute = (name, value) =>
  Array.isArray(value)
    ? join(field(1, name), ...value.map((i) => field(8, i)), field(20, 7))
    : join(field(1, name), field(3, value), field(20, 2));

/** NodeProto: input 1, output 2, op_type 4, attribute 5. */
const node = (operator, inputs, output, attributes = {}) =>
  join(
    ...inputs.map((name) => field(1, name)),
    field(2, output),
    field(4, operator),
    ...Object.entries(attributes).map(([name, value]) => field(5, attribute(name, value))),
  );

/** ValueInfoProto: name 1, type 2 { tensor_type 1 { elem_type 1, shape 2 { dim 1 { dim_value 1 } } } }. */
const value = (name, shape) => {
  const dims = join(...shape.map((size) => field(1, field(1, size))));
  return join(field(1, name), field(2, field(1, join(field(1, FLOAT), field(2, dims)))));
};

/** x [n, d] → y [n, d]; weights are initializers, so that the engine may pack them. */
export function attentionModel({ n, d, heads, causal, weights }) {
  const width = d / heads;
  const reals = (name, { shape, data }) => initializer(name, FLOAT, shape, data);
  const shape = (name, sizes) => initializer(name, INT64, [sizes.length], BigInt64Array.from(sizes, BigInt));
  const constants = [
    ...Object.entries(weights).map(([name, weight]) => reals(name, weight)),
    shape("apart", [n, heads, width]),
    shape("together", [n, d]),
    reals("scale", { shape: [1], data: Float32Array.of(1 / Math.sqrt(width)) }),
  ];
  if (causal) {
    const data = Float32Array.from({ length: n * n }, (_, at) => (at % n <= Math.floor(at / n) ? 0 : -Infinity));
    constants.push(reals("mask", { shape: [n, n], data }));
  }
  const project = (name, perm) => [
    node("MatMul", ["x", name], `${name} rows`),
    node("Reshape", [`${name} rows`, "apart"], `${name} apart`),
    node("Transpose", [`${name} apart`], `${name} heads`, { perm }),
  ];
  const nodes = [
    ...project("query", [1, 0, 2]),
    ...project("key", [1, 2, 0]),
    ...project("value", [1, 0, 2]),
    node("Mul", ["query heads", "scale"], "scaled"),
    node("MatMul", ["scaled", "key heads"], "scores"),
    ...(causal ? [node("Add", ["scores", "mask"], "masked")] : []),
    node("Softmax", [causal ? "masked" : "scores"], "p", { axis: -1 }),
    node("MatMul", ["p", "value heads"], "o heads"),
    node("Transpose", ["o heads"], "o apart", { perm: [1, 0, 2] }),
    node("Reshape", ["o apart", "together"], "o"),
    node("MatMul", ["o", "output"], "y"),
  ];
  // GraphProto: node 1, name 2, initializer 5, input 11, output 12. ModelProto: ir_version 1, graph 7, opset_import 8.
  const graph = join(
    ...nodes.map((one) => field(1, one)),
    field(2, "attention"),
    ...constants.map((one) => field(5, one)),
    field(11, value("x", [n, d])),
    field(12, value("y", [n, d])),
  );
  return join(field(1, 8), field(7, graph), field(8, field(2, 17)));
}

// WGSL as an implementation may run it that multiplies and adds in one rounding (WGSL 14.6.1 allows it, GPUs do it,
// SwiftShader does not): every a·b + c of floating-point numbers in a shader becomes a call that rounds once.

type Node =
  | { kind: "atom"; text: string }
  | { kind: "unary"; operator: string; of: Node }
  | { kind: "binary"; operator: string; left: Node; right: Node }
  | { kind: "call"; callee: string; args: Node[] }
  | { kind: "index"; of: Node; at: Node }
  | { kind: "member"; of: Node; name: string };

/** Of an expression, as far as it matters here: numbers that contract, of how many components, or anything else. */
type Type = "f32" | "vec2f" | "vec4f" | "other";

const PRECEDENCE: Record<string, number> = {
  "||": 1,
  "&&": 2,
  "|": 3,
  "^": 4,
  "&": 5,
  "==": 6,
  "!=": 6,
  "<": 7,
  ">": 7,
  "<=": 7,
  ">=": 7,
  "<<": 8,
  ">>": 8,
  "+": 9,
  "-": 9,
  "*": 10,
  "/": 10,
  "%": 10,
};
const TOKEN =
  /\s*(\/\/[^\n]*|bitcast<\w+>|[A-Za-z_]\w*|\d[\w.]*(?:[eE][+-]?\d+\w*)?|\.\d+|<<=|>>=|&&|\|\||==|!=|<=|>=|<<|>>|[+\-*/]=|\+\+|--|->|[^\s\w])/y;

/** What rounding takes from a product, and a product without that loss plus a number. */
const CONTRACTED = (["f32", "vec4f"] as const)
  .map(
    (type) => `
fn lost_${type}(a: ${type}, b: ${type}) -> ${type} {
  let p = a * b;
  let ta = a * 4097.0;
  let tb = b * 4097.0;
  let ah = ta - (ta - a);
  let bh = tb - (tb - b);
  let al = a - ah;
  let bl = b - bh;
  let below = ((ah * bh - p) + ah * bl + al * bh) + al * bl;
  return select(${type}(0.0), below, max(abs(p), max(abs(ta), abs(tb))) < ${type}(1e30));
}
fn contracted_${type}(p: ${type}, lost: ${type}, c: ${type}) -> ${type} {
  let s = p + c;
  let z = s - p;
  return select(s, s + (((p - (s - z)) + (c - z)) + lost), max(abs(p), abs(c)) < ${type}(1e30));
}`,
  )
  .join("\n");

/**
 * The shader with every a·b + c contracted, also where the product has a name or is an argument; with `fma` also what the
 * shader asks for as one operation itself.
 */
export function contractedShader(code: string, { fma }: { fma: boolean }): string {
  const tokens = tokenize(code);
  const scope: Scope = { types: typesOf(code), lost: new Map(), parameters: parametersOf(code), fma };
  const out: string[] = [];
  let at = 0;
  const expression = (from: number): [Node, number] => parse(tokens, from);
  while (at < tokens.length) {
    const token = tokens[at];
    if (token === "fn") {
      scope.lost.clear();
      const name = tokens[at + 1];
      const end = tokens.indexOf(")", at);
      const parameters = scope.parameters.get(name);
      out.push("fn", name, "(");
      if (parameters) {
        for (const { name: parameter } of parameters.filter(({ type }) => type === "f32")) {
          scope.lost.set(parameter, `${parameter}_lost`);
        }
        out.push(
          parameters.map(({ name, text, type }) => (type === "f32" ? `${text}, ${name}_lost: f32` : text)).join(),
        );
      } else out.push(...tokens.slice(at + 3, end));
      at = end;
    } else if ((token === "let" || token === "var") && tokens[at + 2] === "=") {
      const name = tokens[at + 1];
      const [node, end] = expression(at + 3);
      const type = typeOf(node, scope);
      scope.types.set(name, type);
      scope.lost.delete(name);
      out.push(token, name, "=", print(node, scope));
      if (token === "let" && isProduct(node, scope)) {
        out.push(";", "let", `${name}_lost`, "=", lostOf(node, scope));
        scope.lost.set(name, `${name}_lost`);
      }
      at = end;
    } else if (token === "return" && tokens[at + 1] !== ";") {
      const [node, end] = expression(at + 1);
      out.push("return", print(node, scope));
      at = end;
    } else if (["=", "+=", "-="].includes(token) && out.length > 0) {
      // A statement that assigns begins with a place; whatever follows an assignment sign is an expression.
      const [node, end] = expression(at + 1);
      const place = placeBefore(out);
      const target = place.text.replace(/\s+/g, "");
      if (token !== "=" && isProduct(node, scope)) {
        const [left] = parse(tokenize(target), 0);
        out.length = place.first;
        out.push(target, "=", print({ kind: "binary", operator: token[0], left, right: node }, scope));
      } else out.push(token, print(node, scope));
      at = end;
    } else if (tokens[at + 1] === "(" && scope.parameters.has(token)) {
      const [node, end] = expression(at);
      out.push(print(node, scope));
      at = end;
    } else {
      out.push(token);
      at++;
    }
  }
  return `${CONTRACTED}\n${out.join(" ")}`;
}

interface Scope {
  readonly types: Map<string, Type>;
  /** WGSL of what rounding took from the product of that name. */
  readonly lost: Map<string, string>;
  /** Of the shader's functions that take numbers. */
  readonly parameters: Map<string, { name: string; text: string; type: Type }[]>;
  readonly fma: boolean;
}

function parametersOf(code: string): Scope["parameters"] {
  const found: Scope["parameters"] = new Map();
  for (const [, name, list] of code.matchAll(/fn (\w+)\(([^)]*)\)/g)) {
    const parameters = list.split(",").map((text) => {
      const [parameter, type = ""] = text.split(":").map((part) => part.trim());
      return { name: parameter, text: text.trim(), type: known(type) };
    });
    if (parameters.some(({ type }) => type === "f32")) found.set(name, parameters);
  }
  return found;
}

function tokenize(code: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < code.trimEnd().length) {
    const found = TOKEN.exec(code);
    if (!found) break;
    if (!found[1].startsWith("//")) tokens.push(found[1]);
  }
  return tokens;
}

/** The tokens of the place that ends what is written so far. */
function placeBefore(out: string[]): { first: number; text: string } {
  let first = out.length;
  let depth = 0;
  while (first > 0) {
    const token = out[first - 1];
    if (token === "]") depth++;
    if (token === "[") depth--;
    if (depth === 0 && [";", "{", "}", ")", "("].includes(token)) break;
    first--;
  }
  return { first, text: out.slice(first).join(" ") };
}

/** Types of buffers, workgroup memory, parameters and functions; what is declared inside of functions comes later. */
function typesOf(code: string): Map<string, Type> {
  const types = new Map<string, Type>();
  for (const [, name, type] of code.matchAll(/(\w+)\s*:\s*(?:array<)?(\w+)/g)) types.set(name, known(type));
  for (const [, name] of code.matchAll(/(\w+)\s*:\s*array</g)) types.set(`${name}[]`, "other");
  for (const [, name, type] of code.matchAll(/fn (\w+)\([^)]*\)\s*->\s*(\w+)/g)) types.set(`${name}()`, known(type));
  return types;
}

function known(type: string): Type {
  return type === "f32" || type === "vec2f" || type === "vec4f" ? type : "other";
}

function parse(tokens: string[], start: number, least = 0): [Node, number] {
  let [left, at] = parseUnary(tokens, start);
  for (;;) {
    const operator = tokens[at];
    const precedence = PRECEDENCE[operator];
    if (precedence === undefined || precedence <= least) return [left, at];
    const [right, end] = parse(tokens, at + 1, precedence);
    left = { kind: "binary", operator, left, right };
    at = end;
  }
}

function parseUnary(tokens: string[], start: number): [Node, number] {
  const token = tokens[start];
  if (["-", "!", "~", "&"].includes(token)) {
    const [of, end] = parseUnary(tokens, start + 1);
    return [{ kind: "unary", operator: token, of }, end];
  }
  let node: Node;
  let at = start + 1;
  if (token === "(") {
    [node, at] = parse(tokens, start + 1);
    at++;
  } else node = { kind: "atom", text: token };
  for (;;) {
    if (tokens[at] === "(" && node.kind === "atom") {
      const args: Node[] = [];
      at++;
      while (tokens[at] !== ")") {
        const [arg, end] = parse(tokens, at);
        args.push(arg);
        at = tokens[end] === "," ? end + 1 : end;
      }
      node = { kind: "call", callee: node.text, args };
      at++;
    } else if (tokens[at] === "[") {
      const [index, end] = parse(tokens, at + 1);
      node = { kind: "index", of: node, at: index };
      at = end + 1;
    } else if (tokens[at] === ".") {
      node = { kind: "member", of: node, name: tokens[at + 1] };
      at += 2;
    } else return [node, at];
  }
}

const LIKE_ARGUMENT = new Set(["select", "exp", "sqrt", "abs", "sign", "max", "min", "fma", "tanh", "log", "clamp"]);

function typeOf(node: Node, scope: Scope): Type {
  const { types } = scope;
  switch (node.kind) {
    case "atom":
      if (/^[\d.]/.test(node.text)) return /[.e]/.test(node.text) && !node.text.endsWith("u") ? "f32" : "other";
      return types.get(node.text) ?? "other";
    case "unary":
      return node.operator === "-" ? typeOf(node.of, scope) : "other";
    case "binary": {
      if (PRECEDENCE[node.operator] < 9) return "other";
      const [left, right] = [typeOf(node.left, scope), typeOf(node.right, scope)];
      return left === "f32" ? (right === "other" ? left : right) : left;
    }
    case "call": {
      const { callee, args } = node;
      if (callee === "f32" || callee === "bitcast<f32>" || callee === "dot") return "f32";
      if (callee === "vec4f" || callee === "vec2f") return callee;
      if (LIKE_ARGUMENT.has(callee)) return typeOf(args[0], scope);
      return types.get(`${callee}()`) ?? "other";
    }
    case "index": {
      const of = typeOf(node.of, scope);
      // An array's name stands for its entries; a second index, or one into a variable, is of a component.
      const isArray = node.of.kind === "atom" && types.has(`${node.of.text}[]`);
      return of === "other" || isArray ? of : "f32";
    }
    case "member":
      return typeOf(node.of, scope) === "other" ? "other" : "f32";
  }
}

/** Whether rounding may be put off: a product, or the name of one. */
function isProduct(node: Node, scope: Scope): boolean {
  if (node.kind === "unary") return node.operator === "-" && isProduct(node.of, scope);
  if (node.kind === "atom") return scope.lost.has(node.text);
  return node.kind === "binary" && node.operator === "*" && ["f32", "vec4f"].includes(typeOf(node, scope));
}

function lostOf(node: Node, scope: Scope): string {
  if (!isProduct(node, scope)) return "0.0";
  if (node.kind === "unary") return `(-${lostOf(node.of, scope)})`;
  if (node.kind === "atom") return scope.lost.get(node.text)!;
  const { left, right } = node as Node & { kind: "binary" };
  const type = typeOf(node, scope);
  return `lost_${type}(${type}(${print(left, scope)}), ${type}(${print(right, scope)}))`;
}

function print(node: Node, scope: Scope): string {
  const shown = (part: Node): string => print(part, scope);
  switch (node.kind) {
    case "atom":
      return node.text;
    case "unary":
      return `(${node.operator}${shown(node.of)})`;
    case "index":
      return `${shown(node.of)}[${shown(node.at)}]`;
    case "member":
      return `${shown(node.of)}.${node.name}`;
    case "call": {
      if (scope.fma && node.callee === "fma") {
        const [left, right, sum] = node.args;
        return sumOf({ kind: "binary", operator: "*", left, right }, sum, false, false, scope);
      }
      const parameters = scope.parameters.get(node.callee);
      const args = node.args.flatMap((arg, index) =>
        parameters?.[index].type === "f32" ? [shown(arg), lostOf(arg, scope)] : [shown(arg)],
      );
      return `${node.callee}(${args.join(", ")})`;
    }
    case "binary": {
      const { operator, left, right } = node;
      const minus = operator === "-";
      if ((operator === "+" || minus) && isProduct(right, scope)) return sumOf(right, left, minus, false, scope);
      if ((operator === "+" || minus) && isProduct(left, scope)) return sumOf(left, right, false, minus, scope);
      return `(${shown(left)} ${operator} ${shown(right)})`;
    }
  }
}

/** ±product ± other, rounded once (but for double rounding at ties). */
function sumOf(product: Node, other: Node, negative: boolean, minus: boolean, scope: Scope): string {
  const [left, right] = [typeOf(product, scope), typeOf(other, scope)];
  const type = left === "vec4f" || right === "vec4f" ? "vec4f" : "f32";
  const signed = (text: string, isNegative: boolean) => `${type}(${isNegative ? "-" : ""}(${text}))`;
  const parts = [
    signed(print(product, scope), negative),
    signed(lostOf(product, scope), negative),
    signed(print(other, scope), minus),
  ];
  return `contracted_${type}(${parts.join(", ")})`;
}

/* A penalty f(z) as typed: read by the grammar of `logitreg derive`, never run as code. Its value and its first two
 * derivatives are computed together, as jets [f, f', f'']. */

const LONGEST = 1000, DEEPEST = 24, LARGEST_EXPONENT = 64;
const TOKEN = /( +)|((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)|([A-Za-z_][A-Za-z0-9_]*)|(\*\*|[-+*/^(),])/y;

const VARIABLE = { jet: (z) => [z, 1, 0], math: "<mi>z</mi>", rank: 4, constant: false };

class TypingError extends Error {}

const chain = ([, u1, u2], f, f1, f2) => [f, f1 * u1, (u1 === 0 ? 0 : f2 * u1 * u1) + (u2 === 0 ? 0 : f1 * u2)];
const plus = (u, v) => [u[0] + v[0], u[1] + v[1], u[2] + v[2]];
const scaled = (u, c) => [c * u[0], c * u[1], c * u[2]];
const times = (u, v) => [u[0] * v[0], u[1] * v[0] + u[0] * v[1], u[2] * v[0] + 2 * u[1] * v[1] + u[0] * v[2]];
const inverse = (u) => chain(u, 1 / u[0], -1 / u[0] ** 2, 2 / u[0] ** 3);
const raised = (u, p) => chain(u, u[0] ** p, p && p * u[0] ** (p - 1), p * (p - 1) && p * (p - 1) * u[0] ** (p - 2));
const sigmoid = (x) => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)));
const bell = (x) => sigmoid(x) * sigmoid(-x);
const sech = (x) => 1 / Math.cosh(x);

const FUNCTIONS = {
    abs: (u) => [Math.abs(u[0]), Math.sign(u[0]) * u[1], Math.sign(u[0]) * u[2]],
    asinh: (u) => chain(u, Math.asinh(u[0]), 1 / Math.hypot(1, u[0]), -u[0] / Math.hypot(1, u[0]) ** 3),
    atan: (u) => chain(u, Math.atan(u[0]), 1 / (1 + u[0] ** 2), -2 * u[0] / (1 + u[0] ** 2) ** 2),
    cosh: (u) => chain(u, Math.cosh(u[0]), Math.sinh(u[0]), Math.cosh(u[0])),
    exp: (u) => chain(u, Math.exp(u[0]), Math.exp(u[0]), Math.exp(u[0])),
    log: (u) => chain(u, Math.log(u[0]), 1 / u[0], -1 / u[0] ** 2),
    sech: (u) => chain(u, sech(u[0]), -sech(u[0]) * Math.tanh(u[0]), sech(u[0]) * (1 - 2 * sech(u[0]) ** 2)),
    sigmoid: (u) => chain(u, sigmoid(u[0]), bell(u[0]), bell(u[0]) * (1 - 2 * sigmoid(u[0]))),
    sinh: (u) => chain(u, Math.sinh(u[0]), Math.cosh(u[0]), Math.sinh(u[0])),
    softplus: (u) => chain(u, Math.max(u[0], 0) + Math.log1p(Math.exp(-Math.abs(u[0]))), sigmoid(u[0]), bell(u[0])),
    sqrt: (u) => chain(u, Math.sqrt(u[0]), 0.5 / Math.sqrt(u[0]), -0.25 / u[0] ** 1.5),
    tanh: (u) => chain(u, Math.tanh(u[0]), sech(u[0]) ** 2, -2 * Math.tanh(u[0]) * sech(u[0]) ** 2),
};
const CHOICES = { max: 1, min: -1 };

/* The larger of two jets for side = 1, the smaller for -1; at a tie the mean, as at every kink. */
function chosen(u, v, side) {
    if (u[0] === v[0]) return scaled(plus(u, v), 0.5);
    return side * (u[0] - v[0]) > 0 ? u : v;
}

/* The tree of a text: {jet: z -> [f, f', f''], math: MathML, rank: how tightly it binds, constant}. */
function parsed(text) {
    if (text.length > LONGEST) throw new TypingError(`it has more than ${LONGEST} characters`);
    const tokens = tokens_of(text);
    let next = 0, depth = 0;
    const peek = () => tokens[next].word;
    const taken = (found) => {
        next++;
        return found;
    };
    const fail = (reason) => { throw new TypingError(`${reason} at column ${tokens[next].column}`); };
    const expect = (word) => {
        if (peek() !== word) fail(`'${word}' is ${peek() === "" ? "missing" : "expected"}`);
        next++;
    };
    const deeper = (read) => {
        if (++depth > DEEPEST) fail(`it is nested deeper than ${DEEPEST}`);
        const found = read();
        depth--;
        return found;
    };

    function sum() {
        let left = product();
        while (peek() === "+" || peek() === "-") {
            const join = taken(peek()) === "-" ? difference : total;
            left = join(left, product());
        }
        return left;
    }
    function product() {
        let left = signed();
        while (peek() === "*" || peek() === "/") {
            const join = taken(peek()) === "*" ? multiplied : divided;
            left = join(left, signed());
        }
        return left;
    }
    function signed() {
        if (peek() !== "+" && peek() !== "-") return powered();
        const sign = taken(peek()), part = deeper(signed);
        return sign === "-" ? negated(part) : part;
    }
    function powered() {
        const base = atom();
        if (peek() !== "^" && peek() !== "**") return base;
        next++;
        const exponent = deeper(signed);
        if (!exponent.constant) fail("an exponent contains z: write exp(...)");
        const [p] = exponent.jet(0);
        if (!(Math.abs(p) <= LARGEST_EXPONENT)) fail(`the exponent is beyond ${LARGEST_EXPONENT}`);
        return power(base, exponent, p);
    }
    function atom() {
        const { kind, word } = tokens[next];
        if (kind === "number") return taken(number(Number(word), `<mn>${word}</mn>`));
        if (word === "z") return taken(VARIABLE);
        if (word === "pi") return taken(number(Math.PI, "<mi>π</mi>"));
        if (word === "e") return taken(number(Math.E, "<mi>e</mi>"));
        if (kind === "name") return call(word);
        if (word !== "(") fail(word === "" ? "the text ends too early" : `'${word}' is not expected`);
        expect("(");
        const inner = deeper(sum);
        expect(")");
        return inner;
    }
    function call(word) {
        const name = /^(Abs|Max|Min)$/.test(word) ? word.toLowerCase() : word;
        if (!Object.hasOwn(FUNCTIONS, name) && !Object.hasOwn(CHOICES, name)) fail(`unknown name '${word}'`);
        next++;
        expect("(");
        const given = [deeper(sum)];
        while (Object.hasOwn(CHOICES, name) && peek() === ",") {
            next++;
            given.push(deeper(sum));
        }
        expect(")");
        return applied(name, given);
    }

    const tree = sum();
    if (peek() !== "") fail(tokens[next].kind === "operator" ? `'${peek()}' is not expected` : "an operator is missing");
    return tree;
}

function tokens_of(text) {
    const tokens = [];
    TOKEN.lastIndex = 0;
    while (TOKEN.lastIndex < text.length) {
        const column = TOKEN.lastIndex + 1, found = TOKEN.exec(text);
        if (!found) throw new TypingError(`the character at column ${column} is not admitted`);
        const [word, space, number, name] = found;
        if (!space) tokens.push({ word, column, kind: number ? "number" : name ? "name" : "operator" });
    }
    return [...tokens, { word: "", column: text.length + 1, kind: "operator" }];
}

/* Nodes of the tree. Ranks: 1 a sum, 2 a product, 3 a quotient or a power, 4 what needs no brackets. */

function node(jet, math, rank, ...parts) {
    const constant = parts.every((part) => part.constant), value = constant ? jet(0) : null;
    return { jet: constant ? () => value : jet, math, rank, constant };
}

const number = (value, math) => node(() => [value, 0, 0], math, 4);
const row = (...parts) => `<mrow>${parts.join("")}</mrow>`;
const bracketed = (part, rank) => (part.rank < rank ? row("<mo>(</mo>", part.math, "<mo>)</mo>") : part.math);

function total(a, b) {
    return node((z) => plus(a.jet(z), b.jet(z)), row(a.math, "<mo>+</mo>", bracketed(b, 2)), 1, a, b);
}

function difference(a, b) {
    return node((z) => plus(a.jet(z), scaled(b.jet(z), -1)), row(a.math, "<mo>−</mo>", bracketed(b, 2)), 1, a, b);
}

function multiplied(a, b) {
    const between = /^<mn>/.test(b.math) ? "<mo>·</mo>" : "<mo>&#x2062;</mo>";
    return node((z) => times(a.jet(z), b.jet(z)), row(bracketed(a, 2), between, bracketed(b, 2)), 2, a, b);
}

function divided(a, b) {
    return node((z) => times(a.jet(z), inverse(b.jet(z))), `<mfrac>${row(a.math)}${row(b.math)}</mfrac>`, 3, a, b);
}

function negated(a) {
    return node((z) => scaled(a.jet(z), -1), row("<mo>−</mo>", bracketed(a, 2)), 1, a);
}

function power(base, exponent, p) {
    return node((z) => raised(base.jet(z), p), `<msup>${bracketed(base, 4)}${row(exponent.math)}</msup>`, 3, base);
}

function applied(name, given) {
    const [first, ...others] = given, inside = given.map((part) => part.math).join("<mo>,</mo>");
    const math = {
        abs: row("<mo>|</mo>", inside, "<mo>|</mo>"),
        sqrt: `<msqrt>${inside}</msqrt>`,
    }[name] ?? row(`<mi>${name}</mi>`, "<mo>(</mo>", inside, "<mo>)</mo>");
    const jet = Object.hasOwn(CHOICES, name)
        ? (z) => others.reduce((u, v) => chosen(u, v.jet(z), CHOICES[name]), first.jet(z))
        : (z) => FUNCTIONS[name](first.jet(z));
    return node(jet, math, 4, ...given);
}

/* The penalty of a text, in the form of the table; throws TypingError for what is no finite function. Convexity is
 * looked for at 12001 points, not proved. */
function typed_penalty(text) {
    return cached(`typed ${text}`, () => {
        const { jet, math } = parsed(text);
        const { loss, slope, curvature } = PENALTIES.quadratic;
        let last_z = NaN, last = [];
        const at = (z) => {
            if (z !== last_z) [last_z, last] = [z, jet(z)];
            return last;
        };
        const penalised = (entropy, order) => (z, alpha) => (1 - alpha) * entropy(z, 0) + alpha * at(z)[order];
        return with_breaks({
            parameters: {},
            loss: penalised(loss, 0),
            slope: penalised(slope, 1),
            curvature: penalised(curvature, 2),
            target: null,
            gap: null,
            coordinatewise: true,
            own: true,
            concave: concave_point(jet),
            math,
        });
    });
}

function concave_point(jet) {
    let before = -Infinity, concave = null;
    for (let i = -6000; i <= 6000; i++) {
        const z = i / 100, [value, slope, bend] = jet(z);
        if (!Number.isFinite(value) || Number.isNaN(slope)) {
            throw new TypingError(`f(${z}) or f′(${z}) is not a finite number`);
        }
        const rounding = 1e-9 * Math.max(1, Math.abs(slope));
        if (concave === null && (bend < -rounding || slope < before - rounding)) concave = z;
        before = slope;
    }
    return concave;
}

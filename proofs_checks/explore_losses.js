/* Penalties and their per-sample losses, from the table PENALTIES of exported functions or from typed text. */

const FARTHEST = 1024;

function normal_cdf(t) {
    const tail = complementary_error(Math.abs(t) / Math.SQRT2) / 2;
    return t < 0 ? tail : 1 - tail;
}

function normal_density(t) {
    return Math.exp(-t * t / 2) / Math.sqrt(2 * Math.PI);
}

/* The zero of an increasing function by Newton's method inside a shrinking bracket; a jump through zero counts. */
function increasing_root(f, derivative, low, high) {
    let x = (low + high) / 2;
    for (let i = 0; i < 200; i++) {
        const value = f(x);
        if (value === 0) return x;
        if (value > 0) high = x;
        else low = x;
        const change = value / derivative(x), newton = x - change;
        const useful = low < newton && newton < high && 2 * Math.abs(change) <= high - low;
        const next = useful ? newton : (low + high) / 2;
        if (next === x || Math.abs(next - x) <= 2e-16 * Math.abs(x)) return next;
        x = next;
    }
    return x;
}

/* A penalty of the table with the values of its parameters, or one that was typed. As functions of (z, alpha): loss,
 * slope and curvature. As functions of alpha and (alpha, K), where the exports have them: target and gap. */
function penalty_of(state) {
    if (!Object.hasOwn(PENALTIES, state.penalty)) return typed_penalty(state.penalty);
    const entry = PENALTIES[state.penalty], usual = Object.entries(entry.parameters);
    if (usual.length === 0) return with_breaks(entry);
    const key = `${state.penalty} ${usual.map(([name]) => state[name])}`;
    return cached(key, () => {
        const given = usual.map(([name]) => state[name]);
        const closed = usual.every(([name, value]) => state[name] === value);
        const at = (f) => (z, alpha) => f(z, alpha, ...given);
        return with_breaks({
            ...entry,
            loss: at(entry.loss),
            slope: at(entry.slope),
            curvature: at(entry.curvature),
            target: closed ? entry.target : null,
            gap: closed ? entry.gap : null,
        });
    });
}

const cache = new Map();

function cached(key, make) {
    if (!cache.has(key)) {
        if (cache.size > 20) cache.clear();
        cache.set(key, make());
    }
    return cache.get(key);
}

function with_breaks(penalty) {
    penalty.breaks ??= break_points(penalty);
    return penalty;
}

/* Where f ends, f' or f'' jumps, and zero if f'' has a kink there, as that of |z|^3 has. */
function break_points({ loss, slope, curvature }) {
    const bend = (z) => curvature(z, 0.5);
    const found = new Set();
    for (const f of [(z) => (loss(z, 0.5) === Infinity ? 1 : 0), (z) => slope(z, 0.5), bend]) {
        for (let i = -2001; i < 2001; i++) {
            const jump = jump_between(f, i / 50, (i + 1) / 50);
            if (jump !== null) found.add(jump + 0);
        }
    }
    const step = 1e-6;
    const rough = !(Math.abs(bend(2 * step) - bend(step) + bend(-2 * step) - bend(-step)) < 1e-3 * step);
    if (rough) found.add(0);
    return [...found].sort((a, b) => a - b);
}

/* Where a function jumps: the point between if it takes a value there, else the shorter of two neighbours; null if
 * both halves of an interval share in the change, as for smooth functions. */
function jump_between(f, left, right) {
    let before = f(left), after = f(right);
    for (;;) {
        const middle = (left + right) / 2;
        if (middle === left || middle === right) break;
        const between = f(middle), first = Math.abs(between - before), second = Math.abs(after - between);
        if (!(first + second > 1e-9)) return null;
        if (Math.abs(first - second) <= 0.2 * (first + second)) return right - left < 1e-12 ? middle : null;
        if (first > second) [right, after] = [middle, between];
        else [left, before] = [middle, between];
    }
    return String(left).length < String(right).length ? left : right;
}

/* The loss of a penalty at one strength, as the saddle wants it. */
function loss_at(penalty, alpha) {
    /* Without a strength every penalty leaves the cross-entropy, also an infinite one. */
    const { loss, slope, curvature } = alpha > 0 ? penalty : PENALTIES.quadratic;
    const value = (z) => loss(z, alpha), rate = (z) => slope(z, alpha);
    const beside = (point, side) => {
        const near = point + side * Math.max(Math.abs(point) * 2 ** -52, 1e-300);
        return Number.isFinite(value(near)) ? rate(near) : side * Infinity;
    };
    return {
        value,
        slope: rate,
        curvature: (z) => (z === Infinity ? 0 : curvature(z, alpha)),
        minimiser: target_of(penalty, alpha),
        breaks: (alpha > 0 ? penalty.breaks : []).map((point) => {
            return { point, left: beside(point, -1), right: beside(point, 1) };
        }),
    };
}

/* A zero that is a break but for rounding is that break. */
function snapped(z, { breaks }) {
    const near = breaks.find((point) => Math.abs(point - z) <= 1e-14 * Math.max(1, Math.abs(point)));
    return near ?? z;
}

/* The logit of least loss for two classes, infinite without a penalty; null if f does not hold the logits back. */
function target_of(penalty, alpha) {
    if (alpha === 0) return Infinity;
    if (penalty.target) return penalty.target(alpha);
    const slope = (z) => penalty.slope(z, alpha);
    let low = 0, high = 0;
    const rises = !(slope(0) > 0), sign = rises ? 1 : -1;
    let far = 1;
    while (far < FARTHEST && !(sign * slope(sign * far) > 0 || penalty.loss(sign * far, alpha) === Infinity)) far *= 2;
    if (far === FARTHEST) return null;
    if (rises) high = far;
    else low = -far;
    const wall = (z) => (penalty.loss(z, alpha) === Infinity ? Math.sign(z) : slope(z));
    return snapped(increasing_root(wall, (z) => penalty.curvature(z, alpha), low, high), penalty);
}

/* The gap g of the logits for K classes; null where there is none. Where f acts on each logit, the true class has the
 * logit u with f'(u) = s and the others v with f'(v) = -s/(K - 1), and the cross-entropy asks for
 * (1 - alpha) (K - 1)/(exp(u - v) + K - 1) = alpha s. */
function gap_of(penalty, alpha, K) {
    if (K === 2) return target_of(penalty, alpha);
    if (alpha === 0) return Infinity;
    if (penalty.gap) return penalty.gap(alpha, K);
    if (!penalty.coordinatewise) return null;
    /* f' and f'' from the loss at one half; beyond a wall f' is infinite. */
    const rate = (z) => (penalty.loss(z, 0.5) === Infinity ? Math.sign(z) * Infinity
        : 2 * penalty.slope(z, 0.5) + 1 / (1 + Math.exp(z)));
    const bend = (z) => 2 * penalty.curvature(z, 0.5) - 1 / (2 + 2 * Math.cosh(z));
    const logit = (s) => increasing_root((z) => rate(z) - s, bend, -FARTHEST, FARTHEST);
    const gap = (s) => logit(s) - logit(-s / (K - 1));
    const balance = (s) => alpha * s - (1 - alpha) * (K - 1) / (Math.exp(gap(s)) + K - 1);
    const s = increasing_root(balance, () => alpha, 0, (1 - alpha) / alpha);
    /* Where f' is constant, s leaves the logits open, but not the gap; and beside a wall the gap is exact, not s. */
    const found = Math.log((K - 1) * ((1 - alpha) / (alpha * s) - 1));
    return found < FARTHEST ? found : null;
}

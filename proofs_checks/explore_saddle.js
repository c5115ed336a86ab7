/* The limit N, d -> infinity for lambda < 1. With Z = mu_f S_1 + s G, s^2 = (sigma_f S_1)^2 + q^2, and p the
 * proximal operator of gamma l, the triple (S_1, q, gamma) solves
 *     E p'(Z) = 1 - lambda,   E (p(Z) - Z)^2 = lambda q^2,   mu_f E (p(Z) - Z) = lambda sigma_f^2 S_1.
 * A loss l is {value, slope, curvature, minimiser, breaks}, the breaks being the points where it is not smooth,
 * {point, left, right} with the slopes on both sides: infinite beyond a wall. */

const TAIL = 9;
/* Orders of the quadrature, and whether the pieces also end at the images of zero and of the target: there steep losses
 * and large weights put all that changes. */
const QUADRATURE = [[64, false], [128, false], [256, false], [256, true], [512, true], [1024, true]];
const EXACT = 1e-13, GOAL = 1e-12, ACCEPTED = 1e-9;
const ENVELOPE = [-60, 30];
const VANISHED = 1e-8;

const clip = (x, low, high) => Math.min(Math.max(x, low), high);

/* Distances from the nearer end, for the first half of the nodes, and their weights: on the whole line the trapezoidal
 * rule converges exponentially for a smooth l, and from a break to the next the double-exponential one does. */
const rules = new Map();

function rule_of(order, smooth) {
    const key = `${order} ${smooth}`;
    if (!rules.has(key)) {
        const place = [], weight = [], step = smooth ? 1 / (order - 1) : 7.8 / order;
        for (let i = 0; i < order / 2; i++) {
            const t = step * (order / 2 - 0.5 - i), distance = 1 / (1 + Math.exp(Math.PI * Math.sinh(t)));
            place.push(smooth ? i * step : distance);
            weight.push(smooth ? step : step * Math.PI * Math.cosh(t) * distance * (1 - distance));
        }
        rules.set(key, { place, weight });
    }
    return rules.get(key);
}

/* The p in [low, high] with p + gamma l'(p) = z, by Newton's method inside a shrinking bracket. */
function proximal(loss, z, s, gamma, low, high, start) {
    const goal = Number.isFinite(loss.minimiser) ? loss.minimiser : z - gamma * loss.slope(clip(z, low, high));
    let least = clip(Math.min(z, goal), low, high), most = clip(Math.max(z, goal), low, high);
    let p = clip(Number.isFinite(start) ? start : (least + most) / 2, least, most);
    for (let i = 0; i < 100; i++) {
        const value = p - z + gamma * loss.slope(p);
        if (value < 0) least = p;
        if (value > 0) most = p;
        const change = value / (1 + gamma * loss.curvature(p)), newton = p - change;
        /* A step of more than half the bracket may end in a cycle of two. */
        const useful = change === 0 || (least <= newton && newton <= most && 2 * Math.abs(change) <= most - least);
        const next = useful ? newton : (least + most) / 2, size = Math.abs(next - p);
        p = next;
        /* The next step of Newton's method would be the square of this one; half a bracket is no such promise. */
        if (size <= (useful ? 1e-9 : 1e-16) * (s + Math.abs(p))) break;
    }
    return p;
}

/* The pieces of Z/s between breaks, {begin, finish, low, high}, with the limits of p on each. */
function pieces_of(loss, m, s, gamma) {
    const at = (point, slope) => clip((point + gamma * slope - m) / s, -TAIL, TAIL);
    const found = [];
    let begin = -TAIL, low = -Infinity;
    for (const { point, left, right } of loss.breaks) {
        found.push({ begin, finish: at(point, left), low, high: point });
        found.push({ begin: at(point, left), finish: at(point, right), low: point, high: point });
        begin = at(point, right);
        low = point;
    }
    found.push({ begin, finish: TAIL, low, high: Infinity });
    return found.filter((piece) => piece.finish > piece.begin);
}

/* Moments of the step r = p(Z) - Z, and all of which their derivatives consist. */
function moments(loss, data, { first, q, gamma }, order, start) {
    const m = first * data.mu_f, s = Math.hypot(first * data.sigma_f, q);
    const { place, weight } = rule_of(order, loss.breaks.length === 0);
    const found = {
        slope: 0, step: 0, square: 0, normal_step: 0, lack: 0, g_lack: 0, gg_lack: 0, r_lack: 0, gr_lack: 0, steepness: 0,
        points: [], weights: [],
    };
    const bend = gamma * loss.curvature(loss.minimiser);
    const take = (normal, share, low, high) => {
        const density = share * normal_density(normal), z = m + s * normal;
        const known = start ? start[found.points.length] : (z + bend * loss.minimiser) / (1 + bend);
        const p = low === high ? low : proximal(loss, z, s, gamma, low, high, known);
        const slope = low === high ? 0 : 1 / (1 + gamma * loss.curvature(p));
        const step = p - z, lack = density * (1 - slope);
        found.slope += density * slope;
        found.step += density * step;
        found.square += density * step * step;
        found.normal_step += density * normal * step;
        found.lack += lack;
        found.g_lack += normal * lack;
        found.gg_lack += normal * normal * lack;
        found.r_lack += step * lack;
        found.gr_lack += normal * step * lack;
        found.steepness += density * step * step * slope;
        found.points.push(p);
        found.weights.push(density);
    };
    for (const { begin, finish, low, high } of pieces_of(loss, m, s, gamma)) {
        const width = finish - begin;
        for (let i = 0; i < place.length; i++) {
            take(begin + width * place[i], width * weight[i], low, high);
            take(finish - width * place[i], width * weight[i], low, high);
        }
    }
    /* Half the slope of E r^2 in log gamma; kept off zero, where all p rest on kinks. */
    found.steepness = Math.max(found.steepness, 1e-14 * found.square);
    return found;
}

function state_at(problem, first, q, gamma, start) {
    const point = { first, q, gamma };
    return { ...point, moments: moments(problem.loss, problem.data, point, problem.order, start) };
}

/* In (S_1, q), with gamma eliminated to first order, all times gamma: the gradient and the Hessian; and
 * E r^2 - lambda q^2, which the envelope makes zero, with its derivatives. */
function derivatives({ data: { lambda, mu_f, sigma_f } }, { first, q, moments: found }) {
    const s = Math.hypot(first * sigma_f, q), variance = sigma_f ** 2;
    const s_first = first * variance / s, s_q = q / s;
    const pull = -found.normal_step, bend = pull / s;
    const of_first = -2 * (mu_f * found.r_lack + s_first * found.gr_lack);
    const of_q = -2 * (s_q * found.gr_lack + lambda * q);
    const surplus = found.square - lambda * q ** 2, drop = 1 / (4 * found.steepness);
    return {
        gradient: [
            -mu_f * found.step + s_first * pull + surplus * of_first * drop,
            s_q * pull - lambda * q + surplus * of_q * drop,
        ],
        hessian: [
            mu_f ** 2 * found.lack + 2 * mu_f * s_first * found.g_lack + s_first ** 2 * found.gg_lack
                + variance * bend * (1 - s_first * first / s) + of_first ** 2 * drop,
            s_q * (mu_f * found.g_lack + s_first * (found.gg_lack - bend)) + of_first * of_q * drop,
            s_q ** 2 * found.gg_lack + bend * (1 - s_q ** 2) - lambda + of_q ** 2 * drop,
        ],
        surplus, of_first, of_q,
    };
}

/* Newton's step; coordinate by coordinate where rounding leaves the Hessian no determinant. */
function newton_step({ gradient: [a, b], hessian: [aa, ab, bb] }) {
    const determinant = aa * bb - ab ** 2;
    if (!(determinant > 1e-14 * Math.abs(aa * bb))) return [-a / aa, -b / bb];
    return [(ab * b - bb * a) / determinant, (ab * a - aa * b) / determinant];
}

/* By how much the quadrature misses E G r = s (E p' - 1). */
function defect({ data }, { first, q, moments: found }) {
    return Math.abs(found.normal_step / Math.hypot(first * data.sigma_f, q) + 1 - found.slope);
}

/* The envelope at which E r^2 = lambda q^2: the left side increases with it. */
function maximised(problem, state) {
    const level = Math.log(problem.data.lambda * state.q ** 2);
    let logarithm = Math.log(state.gamma), [low, high] = ENVELOPE;
    for (let i = 0; i < 40; i++) {
        const { square, steepness, points } = state.moments;
        const lack = level - Math.log(square);
        if (lack > 0) low = logarithm;
        if (lack < 0) high = logarithm;
        const change = clip(lack * square / (2 * steepness), -3, 3);
        const within = 2 * Math.abs(change) <= high - low || lack === 0;
        const next = within ? logarithm + change : (low + high) / 2;
        const size = Math.abs(next - logarithm);
        logarithm = next;
        state = state_at(problem, state.first, state.q, Math.exp(logarithm), points);
        if (size < 1e-5 || logarithm > ENVELOPE[1] - 0.1) break;
    }
    return state;
}

/* To three digits: Newton's method in (S_1, q) with a step that is halved while the slope at its end has risen past
 * half of the fall. */
function descend(problem, start) {
    let state = maximised(problem, start);
    for (let i = 0; i < 25; i++) {
        const here = derivatives(problem, state), [along, across] = newton_step(here);
        const fall = -(here.gradient[0] * along + here.gradient[1] * across);
        const size = Math.max(Math.abs(along / state.first), Math.abs(across / state.q));
        const settled = size < 1e-3 || fall < 10 * defect(problem, state) * state.q * Math.abs(across)
            || !(state.q > VANISHED * start.q);
        let length = 1;
        if (along < 0) length = Math.min(length, -0.9 * state.first / along);
        if (across < 0) length = Math.min(length, -0.9 * state.q / across);
        let trial = state;
        for (let halvings = 0; halvings < 12; halvings++) {
            const { gamma, moments: { points } } = state;
            trial = state_at(problem, state.first + length * along, state.q + length * across, gamma, points);
            trial = maximised(problem, trial);
            const { gradient } = derivatives(problem, trial);
            const rise = (gradient[0] * along + gradient[1] * across) / trial.gamma;
            if (settled || rise <= 0.5 * Math.abs(fall) / state.gamma) break;
            length /= 2;
        }
        state = trial;
        if (settled) break;
    }
    return state;
}

/* To the last digits: Newton's method in (S_1, q, log gamma). */
function polish(problem, { first, q, gamma }) {
    let state = state_at(problem, first, q, gamma);
    for (let i = 0; i < 6; i++) {
        const here = derivatives(problem, state), [along, across] = newton_step(here);
        const { points, steepness } = state.moments;
        const rise = -(here.surplus + here.of_first * along + here.of_q * across) / (2 * steepness);
        const next = [
            state.first + clip(along, -0.5 * state.first, state.first),
            state.q + clip(across, -0.5 * state.q, state.q),
            state.gamma * Math.exp(clip(rise, -1, 1)),
        ];
        state = state_at(problem, ...next, points);
        if (!(Math.abs(along / state.first) + Math.abs(across / state.q) + Math.abs(rise) >= 1e-9)) break;
    }
    return state;
}

/* The largest error of the three equations, relative, and of the quadrature. */
function residual_of(problem, state) {
    const { lambda, mu_f, sigma_f } = problem.data, { first, q, moments: found } = state;
    const errors = [
        defect(problem, state),
        found.slope - (1 - lambda),
        found.square / (lambda * q ** 2) - 1,
        (mu_f * found.step - first * sigma_f ** 2 * (1 - found.slope))
            / Math.sqrt((mu_f ** 2 + sigma_f ** 2) * found.square),
    ];
    return errors.some(Number.isNaN) ? Infinity : Math.max(...errors.map(Math.abs));
}

function with_pieces(loss) {
    const known = loss.breaks.map(({ point }) => point);
    const more = [0, loss.minimiser].filter((point) => Number.isFinite(point) && !known.includes(point));
    const breaks = more.map((point) => ({ point, left: loss.slope(point), right: loss.slope(point) }));
    return { ...loss, breaks: [...loss.breaks, ...breaks].sort((a, b) => a.point - b.point) };
}

/* The saddle {first, q, gamma, moments, residual, vanished, stage}. A solution of a problem nearby is where to start, if
 * there is one. The residual says what to believe: nothing above ACCEPTED, and with a word of warning above GOAL. */
function saddle(loss, data, near = null) {
    const solved = (problem, state) => ({ ...state, residual: residual_of(problem, state) });
    const at_stage = (stage) => {
        const [order, more] = QUADRATURE[stage];
        return { loss: more ? with_pieces(loss) : loss, data, order };
    };
    if (near) {
        const problem = at_stage(near.stage), found = solved(problem, polish(problem, near));
        if (found.residual < EXACT) return { ...found, stage: near.stage };
    }
    const { lambda, mu_f, sigma_f } = data;
    const level = Math.min(loss.minimiser, 3), power = mu_f ** 2 + sigma_f ** 2, ratio = Math.min(lambda, 0.9);
    /* From the solution for a quadratic loss, kept off q = 0. */
    const share = Math.max(sigma_f ** 2 / power, 1e-4);
    const first_q = level * Math.sqrt(ratio * share / (1 - ratio));
    let from = { first: level * mu_f / power, q: first_q, gamma: 1 }, found;
    for (let stage = 0; stage < QUADRATURE.length; stage++) {
        const problem = at_stage(stage), start = state_at(problem, from.first, from.q, from.gamma);
        found = { ...solved(problem, polish(problem, descend(problem, start))), stage };
        found.vanished = !(found.q > VANISHED * first_q);
        if (found.residual < EXACT || found.vanished) break;
        from = found;
    }
    return found;
}

/* Mean, deviation and mean loss of the logits of training samples, which are the p(Z). */
function training_logits(loss, { moments: { points, weights } }) {
    const over = (f) => points.reduce((sum, p, i) => sum + weights[i] * f(p), 0);
    const mean = over((p) => p);
    return { mean, deviation: Math.sqrt(over((p) => (p - mean) ** 2)), loss: over(loss.value) };
}

/* Everything that the page shows as numbers, from a state {penalty, delta, p, b, alpha, K, lambda, mu_f, sigma_f,
 * sigma_n}. What has an export is computed by the exported function. */

const BISECTIONS = 60;

function bisected(f, low, high, bisections = BISECTIONS) {
    for (let i = 0; i < bisections; i++) {
        const middle = (low + high) / 2;
        if (f(middle) > 0) high = middle;
        else low = middle;
    }
    return (low + high) / 2;
}

/* T(t) = E (t + G)_+^2 and its derivative. */
function truncated(t) {
    const below = normal_cdf(t), density = normal_density(t);
    return [(1 + t * t) * below + t * density, 2 * (t * below + density)];
}

/* The t with T(t) = level: T is convex, and Newton's steps fall from sqrt(level), where T >= level. */
function truncated_inverse(level) {
    let t = Math.sqrt(level);
    for (let i = 0; i < 200; i++) {
        const [value, slope] = truncated(t);
        const next = t - (value - level) / slope;
        if (!(next < t)) break;
        t = next;
    }
    return t;
}

/* Data is separable, as N, d -> infinity, if and only if d/N is above this. */
function separability_threshold(effect) {
    const delta = Math.min(effect, 60);
    const slope = (angle) => {
        const sine = Math.sin(angle), cosine = Math.cos(angle);
        const [value, change] = truncated(-sine * delta);
        return 2 * value * sine - delta * change * cosine * cosine;
    };
    const angle = bisected(slope, 0, Math.PI / 2);
    return truncated(-Math.sin(angle) * delta)[0] / Math.cos(angle) ** 2;
}

/* The cosine of the max-margin direction and the signal, and the margin of a unit vector. */
function largest_margin(lambda, mu_f, sigma_f, sigma_n, bisections = BISECTIONS) {
    const at = (angle) => {
        const cosine = Math.cos(angle), sine = Math.sin(angle);
        const spread = Math.hypot(cosine * sigma_f, sine * sigma_n);
        const t = truncated_inverse(lambda * (sigma_n * sine / spread) ** 2);
        return { cosine, sine, spread, t };
    };
    const slope = (angle) => {
        const { cosine, sine, spread, t } = at(angle);
        const [value, change] = truncated(t);
        const turn = sine * cosine * (sigma_n ** 2 - sigma_f ** 2) / spread;
        return spread * change * sine * mu_f + spread * (2 * value - t * change) * turn
            - 2 * lambda * sigma_n ** 2 * sine * cosine;
    };
    const { cosine, spread, t } = at(bisected(slope, 1e-12, Math.PI / 2, bisections));
    return { cosine, margin: cosine * mu_f + spread * t };
}

const is_separable = ({ lambda, mu_f, sigma_f }) => lambda > separability_threshold(mu_f / sigma_f);

/* The accuracy of max margin; null where the data is not separable. */
function max_margin_accuracy(state, bisections = BISECTIONS) {
    const { lambda, mu_f, sigma_f, sigma_n } = state;
    if (!is_separable(state)) return null;
    return accuracy(largest_margin(lambda, mu_f, sigma_f, sigma_n, bisections).cosine, mu_f, sigma_f, sigma_n);
}

/* The weights that minimise the regularised loss: signal = S_1, noise = q = sigma_n ||S_perp||, ratio = q/S_1 and
 * the logits of training samples; or why there are none. `near` is a solution for nearby data. */
function solution_of(state, near = null) {
    const { alpha, lambda, mu_f, sigma_f, sigma_n } = state, penalty = penalty_of(state);
    if (penalty.concave !== null && alpha > 0) {
        const where = `f″ is negative at z = ${short(penalty.concave)}`;
        return { why: `The penalty is not convex: ${where}, and the theory rests on convexity.` };
    }
    const loss = loss_at(penalty, alpha), target = loss.minimiser;
    if (target === null) return { why: "The penalty does not hold the logits back: there is no finite target." };
    if (target < 0) return { why: "The target is negative: this penalty pulls every sample to the wrong side." };
    if (target === 0) return { why: "The target is zero, and so are the weights." };
    if (alpha === 0 && is_separable(state)) {
        const { cosine } = largest_margin(lambda, mu_f, sigma_f, sigma_n), grows = Infinity;
        const ratio = sigma_n * Math.sqrt((1 - cosine) * (1 + cosine)) / cosine;
        return { loss, signal: grows, noise: grows, ratio, train: { mean: grows, deviation: grows, loss: 0 } };
    }
    const train = { mean: target, deviation: 0, loss: loss.value(target) };
    if (lambda > 1) {
        const given = [target, mu_f, sigma_f, sigma_n, lambda];
        const signal = least_norm_signal(...given), noise = sigma_n * least_norm_noise(...given);
        return { loss, signal, noise, ratio: noise / signal, train };
    }
    if (lambda === 1) {
        return { loss, signal: target * mu_f / (mu_f ** 2 + sigma_f ** 2), noise: Infinity, ratio: Infinity, train };
    }
    const found = saddle(loss, state, near && near.saddle);
    if (found.vanished) return { why: "A kink of the penalty holds every logit at zero, and the weights are zero." };
    if (!(found.residual <= ACCEPTED)) {
        const residual = `${short(found.residual, 1)} instead of ${short(ACCEPTED)}`;
        return { why: `The equations of the limit were solved only to ${residual}: no numbers are shown.` };
    }
    const { first: signal, q: noise } = found;
    return { loss, signal, noise, ratio: noise / signal, train: training_logits(loss, found), saddle: found };
}

function accuracy_of({ mu_f, sigma_f, sigma_n }, { why, ratio }) {
    return why ? null : accuracy(cosine(ratio, sigma_n), mu_f, sigma_f, sigma_n);
}

/* Both accuracies where one number of the state moves along points. */
function* accuracies_along(axis, state, points) {
    /* Below lambda = 1 the noise across the signal is scaled away, but not from max margin. */
    const scaled_away = axis === "sigma_n" && state.lambda < 1 && !(state.alpha === 0 && is_separable(state));
    let found = null;
    for (const x of points) {
        const here = { ...state, [axis]: x };
        if (!found || !scaled_away) found = solution_of(here, found);
        yield { x, regularised: accuracy_of(here, found), widest: max_margin_accuracy(here) };
    }
}

/* The places on a path of accuracies at which the two are equal. */
function crossings(axis, state, path) {
    const lead = ({ regularised, widest }) => (regularised === null || widest === null ? null : regularised - widest);
    const found = [];
    for (let i = 1; i < path.length; i++) {
        const before = lead(path[i - 1]), after = lead(path[i]);
        if (before === null || after === null || before < 0 === after < 0) continue;
        const side = before < 0 ? 1 : -1;
        let near = null;
        const at = (x) => {
            const here = { ...state, [axis]: x };
            near = solution_of(here, near);
            return side * (accuracy_of(here, near) - max_margin_accuracy(here));
        };
        found.push(bisected(at, path[i - 1].x, path[i].x, 48));
    }
    return found;
}

/* What regularisation adds to the accuracy of max margin, for each sigma_f at all sigma_n: null where data is not
 * separable, undefined where there is no solution. */
function* benefits(state, columns, rows, bisections) {
    let found = null;
    for (const sigma_f of columns) {
        const column = { ...state, sigma_f };
        found = state.lambda < 1 && is_separable(column) ? solution_of(column, found) : null;
        yield rows.map((sigma_n) => {
            const cell = { ...column, sigma_n }, widest = max_margin_accuracy(cell, bisections);
            if (widest === null) return null;
            const regularised = state.alpha === 0 ? widest : accuracy_of(cell, found ?? solution_of(cell));
            return regularised === null ? undefined : regularised - widest;
        });
    }
}

/* All numbers of a state; null for what does not exist there. */
function numbers_of(state, solution = solution_of(state)) {
    const { alpha, K, lambda, mu_f, sigma_f, sigma_n } = state, penalty = penalty_of(state);
    const target = target_of(penalty, alpha), threshold = separability_threshold(mu_f / sigma_f);
    const widest = lambda > threshold ? largest_margin(lambda, mu_f, sigma_f, sigma_n) : null;
    const found = {
        target,
        gap: gap_of(penalty, alpha, K),
        loss: target === null ? null : alpha === 0 ? 0 : penalty.loss(target, alpha),
        mean: null, deviation: null, train_mean: null, train_deviation: null, train_loss: null,
        cosine: null,
        accuracy: accuracy_of(state, solution),
        threshold,
        margin: widest && widest.margin,
        margin_cosine: widest && widest.cosine,
        margin_accuracy: widest && accuracy(widest.cosine, mu_f, sigma_f, sigma_n),
        benefit: null,
        residual: solution.saddle ? solution.saddle.residual : null,
    };
    if (solution.why) return found;
    const { signal, noise, ratio, train } = solution;
    const mean = signal * mu_f, deviation = Math.hypot(signal * sigma_f, noise);
    return {
        ...found,
        mean,
        deviation,
        train_mean: train.mean,
        train_deviation: train.deviation,
        train_loss: train.loss,
        cosine: cosine(ratio, sigma_n),
        benefit: widest && found.accuracy - found.margin_accuracy,
    };
}

function short(x, digits = 4) {
    if (x === null) return "–";
    if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
    return String(Number(x.toPrecision(digits))).replace("-", "−");
}

/* Everything that the page shows as numbers, from a state {penalty, alpha, K, lambda, mu_f, sigma_f,
 * sigma_n}. What has an export is computed by the exported function. */

const BISECTIONS = 60;

function increasing_root(f, low, high, bisections = BISECTIONS) {
    for (let i = 0; i < bisections; i++) {
        const middle = (low + high) / 2;
        if (f(middle) > 0) high = middle;
        else low = middle;
    }
    return (low + high) / 2;
}

function normal_cdf(t) {
    const tail = complementary_error(Math.abs(t) / Math.SQRT2) / 2;
    return t < 0 ? tail : 1 - tail;
}

function normal_density(t) {
    return Math.exp(-t * t / 2) / Math.sqrt(2 * Math.PI);
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
    const angle = increasing_root(slope, 0, Math.PI / 2);
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
    const { cosine, spread, t } = at(increasing_root(slope, 1e-12, Math.PI / 2, bisections));
    return { cosine, margin: cosine * mu_f + spread * t };
}

/* The logit of least loss for two classes; where no target is exported, the zero of the slope. */
function target_of(penalty, alpha) {
    if (penalty.target) return penalty.target(alpha);
    let far = 1;
    while (penalty.slope(far, alpha) < 0) far *= 2;
    return increasing_root((z) => penalty.slope(z, alpha), 0, far);
}

/* The gap of the logits for K classes, null without an export. */
function gap_of(penalty, alpha, K) {
    if (K === 2) return target_of(penalty, alpha);
    return penalty.gap ? penalty.gap(alpha, K) : null;
}

/* The weights that put the training logits as near as can be to the target: S_1, and
 * q = sigma_n ||S_perp||. Below lambda = 1 least squares, above it the shortest interpolation. */
function fitted(lambda, mu_f, sigma_f, sigma_n, target) {
    if (lambda > 1) {
        const given = [target, mu_f, sigma_f, sigma_n, lambda];
        return { signal: least_norm_signal(...given), noise: sigma_n * least_norm_noise(...given) };
    }
    const signal = target * mu_f / (mu_f ** 2 + sigma_f ** 2);
    const ratio = lambda < 1 ? limit_noise_ratio(lambda, mu_f, sigma_f) : Infinity;
    return { signal, noise: ratio * signal };
}

function regularised_accuracy(lambda, mu_f, sigma_f, sigma_n) {
    if (lambda < 1) return limit_accuracy(lambda, mu_f / sigma_f);
    if (lambda === 1) return 0.5;
    const { signal, noise } = fitted(lambda, mu_f, sigma_f, sigma_n, 1);
    return accuracy(cosine(noise / signal, sigma_n), mu_f, sigma_f, sigma_n);
}

function max_margin_accuracy(lambda, mu_f, sigma_f, sigma_n, bisections = BISECTIONS) {
    const { cosine } = largest_margin(lambda, mu_f, sigma_f, sigma_n, bisections);
    return accuracy(cosine, mu_f, sigma_f, sigma_n);
}

/* What regularisation adds to the accuracy of max margin; null where that does not exist. */
function benefit(lambda, mu_f, sigma_f, sigma_n, bisections = BISECTIONS) {
    if (lambda <= separability_threshold(mu_f / sigma_f)) return null;
    return regularised_accuracy(lambda, mu_f, sigma_f, sigma_n)
        - max_margin_accuracy(lambda, mu_f, sigma_f, sigma_n, bisections);
}

/* The sigma_n between low and high at which the benefit changes its sign. */
function crossings(lambda, mu_f, sigma_f, low, high) {
    const at = (sigma_n) => benefit(lambda, mu_f, sigma_f, sigma_n);
    const found = [];
    if (at(low) === null) return found;
    const pieces = 40;
    let left = low, before = at(low);
    for (let i = 1; i <= pieces; i++) {
        const right = low + (high - low) * i / pieces, after = at(right);
        if (before < 0 !== after < 0) {
            const side = before < 0 ? 1 : -1;
            found.push(increasing_root((sigma_n) => side * at(sigma_n), left, right));
        }
        left = right;
        before = after;
    }
    return found;
}

/* All numbers of a state; null for what does not exist there. */
function numbers_of(state) {
    const { alpha, K, lambda, mu_f, sigma_f, sigma_n } = state;
    const penalty = PENALTIES[state.penalty];
    const target = target_of(penalty, alpha);
    const { signal, noise } = fitted(lambda, mu_f, sigma_f, sigma_n, target);
    const mean = signal * mu_f, deviation = Math.hypot(signal * sigma_f, noise);
    const rest = Math.max(1 - lambda, 0);
    const threshold = separability_threshold(mu_f / sigma_f);
    const separable = lambda > threshold;
    const widest = separable ? largest_margin(lambda, mu_f, sigma_f, sigma_n) : null;
    const regularised = regularised_accuracy(lambda, mu_f, sigma_f, sigma_n);
    const unregularised = widest && accuracy(widest.cosine, mu_f, sigma_f, sigma_n);
    return {
        target,
        gap: gap_of(penalty, alpha, K),
        loss: penalty.loss(target, alpha),
        mean,
        deviation,
        train_mean: target + (rest && rest * (mean - target)),
        train_deviation: rest && rest * deviation,
        cosine: cosine(noise / signal, sigma_n),
        accuracy: regularised,
        threshold,
        margin: widest && widest.margin,
        margin_cosine: widest && widest.cosine,
        margin_accuracy: unregularised,
        benefit: widest && regularised - unregularised,
    };
}

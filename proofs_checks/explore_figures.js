/* The figures: each is the inner SVG of an element, written as text from numbers alone. */

const FRAME = { left: 42, right: 350, top: 12, bottom: 196 };
const sub = (letter, index) => `${letter}<tspan dy="3" font-size="9">${index}</tspan>`;
const SYMBOLS = { alpha: "α", lambda: "λ", sigma_f: sub("σ", "f"), sigma_n: sub("σ", "n") };
const WORDS = { alpha: "α", lambda: "λ", sigma_n: "σₙ" };

/* Strengths are shown even in log(alpha/(1 - alpha)), between these; to the left of the first is zero. */
const LOGIT = {
    low: -7,
    high: 7,
    to: (alpha) => clip(Math.log(alpha / (1 - alpha)), LOGIT.low, LOGIT.high),
    from: (t) => (t <= LOGIT.low ? 0 : Number((1 / (1 + Math.exp(-t))).toPrecision(3))),
    marks: [0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999],
};

const element = (id) => document.getElementById(id);
const limits = (field) => [Number(field.min), Number(field.max)];
const percent = (x) => `${(100 * x).toFixed(2)} %`;
const degrees = (c) => `${(Math.acos(c) * 180 / Math.PI).toFixed(1)}°`;
const points_of = (gain) => `${gain < 0 ? "−" : ""}${(100 * Math.abs(gain)).toFixed(2)} points`;
const scale = (low, high, from, to) => (x) => from + (x - low) / (high - low) * (to - from);
const places = (low, high, pieces) => Array.from({ length: pieces + 1 }, (_, i) => low + (high - low) * i / pieces);

function ticks(low, high, count = 5) {
    const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
    const found = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) found.push(i * step);
    return found;
}

function frame([x_low, x_high], [y_low, y_high], x_name, y_name = "", marks = ticks(x_low, x_high), to = (x) => x) {
    const { left, right, top, bottom } = FRAME;
    const even = scale(to(x_low), to(x_high), left, right), x = (at) => even(to(at));
    const y = scale(y_low, y_high, bottom, top);
    let text = `<path class="axis" d="M${left} ${top}V${bottom}H${right}"/>`;
    for (const t of marks) {
        text += `<path class="axis" d="M${x(t)} ${bottom}v4"/>`
            + `<text x="${x(t)}" y="${bottom + 17}" text-anchor="middle">${short(t)}</text>`;
    }
    for (const t of ticks(y_low, y_high, 4)) {
        text += `<path class="axis" d="M${left} ${y(t)}h-4"/>`
            + `<text x="${left - 7}" y="${y(t) + 4}" text-anchor="end">${short(t)}</text>`;
    }
    text += `<text class="strong" x="${right}" y="${bottom + 31}" text-anchor="end">${x_name}</text>`
        + `<text class="strong" x="4" y="${top - 3}">${y_name}</text>`;
    return { x, y, text };
}

/* A line through points [x, y], broken where one is null or outside of the frame. */
function line(points, { x, y }, name) {
    let path = "", pen = "M";
    for (const [at, value] of points) {
        const place = y(value);
        const inside = value !== null && place >= FRAME.top - 4 && place <= FRAME.bottom + 2;
        if (inside) path += `${pen}${x(at).toFixed(2)} ${place.toFixed(2)}`;
        pen = inside ? "L" : "M";
    }
    return `<path class="line ${name}" d="${path}"/>`;
}

function curve(f, [low, high], axes, name, pieces = 160) {
    return line(places(low, high, pieces).map((at) => [at, f(at)]), axes, name);
}

function upright(at, label, { x }) {
    if (!(x(at) >= FRAME.left && x(at) <= FRAME.right)) return "";
    const beyond = x(at) > 290;
    return `<path class="mark" d="M${x(at)} ${FRAME.top}V${FRAME.bottom}"/>`
        + `<text class="strong" x="${x(at) + (beyond ? -5 : 5)}" y="${FRAME.top + 8}" `
        + `text-anchor="${beyond ? "end" : "start"}">${label}</text>`;
}

const dot = (at, value, { x, y }) => `<circle class="dot" cx="${x(at)}" cy="${y(value)}" r="4.5"/>`;

function show(id, text, note) {
    element(id).innerHTML = text;
    element(`${id}-note`).textContent = note;
}

function draw_loss(state, { target, loss }) {
    const { alpha } = state, penalty = penalty_of(state), finite = Number.isFinite(target) && target !== null;
    const across = [Math.min(-3, finite ? 1.5 * target : 0), Math.max(4, finite ? 1.5 * target : 0)];
    const plain = (z) => PENALTIES.quadratic.loss(z, 0);
    const axes = frame(across, [Math.min(0, 1.2 * loss), Math.max(3, 1.5 * loss)], "logit z");
    const total = alpha > 0 ? curve((z) => penalty.loss(z, alpha), across, axes, "one", 600) : "";
    const least = finite ? upright(target, "z*", axes) + total + dot(target, loss, axes) : total;
    show("loss", axes.text + curve(plain, across, axes, "three dashed") + least,
        finite ? `Least at z* = ${short(target)}, where the loss is ${short(loss)}.`
            : alpha === 0 ? "Without a penalty the loss falls for ever: no finite target."
                : "This penalty does not hold the logits back: no finite target.");
}

function target_curves(state) {
    const { K } = state, penalty = penalty_of(state);
    const values = Object.keys(penalty.parameters).map((name) => state[name]);
    return cached(`curves ${K} ${state.penalty} ${values}`, () => {
        const along = (exported, f) => places(0, 1, exported ? 160 : 60).slice(1, -1).map((a) => [a, f(a)]);
        return {
            two: along(penalty.target, (a) => target_of(penalty, a)),
            several: along(K === 2 ? penalty.target : penalty.gap, (a) => gap_of(penalty, a, K)),
        };
    });
}

function draw_targets(state, { target, gap }) {
    const { alpha, K } = state, { two, several } = target_curves(state);
    const finite = [target, gap].filter((x) => x !== null && Number.isFinite(x));
    const axes = frame([0, 1], [Math.min(0, ...finite), Math.max(6, ...finite.map((x) => 1.2 * x))], "strength α");
    show("targets", axes.text + upright(alpha, "α", axes) + line(several, axes, "two") + line(two, axes, "one")
        + finite.map((x) => dot(alpha, x, axes)).join(""),
        finite.length === 0 ? "No finite target here."
            : `Two classes: ${short(target)}. `
                + (gap === null ? `No finite gap for ${K} classes.`
                    : `${K} classes: a gap of ${short(gap)} between the true class and the others.`));
}

/* The density of the training logits p(Z), since Z = t + gamma l'(t), and the share that rests on each kink. */
function training_law({ saddle: { first, q, gamma }, loss }, { mu_f, sigma_f }) {
    const m = first * mu_f, s = Math.hypot(first * sigma_f, q);
    const normal = (t, slope) => (t + gamma * slope - m) / s;
    const walls = loss.breaks.filter(({ left, right }) => !Number.isFinite(left + right));
    const outside = (t) => walls.some(({ point, left }) => (left === -Infinity ? t < point : t > point));
    return {
        density: (t) => (outside(t) ? null
            : normal_density(normal(t, loss.slope(t))) * (1 + gamma * loss.curvature(t)) / s),
        resting: loss.breaks
            .map(({ point, left, right }) => {
                return { point, share: normal_cdf(normal(point, right)) - normal_cdf(normal(point, left)) };
            })
            .filter(({ share }) => share > 1e-4),
    };
}

function draw_logits(state, numbers, solution) {
    const { target, mean, deviation, train_mean, train_deviation } = numbers;
    if (solution.why) return show("logits", "", solution.why);
    if (!Number.isFinite(deviation)) {
        return show("logits", "", state.alpha === 0
            ? "Without a penalty the logits of separable data grow without end."
            : "At λ = 1 the weights diverge, and so do the logits.");
    }
    const bell = (z) => normal_density((z - mean) / deviation) / deviation;
    const finite = Number.isFinite(target) ? target : train_mean;
    const across = [Math.min(0, mean - 3 * deviation), Math.max(1.2 * finite, mean + 3 * deviation)];
    const { density, resting } = solution.saddle ? training_law(solution, state)
        : { density: null, resting: [{ point: target, share: 1 }] };
    const trained = density ? places(...across, 700).map((z) => [z, density(z)]) : [];
    const most = Math.max(1.1 * bell(mean), ...trained.map(([, value]) => value ?? 0));
    const axes = frame(across, [0, 1.12 * Math.min(most, 20 * bell(mean))], "logit z");
    const spike = ({ point }) => `<path class="line two" d="M${axes.x(point)} ${FRAME.bottom}V${FRAME.top + 14}"/>`;
    const shares = resting.map(({ point, share }) => `${percent(share)} at ${short(point)} exactly`);
    show("logits", axes.text + upright(target, "z*", axes) + curve(bell, across, axes, "one")
            + line(trained, axes, "two") + resting.map(spike).join(""),
        `Fresh: ${short(mean)} ± ${short(deviation)}. `
        + (density ? `Training: ${[`${short(train_mean)} ± ${short(train_deviation)}`, ...shares].join(", ")}.`
            : "Every training logit is z*."));
}

function draw_direction(_, { cosine: rho, margin_cosine }, { why }) {
    const origin = [50, 196], length = 165;
    const arrow = (cosine, name) => {
        const sine = Math.sqrt(Math.max(0, (1 - cosine) * (1 + cosine)));
        const tip = [origin[0] + length * cosine, origin[1] - length * sine];
        const wing = (side) => {
            const a = Math.atan2(sine, cosine) + Math.PI + side * 0.35;
            return `L${tip[0] + 11 * Math.cos(a)} ${tip[1] - 11 * Math.sin(a)}`;
        };
        return `<path class="line ${name}" d="M${origin}L${tip}M${tip}${wing(1)}M${tip}${wing(-1)}"/>`;
    };
    const quarter = `<path class="axis" stroke-dasharray="2 4" d="M${origin[0] + length} ${origin[1]}`
        + `A${length} ${length} 0 0 0 ${origin[0]} ${origin[1] - length}"/>`;
    const axes = `<path class="axis" d="M${origin[0]} ${origin[1] - length - 10}V${origin[1]}h${length + 25}"/>`
        + `<text class="strong" x="${origin[0] + length + 30}" y="${origin[1] + 4}">Fisher: the signal</text>`
        + `<text class="strong" x="${origin[0] + 8}" y="${origin[1] - length - 4}">noise</text>`;
    const said = [why ?? `${degrees(rho)} from Fisher’s direction with regularisation`];
    if (margin_cosine !== null) said.push(`${degrees(margin_cosine)} for max margin`);
    const arrows = [[margin_cosine, "two"], [rho, "one"]].filter(([cosine]) => cosine !== null);
    show("direction", quarter + axes + arrows.map(([cosine, name]) => arrow(cosine, name)).join(""),
        why ? said.join(" ") : `${said.join(", ")}.`);
}

/* The path of accuracies as far as it is known; equal holds the crossings once it is complete. */
function draw_accuracies(state, numbers, { axis, path, equal }) {
    const strength = axis === "alpha" ? [LOGIT.marks, LOGIT.to] : [];
    const known = path.flatMap(({ regularised, widest }) => [regularised, widest]).filter((x) => x !== null);
    const heights = [Math.max(0, Math.min(0.5, ...known) - 0.02), 1];
    const axes = frame(limits(element(axis)), heights, SYMBOLS[axis], "", ...strength);
    const flat = path.length > 1 && path.every(({ regularised }) => {
        return regularised !== null && Math.abs(regularised - path[0].regularised) < 1e-9;
    });
    const here = [[numbers.accuracy, "with regularisation"], [numbers.margin_accuracy, "for max margin"]]
        .filter(([x]) => x !== null);
    const said = here.map(([x, words]) => `${percent(x)} ${words}`).join(", ");
    show("accuracies", axes.text + upright(state[axis], SYMBOLS[axis], axes)
        + line(path.map(({ x, widest }) => [x, widest]), axes, "two")
        + line(path.map(({ x, regularised }) => [x, regularised]), axes, "one")
        + here.map(([x]) => dot(state[axis], x, axes)).join(""),
        (said ? `Here ${said}. ` : "") + (flat ? `With regularisation it does not depend on ${WORDS[axis]}. ` : "")
        + (equal && equal.length ? `Equal at ${WORDS[axis]} = ${equal.map((x) => short(x)).join(" and ")}.` : ""));
}

const HATCH = '<pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    + '<path class="axis" d="M0 0V5"/></pattern>';

/* The benefit on a grid, {columns, rows, values}, as far as it is known. */
function draw_phase(state, { benefit: gain, margin }, { columns, rows, values }) {
    const axes = frame(limits(element("sigma_f")), limits(element("sigma_n")), SYMBOLS.sigma_f, SYMBOLS.sigma_n);
    const wide = (FRAME.right - FRAME.left) / columns.length, tall = (FRAME.bottom - FRAME.top) / rows.length;
    let cells = "", edge = "", pen = "M";
    values.forEach((column, i) => {
        let met = false;
        column.forEach((value, j) => {
            if (value === undefined) return;
            const name = value === null ? "none" : value > 0 ? "one" : "two";
            const strength = 100 * Math.sqrt(2 * Math.abs(value));
            cells += `<rect class="cell ${name}" x="${(FRAME.left + i * wide).toFixed(2)}" `
                + `y="${(FRAME.bottom - (j + 1) * tall - 0.5).toFixed(2)}" width="${(wide + 0.5).toFixed(2)}" `
                + `height="${(tall + 0.5).toFixed(2)}" style="--strength: ${Math.min(100, strength).toFixed(1)}%"/>`;
            const next = column[j + 1];
            if (value !== null && next !== undefined && value < 0 !== next < 0 && !met) {
                const at = rows[j] + (rows[1] - rows[0]) * value / (value - next);
                edge += `${pen}${axes.x(columns[i]).toFixed(2)} ${axes.y(at).toFixed(2)}`;
                pen = "L";
                met = true;
            }
        });
        if (!met) pen = "M";
    });
    const place = dot(state.sigma_f, state.sigma_n, axes);
    show("phase", `${HATCH}${cells}${axes.text}<path class="edge" d="${edge}"/>${place}`,
        (state.alpha === 0 ? "Without a penalty gradient descent gives max margin itself. "
            : margin === null ? "Here the data is not separable: there is no max margin. "
            : gain === null ? "" : `Here regularisation ${gain < 0 ? "loses" : "gains"} ${points_of(Math.abs(gain))}. `)
        + (values.flat().includes(undefined) ? "Blank: no limit there. " : "")
        + "Full colour is a difference of 50 points. Click to move there; the sliders do the same.");
}

function summary_of(state, numbers, { why, saddle: found }) {
    const { penalty, alpha, lambda } = state;
    const { target, mean, deviation, accuracy: regularised, threshold, margin_accuracy, benefit: gain } = numbers;
    const named = penalty_of(state).own ? `f(z) = ${penalty}` : `the penalty ${penalty}`;
    const margin = margin_accuracy === null
        ? `At λ = ${short(lambda)} the data is not separable (it is above ${short(threshold)}), so there is no max margin.`
        : `Max margin is right on ${percent(margin_accuracy)}.`;
    if (why) return `With ${named} at α = ${short(alpha)}, no limit. ${why} ${margin}`;
    if (alpha === 0 && margin_accuracy !== null) {
        return `Without a penalty gradient descent goes to max margin, right on ${percent(regularised)} of fresh samples.`;
    }
    const start = alpha === 0 ? "Without a penalty there is no target."
        : `With ${named} at α = ${short(alpha)} the target is z* = ${short(target)}.`;
    const fresh = `Fresh logits are ${short(mean)} ± ${short(deviation)}, and ${percent(regularised)} of them are right.`;
    const won = gain === null ? margin
        : `${margin.slice(0, -1)}: regularisation ${gain < 0 ? "loses" : "gains"} ${points_of(Math.abs(gain))}.`;
    const doubt = found && found.residual > GOAL
        ? ` The equations of the limit are solved to ${short(found.residual, 1)} only.` : "";
    return `${start} ${fresh} ${won}${doubt}`;
}

/* The call of logitreg that gives the same numbers. */
function python_of(state) {
    const { penalty, alpha, lambda, mu_f, sigma_f, sigma_n } = state;
    const known = Object.hasOwn(PENALTIES, penalty) ? Object.keys(PENALTIES[penalty].parameters) : [];
    const quoted = JSON.stringify(penalty);
    const values = known.map((id) => `${id}=${state[id]}`);
    const name = known.length ? `lr.penalty(${[quoted, ...values].join(", ")})` : quoted;
    const data = `${lambda}, signal=${mu_f}, signal_noise=${sigma_f}, orthogonal_noise=${sigma_n}`;
    return `lr.asymptotics(${data}, penalty=${name}, alpha=${alpha})`;
}
